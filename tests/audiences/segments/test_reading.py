"""What is said about a rule that can't be used: where, which code, what the limit is."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from audiences.segments import reading, schema_errors
from audiences.segments.node_schemas import RULE_SCHEMA
from audiences.segments.reading import read_rule
from audiences.segments.vocabulary import MAX_CONDITIONS, MAX_DEPTH
from tests.audiences.segments import rules

PRO = {"type": "attribute", "name": "plan", "value_type": "text", "operator": "equals", "value": "pro"}
ORDERED = {"type": "event", "operator": "did", "name": "order_placed"}


def attribute(value_type: str, operator: str, **given: Any) -> dict[str, Any]:
    return {"type": "attribute", "name": "plan", "value_type": value_type, "operator": operator, **given}


def nested(depth: int) -> dict[str, Any]:
    """`depth` nodes from the root to the leaf."""
    rule: dict[str, Any] = PRO
    for _ in range(depth - 1):
        rule = {"type": "not", "condition": rule}
    return rule


@pytest.mark.parametrize(
    ("rule", "field", "code"),
    [
        (None, "rule", "required"),
        ([], "rule", "wrong_type"),
        ("plan = pro", "rule", "wrong_type"),
        ({}, "rule.type", "required"),
        ({"type": "xor"}, "rule.type", "unknown_choice"),
        ({"type": ["and"]}, "rule.type", "unknown_choice"),
        ({"type": "and"}, "rule.conditions", "required"),
        ({"type": "and", "conditions": []}, "rule.conditions", "required"),
        ({"type": "and", "conditions": {}}, "rule.conditions", "wrong_type"),
        ({"type": "and", "conditions": [PRO], "condition": PRO}, "rule.condition", "unknown_field"),
        ({"type": "and", "conditions": [PRO, 7]}, "rule.conditions[1]", "wrong_type"),
        ({"type": "not"}, "rule.condition", "required"),
        (
            {"type": "not", "condition": {"type": "or", "conditions": [{}]}},
            "rule.condition.conditions[0].type",
            "required",
        ),
        (PRO | {"value_type": "money"}, "rule.value_type", "unknown_choice"),
        (PRO | {"operator": "like"}, "rule.operator", "unknown_choice"),
        (PRO | {"value": 5}, "rule.value", "wrong_type"),
        (PRO | {"value": ""}, "rule.value", "required"),
        (PRO | {"value": "x" * 501}, "rule.value", "too_long"),
        (PRO | {"name": "x" * 101}, "rule.name", "too_long"),
        (PRO | {"vlaue": 1}, "rule.vlaue", "unknown_field"),
        (PRO | {"value": "a\0b"}, "rule", "nul"),
        (PRO | {"value": "\ud800"}, "rule", "invalid_text"),
        (attribute("text", "in", values=["x"] * 1_001), "rule.values", "too_many"),
        (attribute("number", "between", **{"from": 2, "to": 1}), "rule.to", "out_of_order"),
        (attribute("number", "equals", value=10**16), "rule.value", "too_large"),
        (attribute("number", "equals", value=10**30), "rule", "out_of_range"),
        (attribute("number", "equals", value=True), "rule.value", "wrong_type"),
        (attribute("date", "on", value="2025-02-29"), "rule.value", "invalid_date"),
        (attribute("date", "on", value="yesterday"), "rule.value", "invalid_date"),
        (attribute("date", "between", **{"from": "2025-02-02", "to": "2025-02-01"}), "rule.to", "out_of_order"),
        (attribute("date", "in_last", days=-1), "rule.days", "too_small"),
        (attribute("date", "in_last", days=1.5), "rule.days", "wrong_type"),
        (attribute("boolean", "equals", value="true"), "rule.value", "wrong_type"),
        (attribute("list", "has_any", values=[[]]), "rule.values[0]", "wrong_type"),
        (ORDERED | {"within": {"last": 5}}, "rule.within.unit", "required"),
        (ORDERED | {"within": {"unit": "days"}}, "rule.within.last", "required"),
        (ORDERED | {"within": {"last": 40_000, "unit": "days"}}, "rule.within.last", "too_large"),
        (ORDERED | {"within": {"from": "2025-01-01"}}, "rule.within.from", "invalid_date"),
        (
            ORDERED | {"within": {"from": "2025-01-01T00:00:00+02:00", "to": "2024-12-31T21:00:00Z"}},
            "rule.within.to",
            "out_of_order",
        ),
        (ORDERED | {"count": {"operator": "at_least", "value": -1}}, "rule.count.value", "too_small"),
        (ORDERED | {"where": [{"name": "total"}]}, "rule.where[0].value_type", "required"),
        (ORDERED | {"where": ["total"]}, "rule.where[0]", "wrong_type"),
        (ORDERED | {"where": [{}] * 11}, "rule.where", "too_many"),
        ({"type": "list", "operator": "in", "list_ids": ["seven"]}, "rule.list_ids[0]", "wrong_type"),
        ({"type": "list", "operator": "is", "list_ids": [7]}, "rule.operator", "unknown_choice"),
        ({"type": "campaign", "operator": "received"}, "rule.campaign_ids", "required"),
        ({"type": "locale", "operator": "in", "values": ["Deutsch!"]}, "rule.values[0]", "invalid_locale"),
        ({"type": "timezone", "operator": "in", "values": ["Mars/Base"]}, "rule.values[0]", "invalid_timezone"),
        ({"type": "locale", "operator": "exists", "values": ["de"]}, "rule.values", "unknown_field"),
        ({"type": "channel", "operator": "reachable", "channel": "fax"}, "rule.channel", "unknown_choice"),
        (
            {"type": "channel", "operator": "reachable", "channel": "email", "app_ids": ["shop"]},
            "rule.app_ids",
            "not_allowed",
        ),
        (nested(MAX_DEPTH + 1), "rule" + ".condition" * MAX_DEPTH, "too_deep"),
    ],
)
def test_what_is_wrong_is_named_where_it_is(rule: Any, field: str, code: str) -> None:
    found = [(error.field, error.code) for error in read_rule(rule).errors]
    assert found == [(field, code)]


def test_everything_wrong_is_said_at_once_with_limits_and_hints() -> None:
    wrong = {"type": "or", "conditions": [PRO | {"value": "x" * 600}, {"type": "atribute"}, PRO | {"operater": 1}]}
    errors = {error.field: error for error in read_rule(wrong).errors}
    assert set(errors) == {"rule.conditions[0].value", "rule.conditions[1].type", "rule.conditions[2].operater"}
    too_long = errors["rule.conditions[0].value"]
    assert (too_long.limit, too_long.message) == (500, "This has at most 500 characters; it has 600.")
    assert errors["rule.conditions[2].operater"].hint == "Did you mean operator?"
    assert "attribute" in str(errors["rule.conditions[1].type"].hint)


def test_a_rule_of_the_greatest_depth_and_number_is_taken() -> None:
    assert read_rule(nested(MAX_DEPTH)).errors == []
    halves = {"type": "or", "conditions": [PRO] * (MAX_CONDITIONS // 2)}
    assert read_rule({"type": "and", "conditions": [halves, halves]}).errors == []


def test_ids_may_be_digits() -> None:
    found = read_rule({"type": "list", "operator": "in", "list_ids": ["42", 7]})
    assert (found.errors, found.rule["list_ids"]) == ([], [42, 7])
    assert [one.value for one in found.references] == [42, 7]


def test_filters_of_events_count_as_conditions() -> None:
    filtered = ORDERED | {"where": [{"name": "a", "value_type": "any", "operator": "exists"}] * 10}
    errors = read_rule({"type": "and", "conditions": [filtered] * 10}).errors
    assert [(error.field, error.code, error.limit) for error in errors] == [("rule", "too_many", MAX_CONDITIONS)]


@pytest.mark.parametrize(
    "rule",
    [
        nested(240),
        {"type": "and", "conditions": [[[[[[[]]]]]]]},
        {"type": "and", "conditions": [{"type": "and", "conditions": [PRO] * 100}] * 100},
        {"type": "or", "conditions": [PRO | {"name": f"{i}"} for i in range(100)] * 100},
        PRO | {"value": "x" * 10_000_000},
        attribute("text", "in", values=["x" * 500] * 1_000),
        {str(i): i for i in range(100_000)},
    ],
    ids=["deep", "lists", "wide", "long", "text", "values", "fields"],
)
def test_a_monstrous_rule_costs_little(rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more nodes are looked at than the largest rule has, whatever is sent."""
    looked_at = []
    judge = schema_errors.schema_errors

    def counted(node: Any, schema: Any, field: str) -> Any:
        looked_at.append(field)
        return judge(node, schema, field)

    monkeypatch.setattr(reading, "schema_errors", counted)
    errors = read_rule(rule).errors
    assert 0 < len(errors) <= 2 * MAX_CONDITIONS
    assert len(looked_at) <= 3 * MAX_CONDITIONS


