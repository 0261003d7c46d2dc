"""The parts of a template's content, per type; the one place that knows their names.

`data` of a push is a JSON object whose string values are Liquid. It is taken apart into one part per key
(`data.sku`) before anything is rendered, so that no value can break out of the JSON.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from common.channels import Type

Escape = Literal["html", "text"]
DATA_KEYS = 50


@dataclass(frozen=True, slots=True)
class PartRule:
    name: str
    label: str
    escape: Escape = "text"
    required: bool = True
    single_line: bool = False
    max_length: int = 500_000


@dataclass(frozen=True, slots=True)
class Source:
    """One piece of Liquid with the escaping of its place."""

    part: str
    source: str
    escape: Escape
    single_line: bool


_PUSH = (
    PartRule("title", "Title", single_line=True, max_length=1_000),
    PartRule("body", "Body", max_length=4_000),
    PartRule("link", "Link", required=False, single_line=True, max_length=2_000),
    PartRule("data", "Data (JSON object; values may hold Liquid)", required=False, max_length=4_000),
)

PARTS: Mapping[Type, tuple[PartRule, ...]] = {
    Type.EMAIL: (
        PartRule("subject", "Subject", single_line=True, max_length=2_000),
        PartRule("html", "HTML", escape="html"),
        PartRule("text", "Plain text", required=False),
    ),
    Type.PUSH: _PUSH,
    Type.WEBPUSH: _PUSH,
    Type.SMS: (PartRule("text", "Text", max_length=5_000),),
    Type.WHATSAPP: (PartRule("text", "Text", max_length=5_000),),
    Type.WEBHOOK: (PartRule("body", "Body", max_length=500_000),),
}


def parse_data(text: str) -> dict[str, str]:
    """The keys of a push's `data`; ValueError says what is wrong with it."""
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"The data is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    if not isinstance(values, dict) or len(values) > DATA_KEYS:
        raise ValueError(f"The data is a JSON object of at most {DATA_KEYS} keys.")
    wrong = [key for key, value in values.items() if isinstance(value, dict | list) or value is None]
    if wrong:
        raise ValueError(f"The value of {wrong[0]!r} is not a text, a number or true/false.")
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def sources(type: Type | str, content: Mapping[str, Any]) -> Iterator[Source]:
    """Every piece of Liquid in `content`, empty optional parts left out. ValueError where `data` is no JSON."""
    for rule in PARTS[Type(type)]:
        text = content.get(rule.name) or ""
        if rule.name == "data" and text.strip():
            for key, value in parse_data(text).items():
                yield Source(f"data.{key}", value, "text", single_line=False)
        elif rule.name != "data" and (text.strip() or rule.required):
            yield Source(rule.name, text, rule.escape, rule.single_line)


def assemble(rendered: Mapping[str, str]) -> dict[str, Any]:
    """Rendered parts put back together: `data.*` under `data`, single lines already made so by the renderer."""
    whole: dict[str, Any] = {name: text for name, text in rendered.items() if not name.startswith("data.")}
    data = {name.removeprefix("data."): text for name, text in rendered.items() if name.startswith("data.")}
    return {**whole, "data": data} if data else whole
