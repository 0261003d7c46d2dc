"""Texts of cells as values of a type: what a person wrote in a column of numbers, days or lists. Pure."""

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from audiences.bad_value import BadValue, shown

Convert = Callable[[str], Any]

TYPES = ("text", "number", "boolean", "date", "list")
DECIMALS = (".", ",")
ORDERS = ("year_month_day", "day_month_year", "month_day_year")
SEPARATORS = ("|", ";", ",")
_TRUE = frozenset({"true", "yes", "y", "t", "on", "1"})
_FALSE = frozenset({"false", "no", "n", "f", "off", "0"})
_NUMBERS = {
    ".": re.compile(r"[+-]?(?:\d+|\d{1,3}(?:[,'’ \u00a0\u202f]\d{3})+)(?:\.\d*)?(?:[eE][+-]?\d{1,3})?", re.ASCII),
    ",": re.compile(r"[+-]?(?:\d+|\d{1,3}(?:[.'’ \u00a0\u202f]\d{3})+)(?:,\d*)?(?:[eE][+-]?\d{1,3})?", re.ASCII),
}
_GROUPING = {".": str.maketrans("", "", ",'’ \u00a0\u202f"), ",": str.maketrans(",", ".", ".'’ \u00a0\u202f")}
_NUMERIC_DAY = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?:[T ]+(\d{1,2}:\d\d(?::\d\d)?))?", re.ASCII)
_LARGEST = 2**63


def to_number(text: str, decimal: str = ".") -> int | float:
    """Thousands may be grouped, by three. BadValue for what is no number, or none that a contact can keep."""
    if not _NUMBERS[decimal].fullmatch(text):
        raise BadValue("invalid_number", f"{shown(text)} is no number{_with(decimal)}.")
    plain = text.translate(_GROUPING[decimal])
    if plain.lstrip("+-").isdecimal() and len(plain) < 20:
        whole = int(plain)
        if -_LARGEST <= whole < _LARGEST:
            return whole
    found = float(plain)
    if not math.isfinite(found) or (plain.lstrip("+-").isdecimal()):
        raise BadValue("out_of_range", f"{shown(text)} is too large for a number; read the column as text.")
    return found


def _with(decimal: str) -> str:
    return " with a decimal comma" if decimal == "," else ""


def to_boolean(text: str) -> bool:
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise BadValue("invalid_boolean", f"{shown(text)} is neither true nor false.")


def to_date(text: str, order: str = "year_month_day") -> str:
    """ISO 8601: a day, or a day with its time. Days in ISO 8601 are read in any order that is asked for."""
    try:
        if found := _NUMERIC_DAY.fullmatch(text):
            return _ordered(found, order)
        if len(text) == 10:
            return date.fromisoformat(text).isoformat()
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        raise BadValue("invalid_date", f"{shown(text)} is no date like {_EXAMPLES[order]}.") from None


_EXAMPLES = {"year_month_day": "2026-01-31", "day_month_year": "31.01.2026", "month_day_year": "01/31/2026"}


def _ordered(found: re.Match[str], order: str) -> str:
    if order == "year_month_day":
        raise ValueError
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    month, day = (second, first) if order == "day_month_year" else (first, second)
    whole = date(year, month, day).isoformat()
    return whole if found[4] is None else datetime.fromisoformat(f"{whole}T{found[4]:0>5}").isoformat()


def to_list(text: str, separator: str = "|") -> list[str]:
    """Mailchimp puts each tag in quotes of its own."""
    parts = (part.strip() for part in text.split(separator))
    return [inner for part in parts if (inner := part[1:-1] if part[:1] == part[-1:] == '"' else part)]