def test_what_no_parser_would_let_through_is_refused_too() -> None:
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    assert [error.code for error in read_rule({"type": "not", "condition": deep}).errors] == ["too_deep"]


WHOLE = Draft202012Validator(RULE_SCHEMA)


def test_the_published_schema_is_one() -> None:
    Draft202012Validator.check_schema(RULE_SCHEMA)


@settings(max_examples=100, deadline=None)
@given(rules.rules(rules.conditions(rules.MOMENTS[0], list_ids=[1], campaign_ids=[2])))
def test_the_published_schema_takes_what_is_read(rule: dict[str, Any]) -> None:
    assert read_rule(rule).errors == []
    assert WHOLE.is_valid(rule)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_published_schema_refuses_what_is_refused(data: st.DataObject) -> None:
    """Whatever is put in place of a part of a rule: both say the same, apart from what a schema can't say."""
    rule = data.draw(rules.rules(rules.conditions(rules.MOMENTS[0], list_ids=[1], campaign_ids=[2])))
    path = data.draw(st.sampled_from(list(paths_of(rule, ()))))
    junk = data.draw(st.sampled_from([None, True, 7, -1.5, "", "and", "equals", [], {}, [7], {"type": "not"}]))
    at: Any = rule
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = junk
    beyond = {"out_of_order", "invalid_date", "invalid_locale", "invalid_timezone", "too_deep"}
    codes = {error.code for error in read_rule(rule).errors}
    if codes <= beyond:
        assert WHOLE.is_valid(rule), rule
    else:
        assert not WHOLE.is_valid(rule), (codes, rule)


def paths_of(node: Any, path: tuple[Any, ...]) -> Any:
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in steps:
        yield (*path, step)
        yield from paths_of(child, (*path, step))
