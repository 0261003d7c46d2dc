"""JSON Schema (2020-12) of each node of a rule, flat, so that an error names one field; and of a whole rule.

`schema_of` finds the one that applies to a node; `RULE_SCHEMA` joins them all, and is what is published. Both are
made of the same pieces, and a test holds them to each other.
"""

from collections.abc import Mapping
from typing import Any

from audiences.segments.event_references import REFERENCE
from audiences.segments.vocabulary import (
    COUNTS,
    GROUPS,
    KIND_OPERATORS,
    MAX_CONDITIONS,
    MAX_COUNT,
    MAX_DAYS,
    MAX_EVENT_NAME,
    MAX_FILTERS,
    MAX_IDS,
    MAX_NAME,
    MAX_NUMBER,
    MAX_TEXT,
    MAX_VALUES,
    OPERATORS,
    UNITS,
    Kind,
    Operand,
)
from common.channels import Type

Schema = dict[str, Any]

SCHEMA_ID = "/api/schema/segment-rule"
_ID: Schema = {"type": ["integer", "string"], "minimum": 1, "maximum": 2**63 - 1, "pattern": "^[1-9][0-9]{0,17}$"}
_TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
_NUMBER: Schema = {"type": "number", "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER}
_DAY: Schema = {"type": "string", "format": "date", "maxLength": 10}
_MOMENT: Schema = {"type": "string", "format": "date-time", "maxLength": 40}
_SCALAR: Schema = {"type": ["string", "number"], "maxLength": MAX_TEXT, "minimum": -MAX_NUMBER, "maximum": MAX_NUMBER}


def _several(item: Schema, most: int = MAX_VALUES) -> Schema:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": most}


_OPERANDS: Mapping[Operand, Schema] = {
    Operand.NOTHING: {},
    Operand.TEXT: {"value": _TEXT},
    Operand.TEXTS: {"values": _several(_TEXT)},
    Operand.NUMBER: {"value": _NUMBER},
    Operand.NUMBERS: {"values": _several(_NUMBER)},
    Operand.NUMBER_RANGE: {"from": _NUMBER, "to": _NUMBER},
    Operand.FLAG: {"value": {"type": "boolean"}},
    Operand.DAY: {"value": _DAY},
    Operand.DAY_RANGE: {"from": _DAY, "to": _DAY},
    Operand.DAYS: {"days": {"type": "integer", "minimum": 0, "maximum": MAX_DAYS}},
    Operand.SCALAR: {"value": _SCALAR},
    Operand.SCALARS: {"values": _several(_SCALAR)},
}


def _object(properties: Schema, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
        "additionalProperties": False,
    }


def _word(*words: str) -> Schema:
    return {"enum": list(words)}


LAST: Schema = _object({"last": {"type": "integer", "minimum": 1, "maximum": MAX_DAYS * 1_440}, "unit": _word(*UNITS)})
SPAN: Schema = {**_object({}, {"from": _MOMENT, "to": _MOMENT}), "minProperties": 1}
COUNT: Schema = _object({"operator": _word(*COUNTS), "value": {"type": "integer", "minimum": 0, "maximum": MAX_COUNT}})


def comparison(name: Schema, value_type: str, operator: str, *, refers: bool = False) -> Schema:
    """What a value under a name is compared with: a condition on an attribute, or an event's filter, without type.

    `refers`: with `{"event": …}` in any value's place, which makes a schema that is not flat.
    """
    operands = _OPERANDS[OPERATORS[value_type][operator]]
    if refers:
        operands = {place: _or_reference(schema) for place, schema in operands.items()}
    return {"name": name, "value_type": _word(value_type), "operator": _word(operator)} | operands


def _or_reference(schema: Schema) -> Schema:
    if "items" in schema:
        schema = {**schema, "items": _or_reference(schema["items"])}
    return {"anyOf": [schema, {"$ref": "#/$defs/event_property"}]}


_ATTRIBUTE_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
_EVENT_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_EVENT_NAME}


