"""Times as exports write them. Pure."""

import re
from datetime import UTC, datetime

# Go prints "2024-03-01 10:00:00.5 +0000 UTC".
_SPACED = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?([+-]\d\d:?\d\d)?(?: [A-Z]{2,5})?", re.ASCII)


def with_offset(text: str) -> str:
    """As RFC 3339 where it is a time; without an offset it is UTC. Digits are seconds since 1970.

    What is no time comes back as it is, to be refused by whoever knows the field.
    """
    try:
        if text.isascii() and text.isdigit() and 9 <= len(text) <= 11:
            return datetime.fromtimestamp(int(text), UTC).isoformat()
        found = _SPACED.fullmatch(text)
        moment = datetime.fromisoformat("".join(found.groups("")) if found else text)
    except (ValueError, OverflowError, OSError):
        return text
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
