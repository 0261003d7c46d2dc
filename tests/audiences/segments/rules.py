"""Rules and people that Hypothesis makes: from a small world, so that they meet, with what is hostile in it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from audiences.segments.vocabulary import OPERATORS, Operand

NAMES = ["plan", "it's", 'quo"te', "a.b", "日付", "%s", "{0}", "\\", "--", "$1"]
TEXTS = [
    "pro",
    "Pro",
    "a%b_c",
    "it's",
    '"',
    "\\",
    "\\'; DROP TABLE x; --",
    "müller",
    "😀",
    "null",
    "true",
    "7",
    "%(x)s",
    "{}",
]
DAYS = ["2024-02-29", "2025-02-28", "2025-03-01", "2024-12-31", "2025-01-01", "1990-02-29", "2000-02-29", "1999-03-01"]
DATES = [
    *DAYS,
    "2025-02-29",
    "2025-02-30",
    "2025-13-01",
    "1900-02-29",
    "20250228",
    "2025-02-28T10:00:00",
    "2025-02-28 10:00",
    "2025-02-28T23:30:00Z",
    "2025-02-28T23:30:00-05:00",
    "2025-03-01T08:00:00.123456789+14:00",
    "2025-02-28T24:00:00Z",
    "2025-02-27T12:00:00+1000",
    "2025-02-28T10:00:00+15:00",
    "2025-02-28x",
    "today",
    "infinity",
]
NUMBERS = [0, 1, -3, 2.5, 0.1, 7, 10**15, -(10**15), 1e-7]
MOMENTS = [
    datetime(2025, 2, 28, 12, tzinfo=UTC),
    datetime(2024, 2, 28, 23, 30, tzinfo=UTC),
    datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2025, 3, 1, 0, 0, tzinfo=UTC),
]
ZONES = ["UTC", "Pacific/Kiritimati", "Pacific/Niue", "Europe/Berlin", "Asia/Kathmandu"]
EVENTS = ["order_placed", "it's \\ % {}"]

_texts, _numbers, _days = st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.sampled_from(DAYS)
_scalars = st.one_of(_texts, _numbers)
values = st.one_of(
    _texts,
    _numbers,
    st.booleans(),
    st.none(),
    st.sampled_from(DATES),
    st.sampled_from(DATES),
    st.lists(st.one_of(_scalars, st.booleans(), st.just(["pro"])), max_size=3),
    st.just({"plan": "pro"}),
    st.just(1e300),
)
bags = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)


def _several(one: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    few = st.lists(one, min_size=1, max_size=3)
    # Enough that they are no longer looked up in the index.
    many = few.map(
        lambda found: [*found, *(f"none {i}" if isinstance(found[0], str) else 10**6 + i for i in range(60))]
    )
    return st.fixed_dictionaries({"values": st.one_of(few, few, many)})


def _range(one: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(one, one).map(lambda pair: {"from": min(pair), "to": max(pair)})


_OPERANDS = {
    Operand.NOTHING: st.just({}),
    Operand.TEXT: st.fixed_dictionaries({"value": _texts}),
    Operand.TEXTS: _several(_texts),
    Operand.NUMBER: st.fixed_dictionaries({"value": _numbers}),
    Operand.NUMBERS: _several(_numbers),
    Operand.NUMBER_RANGE: _range(_numbers),
    Operand.FLAG: st.fixed_dictionaries({"value": st.booleans()}),
    Operand.DAY: st.fixed_dictionaries({"value": _days.filter(lambda day: day != "1990-02-29")}),
    Operand.DAY_RANGE: _range(_days.filter(lambda day: day != "1990-02-29")),
    Operand.DAYS: st.fixed_dictionaries({"days": st.sampled_from([0, 1, 2, 30, 59, 366, 400, 36_500])}),
    Operand.SCALAR: st.fixed_dictionaries({"value": _scalars}),
    Operand.SCALARS: _several(_scalars),
}


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    value_type = draw(st.sampled_from(sorted(OPERATORS)))
    operator = draw(st.sampled_from(sorted(OPERATORS[value_type])))
    begin = {"name": draw(st.sampled_from(NAMES)), "value_type": value_type, "operator": operator}
    return begin | draw(_OPERANDS[OPERATORS[value_type][operator]])


def _moments(now: datetime) -> st.SearchStrategy[str]:
    return st.integers(-60, 5).map(lambda days: (now + timedelta(days=days)).isoformat())


def windows(now: datetime) -> st.SearchStrategy[dict[str, Any]]:
    last = st.fixed_dictionaries(
        {"last": st.integers(1, 60), "unit": st.sampled_from(["minutes", "hours", "days", "weeks"])}
    )
    span = st.tuples(_moments(now), _moments(now)).map(sorted)
    return st.one_of(
        last,
        span.map(lambda pair: {"from": pair[0], "to": pair[1]}),
        span.map(lambda pair: {"from": pair[0]}),
        span.map(lambda pair: {"to": pair[1]}),
    )


def events(now: datetime) -> st.SearchStrategy[dict[str, Any]]:
    counts = st.fixed_dictionaries(
        {"operator": st.sampled_from(["at_least", "at_most", "exactly"]), "value": st.integers(0, 3)}
    )
    return st.fixed_dictionaries(
        {"type": st.just("event"), "operator": st.sampled_from(["did", "did_not"]), "name": st.sampled_from(EVENTS)},
        optional={"count": counts, "within": windows(now), "where": st.lists(comparisons(), max_size=2)},
    )


def _few(one: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(one, min_size=1, max_size=2)


def conditions(now: datetime, *, list_ids: list[int], campaign_ids: list[int]) -> st.SearchStrategy[dict[str, Any]]:
    named: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {"type": st.just("campaign"), "operator": st.sampled_from(["received", "not_received"])},
        optional={
            "campaign_ids": _few(st.sampled_from(campaign_ids)),
            "tags": _few(st.sampled_from(["sale", "SALE", "brand"])),
            "within": windows(now),
        },
    ).filter(lambda rule: "tags" in rule or "campaign_ids" in rule)
    return st.one_of(
        comparisons().map(lambda one: {"type": "attribute", **one}),
        comparisons().map(lambda one: {"type": "attribute", **one}),
        events(now),
        named,
        st.fixed_dictionaries(
            {
                "type": st.just("list"),
                "operator": st.sampled_from(["in", "not_in"]),
                "list_ids": _few(st.sampled_from(list_ids)),
            }
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("locale"),
                "operator": st.sampled_from(["in", "not_in"]),
                "values": _few(st.sampled_from(["pt", "pt-BR", "de", "pt-PT"])),
            }
        ),
        st.fixed_dictionaries(
            {"type": st.sampled_from(["locale", "timezone"]), "operator": st.sampled_from(["exists", "not_exists"])}
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("timezone"),
                "operator": st.sampled_from(["in", "not_in"]),
                "values": st.just(["Europe/Berlin", "Asia/Tokyo"]),
            }
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("channel"),
                "operator": st.sampled_from(["reachable", "not_reachable"]),
                "channel": st.sampled_from(["email", "push"]),
            }
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("channel"),
                "operator": st.sampled_from(["reachable", "not_reachable"]),
                "channel": st.just("push"),
                "app_ids": st.just(["shop"]),
            }
        ),
    )


def rules(leaves: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    def joined(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        several = st.lists(inner, min_size=1, max_size=3)
        return st.one_of(
            st.builds(lambda word, found: {"type": word, "conditions": found}, st.sampled_from(["and", "or"]), several),
            inner.map(lambda one: {"type": "not", "condition": one}),
        )

    return st.recursive(leaves, joined, max_leaves=4)