def head(kind: str, words: Mapping[str, tuple[str, ...]]) -> Schema:
    """Only the fields that decide which schema applies; for a node that has them wrong."""
    properties = {name: _word(*known) for name, known in words.items()}
    return {"type": "object", "properties": properties, "required": list(properties)}


def attribute_schema(value_type: str, operator: str, *, refers: bool = False) -> Schema:
    return _object({"type": _word(Kind.ATTRIBUTE)} | comparison(_ATTRIBUTE_NAME, value_type, operator, refers=refers))


def filter_schema(value_type: str, operator: str, *, refers: bool = False) -> Schema:
    """Of one of an event's `where`."""
    return _object(comparison(_ATTRIBUTE_NAME, value_type, operator, refers=refers))


def kind_schema(kind: Kind, *, filters: Schema, within: Schema, operator: str | None = None) -> Schema:
    """Of a condition that is not on an attribute. `filters` and `within` are those of the places inside."""
    operators = _word(operator) if operator else _word(*KIND_OPERATORS[kind])
    begin: Schema = {"type": _word(kind), "operator": operators}
    match kind:
        case Kind.EVENT:
            where = {"type": "array", "items": filters, "maxItems": MAX_FILTERS}
            return _object(begin | {"name": _EVENT_NAME}, {"count": COUNT, "within": within, "where": where})
        case Kind.LIST:
            return _object(begin | {"list_ids": _several(_ID, MAX_IDS)})
        case Kind.CAMPAIGN:
            tag = {"type": "string", "minLength": 1, "maxLength": 25}
            named = {"campaign_ids": _several(_ID, MAX_IDS), "tags": _several(tag, MAX_IDS)}
            return _object(begin, named | {"within": within}) | {
                "anyOf": [{"required": ["campaign_ids"]}, {"required": ["tags"]}]
            }
        case Kind.CHANNEL:
            app_id = {"type": "string", "minLength": 1, "maxLength": 100}
            return _object(begin | {"channel": _word(*Type.values)}, {"app_ids": _several(app_id, MAX_IDS)})
    name = {"type": "string", "minLength": 1, "maxLength": 64}
    return _object(begin | ({} if operator in ("exists", "not_exists") else {"values": _several(name)}))


def group_schema(kind: Kind, child: Schema) -> Schema:
    if kind is Kind.NOT:
        return _object({"type": _word(kind), "condition": child})
    children = {"type": "array", "items": child, "minItems": 1, "maxItems": MAX_CONDITIONS}
    return _object({"type": _word(kind), "conditions": children})


def rule_schema() -> Schema:
    """The whole language; what it can't say (depth, number of conditions, ids that exist) is judged besides."""
    condition: Schema = {"$ref": "#/$defs/condition"}
    pairs = [(value_type, operator) for value_type, operators in OPERATORS.items() for operator in operators]
    nodes = [group_schema(kind, condition) for kind in (*GROUPS, Kind.NOT)]
    nodes += [attribute_schema(*pair, refers=True) for pair in pairs]
    filters, within = {"$ref": "#/$defs/filter"}, {"$ref": "#/$defs/within"}
    for kind in (Kind.EVENT, Kind.LIST, Kind.CAMPAIGN, Kind.CHANNEL):
        nodes.append(kind_schema(kind, filters=filters, within=within))
    for kind in (Kind.LOCALE, Kind.TIMEZONE):
        nodes += [
            kind_schema(kind, filters=filters, within=within, operator=operator) for operator in KIND_OPERATORS[kind]
        ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "The rule of a segment",
        "$ref": "#/$defs/condition",
        "$defs": {
            "condition": {"oneOf": nodes},
            "filter": {"oneOf": [filter_schema(*pair, refers=True) for pair in pairs]},
            "event_property": REFERENCE,
            "within": {"oneOf": [LAST, SPAN]},
        },
    }


RULE_SCHEMA = rule_schema()
