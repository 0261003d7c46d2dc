"""The words of a segment's rule: kinds of conditions, types of values, what each can be asked, and how much of it.

A rule is a tree. Its leaves are conditions; `and`, `or` and `not` join them. Every condition is true or false of a
contact, never neither: what a contact does not have fits no condition, and so fits the opposite of each.
"""

from collections.abc import Mapping
from enum import StrEnum

MAX_DEPTH = 6
MAX_CONDITIONS = 100
MAX_VALUES = 1_000
MAX_FILTERS = 10
MAX_IDS = 50
MAX_TEXT = 500
MAX_NAME = 100
MAX_EVENT_NAME = 200
MAX_NUMBER = 10**15
MAX_DAYS = 36_500
MAX_COUNT = 1_000_000
MAX_BYTES = 128 * 1024


class Kind(StrEnum):
    """What a node of a rule is: the word of its `type`."""

    AND = "and"
    OR = "or"
    NOT = "not"
    ATTRIBUTE = "attribute"
    EVENT = "event"
    LIST = "list"
    CAMPAIGN = "campaign"
    LOCALE = "locale"
    TIMEZONE = "timezone"
    CHANNEL = "channel"


GROUPS = (Kind.AND, Kind.OR)


class Operand(StrEnum):
    """What an operator compares with, and the fields that say it."""

    NOTHING = "nothing"
    TEXT = "text"
    TEXTS = "texts"
    NUMBER = "number"
    NUMBERS = "numbers"
    NUMBER_RANGE = "number_range"
    FLAG = "flag"
    DAY = "day"
    DAY_RANGE = "day_range"
    DAYS = "days"
    SCALAR = "scalar"
    SCALARS = "scalars"


# By type of value: the operators, and what each is given.
OPERATORS: Mapping[str, Mapping[str, Operand]] = {
    "any": {"exists": Operand.NOTHING, "not_exists": Operand.NOTHING},
    "text": {
        "equals": Operand.TEXT,
        "not_equals": Operand.TEXT,
        "in": Operand.TEXTS,
        "not_in": Operand.TEXTS,
        "contains": Operand.TEXT,
        "not_contains": Operand.TEXT,
        "starts_with": Operand.TEXT,
        "ends_with": Operand.TEXT,
    },
    "number": {
        "equals": Operand.NUMBER,
        "not_equals": Operand.NUMBER,
        "in": Operand.NUMBERS,
        "not_in": Operand.NUMBERS,
        "greater": Operand.NUMBER,
        "at_least": Operand.NUMBER,
        "less": Operand.NUMBER,
        "at_most": Operand.NUMBER,
        "between": Operand.NUMBER_RANGE,
    },
    "boolean": {"equals": Operand.FLAG},
    "date": {
        "on": Operand.DAY,
        "before": Operand.DAY,
        "after": Operand.DAY,
        "between": Operand.DAY_RANGE,
        "in_last": Operand.DAYS,
        "in_next": Operand.DAYS,
        "more_than_ago": Operand.DAYS,
        "anniversary_today": Operand.NOTHING,
        "anniversary_in_next": Operand.DAYS,
    },
    "list": {
        "has": Operand.SCALAR,
        "has_not": Operand.SCALAR,
        "has_any": Operand.SCALARS,
        "has_all": Operand.SCALARS,
        "has_none": Operand.SCALARS,
    },
}

# A negative operator is the exact opposite of a positive one.
OPPOSITES: Mapping[str, str] = {
    "not_exists": "exists",
    "not_equals": "equals",
    "not_in": "in",
    "not_contains": "contains",
    "has_not": "has",
    "has_none": "has_any",
    "did_not": "did",
    "not_received": "received",
    "not_reachable": "reachable",
}

# Conditions that have operators of their own.
KIND_OPERATORS: Mapping[Kind, tuple[str, ...]] = {
    Kind.EVENT: ("did", "did_not"),
    Kind.LIST: ("in", "not_in"),
    Kind.CAMPAIGN: ("received", "not_received"),
    Kind.LOCALE: ("in", "not_in", "exists", "not_exists"),
    Kind.TIMEZONE: ("in", "not_in", "exists", "not_exists"),
    Kind.CHANNEL: ("reachable", "not_reachable"),
}
COUNTS = ("at_least", "at_most", "exactly")
UNITS: Mapping[str, int] = {"minutes": 60, "hours": 3_600, "days": 86_400, "weeks": 604_800}
MAX_WINDOW_SECONDS = MAX_DAYS * 86_400
