"""A rule that refers to a business event: read, filled with the event's values, and of no use without one."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from audiences.segments.compiling import rule_sql
from audiences.segments.event_references import PLACES, event_properties
from audiences.segments.node_schemas import RULE_SCHEMA
from audiences.segments.periods import Moment
from audiences.segments.reading import read_rule, read_where
from audiences.segments.vocabulary import OPERATORS, Operand
from audiences.segments.with_event import with_event
from common.errors import Invalid
from tests.audiences.segments import rules

WHOLE = Draft202012Validator(RULE_SCHEMA)
SKU = {"event": "sku"}
ANY_RULE = rules.rules(rules.conditions(rules.MOMENTS[0], list_ids=[1], campaign_ids=[2]))


def attribute(value_type: str, operator: str, **given: Any) -> dict[str, Any]:
    return {"type": "attribute", "name": "watched", "value_type": value_type, "operator": operator, **given}


def value_places(node: Any) -> Any:
    """(object, name) of everything in a rule that an event's property may stand for."""
    if isinstance(node, list):
        for one in node:
            yield from value_places(one)
    elif isinstance(node, dict):
        compares = "value_type" in node and OPERATORS[node["value_type"]][node["operator"]] is not Operand.NOTHING
        for name, one in node.items():
            if compares and name in PLACES:
                yield node, name
                if isinstance(one, list) and len(one) < 10:
                    yield from ((one, place) for place in range(len(one)))
            elif not compares:
                yield from value_places(one)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_values_taken_out_of_a_rule_come_back_from_the_event(data: st.DataObject) -> None:
    original = data.draw(ANY_RULE)
    rule, properties = copy.deepcopy(original), {}
    for number, (where, name) in enumerate(list(value_places(rule))):
        if number < 40 and not isinstance(where[name], dict) and data.draw(st.booleans()):
            properties[f"property {number}"] = where[name]
            where[name] = {"event": f"property {number}"}
    # A list that was taken out whole took what was taken out of it along.
    found = read_rule(rule)
    assert found.errors == []
    assert WHOLE.is_valid(rule)
    for name, value in properties.items():
        if isinstance(value, list):
            properties[name] = [properties[one["event"]] if isinstance(one, dict) else one for one in value]
    filled = with_event(found.rule, properties)
    assert (filled.errors, filled.rule) == ([], read_rule(original).rule)
    assert set(event_properties(found.rule)) <= set(properties)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_the_event_holds_the_rule_is_fit_or_the_reason_said(data: st.DataObject) -> None:
    rule = copy.deepcopy(data.draw(ANY_RULE))
    for where, name in list(value_places(rule)):
        if isinstance(where, dict) and data.draw(st.booleans()):
            where[name] = {"event": "it"}
    found = read_rule(rule)
    if found.errors:  # too many
        return
    hostile = st.one_of(rules.values, st.just({"event": "it"}), st.just([{"event": "it"}]), st.just("x" * 600))
    properties = data.draw(st.dictionaries(st.sampled_from(["it", "other"]), hostile, max_size=2))
    filled = with_event(found.rule, properties)
    if filled.errors:
        assert all(error.message and error.field.startswith("rule") for error in filled.errors)
    else:
        assert event_properties(filled.rule) == {}
        rule_sql(filled.rule, workspace_id=1, moment=Moment(rules.MOMENTS[0], "UTC"))


@pytest.mark.parametrize(
    ("rule", "field", "code"),
    [
        (attribute("list", "has", value={}), "rule.value.event", "required"),
        (attribute("list", "has", value={"event": 7}), "rule.value.event", "wrong_type"),
        (attribute("list", "has", value={"event": ""}), "rule.value.event", "required"),
        (attribute("list", "has", value={"event": "x" * 101}), "rule.value.event", "too_long"),
        (attribute("list", "has", value={"event": "sku", "or": 1}), "rule.value.or", "unknown_field"),
        (attribute("list", "has_any", values=["a", {"events": "b"}]), "rule.values[1].event", "required"),
        (attribute("any", "exists", value=SKU), "rule.value", "unknown_field"),
        (attribute("text", "equals", value=[SKU]), "rule.value", "wrong_type"),
        (attribute("text", "in", values=[SKU] * 51), "rule", "too_many"),
        ({"type": "event", "operator": "did", "name": SKU}, "rule.name", "wrong_type"),
    ],
)
def test_a_reference_that_is_none_is_named(rule: Any, field: str, code: str) -> None:
    assert (field, code) in [(error.field, error.code) for error in read_rule(rule).errors]
    if code != "too_many":
        assert not WHOLE.is_valid(rule)


