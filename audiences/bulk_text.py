"""Rows and arrays in the text that PostgreSQL reads them in, written a thousand at a time.

Sources: https://www.postgresql.org/docs/18/sql-copy.html (text format) and /docs/18/arrays.html (array input).
psycopg adapts each element by itself, which took longer than everything else that is done with a contact.
"""

from collections.abc import Iterable
from datetime import datetime

NULL = "\\N"
_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_QUOTED = str.maketrans({"\\": "\\\\", '"': '\\"'})


def cell(text: str | None) -> str:
    """One column of a line of COPY."""
    if text is None:
        return NULL
    return text if "\\" not in text and text.isprintable() else text.translate(_ESCAPED)


def number_array(values: Iterable[int | None]) -> str:
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"


def boolean_array(values: Iterable[bool]) -> str:
    return f"{{{','.join(['t' if value else 'f' for value in values])}}}"


def text_array(values: Iterable[str | None]) -> str:
    """Also of JSON."""
    return f"{{{','.join([_element(value) for value in values])}}}"


def moment_array(values: Iterable[datetime | None]) -> str:
    return f"{{{','.join(['NULL' if value is None else f'"{value.isoformat()}"' for value in values])}}}"


def _element(text: str | None) -> str:
    if text is None:
        return "NULL"
    return f'"{text.translate(_QUOTED) if "\\" in text or '"' in text else text}"'