@pytest.mark.parametrize(
    ("rule", "properties", "field", "code"),
    [
        (attribute("list", "has", value=SKU), {}, "rule.value", "missing_property"),
        (attribute("list", "has", value=SKU), {"sku": None}, "rule.value", "missing_property"),
        (attribute("text", "equals", value=SKU), {"sku": 7}, "rule.value", "wrong_type"),
        (attribute("text", "equals", value=SKU), {"sku": ""}, "rule.value", "required"),
        (attribute("text", "equals", value=SKU), {"sku": {"event": "sku"}}, "rule.value", "wrong_type"),
        (attribute("text", "in", values=SKU), {"sku": []}, "rule.values", "required"),
        (attribute("text", "in", values=SKU), {"sku": ["a", 7]}, "rule.values[1]", "wrong_type"),
        (attribute("text", "in", values=SKU), {"sku": ["a"] * 1_001}, "rule.values", "too_many"),
        (attribute("date", "on", value=SKU), {"sku": "soon"}, "rule.value", "invalid_date"),
        (attribute("number", "between", **{"from": SKU, "to": 3}), {"sku": 4}, "rule.to", "out_of_order"),
        (attribute("boolean", "equals", value=SKU), {"sku": 1}, "rule.value", "wrong_type"),
    ],
)
def test_what_does_not_fit_says_which_property(rule: Any, properties: Any, field: str, code: str) -> None:
    [error] = with_event(read_rule(rule).rule, properties).errors
    assert (error.field, error.code) == (field, code)
    if code != "out_of_order":
        assert '"sku"' in error.message


def test_one_value_stands_for_a_list_of_one() -> None:
    assert with_event(attribute("text", "in", values=SKU), {"sku": "a"}).rule["values"] == ["a"]


def test_what_is_used_as_what_is_told() -> None:
    rule = {"type": "and", "conditions": [attribute("list", "has", value=SKU), {"type": "event", "operator": "did",
            "name": "looked", "where": [{"name": "price", "value_type": "number", "operator": "between",
            "from": 1, "to": {"event": "price"}}]}]}  # fmt: skip
    assert read_rule(rule).errors == []
    assert event_properties(rule) == {"sku": Operand.SCALAR, "price": Operand.NUMBER_RANGE}


def test_without_an_event_it_is_never_asked() -> None:
    with pytest.raises(Invalid) as refused:
        rule_sql(attribute("list", "has", value=SKU), workspace_id=1, moment=Moment(rules.MOMENTS[0], "UTC"))
    assert refused.value.errors[0].code == "needs_event"


FILTER = {"name": "total", "value_type": "number", "operator": "at_least", "value": 100}


@pytest.mark.parametrize(
    ("where", "field", "code"),
    [
        ({}, "where", "wrong_type"),
        ("total > 100", "where", "wrong_type"),
        ([FILTER] * 11, "where", "too_many"),
        ([FILTER, 7], "where[1]", "wrong_type"),
        ([{**FILTER, "operator": "like"}], "where[0].operator", "unknown_choice"),
        ([{**FILTER, "value": "100"}], "where[0].value", "wrong_type"),
        ([{**FILTER, "value": SKU}], "where[0].value", "wrong_type"),
        ([{**FILTER, "valeu": 1}], "where[0].valeu", "unknown_field"),
    ],
)
def test_the_filters_of_a_trigger_are_those_of_segments(where: Any, field: str, code: str) -> None:
    assert [(error.field, error.code) for error in read_where(where).errors] == [(field, code)]


def test_no_filters_of_a_trigger_are_none() -> None:
    assert (read_where(None).where, read_where([]).where) == ([], [])
    assert (read_where([FILTER]).where, read_where([FILTER]).errors) == ([FILTER], [])


def test_filters_nested_without_end_cost_nothing() -> None:
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    assert [error.code for error in read_where(deep).errors] == ["too_deep"]
    assert [error.code for error in read_where([{**FILTER, "value": "x" * 200_000}]).errors] == ["too_large"]
