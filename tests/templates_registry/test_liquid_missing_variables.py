"""An output reached while rendering that has nothing to show, and no default, skips the recipient."""

from typing import Any

import pytest

from templates_registry.liquid import MissingVariable, compile_part
from templates_registry.liquid.environment import parse
from templates_registry.liquid.part import Part


def _renderers(source: str) -> list[Part]:
    interpreted = Part(parse(source, autoescape=True), strict=True, newline="\n", render=None)
    return [compile_part(source, escape="html"), interpreted]


@pytest.mark.parametrize(
    ("source", "fields", "name"),
    [
        ("{{ first_name }}", {}, "first_name"),
        ("{{ first_name }}", {"first_name": None}, "first_name"),
        ("{{ first_name }}", {"first_name": ""}, "first_name"),
        ("{{ first_name }}", {"first_name": " \t\n"}, "first_name"),
        ("{{ first_name }}", {"first_name": "\u00a0\u2003"}, "first_name"),
        ("{{ items }}", {"items": []}, "items"),
        ("{{ items }}", {"items": ["", " "]}, "items"),
        ("{{ order }}", {"order": {}}, "order"),
        ("{{ order.total }}", {"order": {"id": 1}}, "order.total"),
        ("{{ order.lines[0].name }}", {"order": {"lines": []}}, "order.lines[0].name"),
        ("{{ first_name | upcase | strip }}", {"first_name": " "}, "first_name"),
        ("{{ '' | append: first_name }}", {}, "first_name"),
        ("{% echo first_name %}", {}, "first_name"),
        ("{% liquid\n echo first_name\n%}", {}, "first_name"),
        ("{% if vip %}{{ perk }}{% endif %}", {"vip": True}, "perk"),
        ("{% for item in items %}{{ item.sku }}{% endfor %}", {"items": [{"sku": "a"}, {}]}, "item.sku"),
        ("{% assign greeting = first_name %}{{ greeting }}", {}, "greeting"),
        ("{% capture x %}{{ first_name }}{% endcapture %}", {}, "first_name"),
        ("a {{ city }} b {{ first_name }}", {"first_name": "Ana"}, "city"),
        ("{% increment n %}{{ first_name }}", {}, "first_name"),
    ],
)
def test_names_the_variable(source: str, fields: dict[str, Any], name: str) -> None:
    for part in _renderers(source):
        with pytest.raises(MissingVariable) as raised:
            part.render(fields)
        assert raised.value.name == name


@pytest.mark.parametrize(
    ("source", "fields", "text"),
    [
        ("{{ first_name | default: 'friend' }}", {}, "friend"),
        ("{{ first_name | default: '' }}", {}, ""),
        ("{{ first_name | upcase | default: '' }}", {"first_name": None}, ""),
        ("{{ subscribed }}", {"subscribed": False}, "false"),
        ("{{ points }}", {"points": 0}, "0"),
        ("{{ rate }}", {"rate": 0.0}, "0.0"),
        ("{% if vip %}{{ perk }}{% endif %}", {"vip": False}, ""),
        ("{% for item in items %}{{ item.sku }}{% endfor %}", {"items": []}, ""),
        ("{{ '' }}{{ ' ' }}{{ nil }}", {}, " "),
        ("{% assign note = order.note %}{% if note %}{{ note }}{% endif %}", {"order": {}}, ""),
        ("{% comment %}{{ first_name }}{% endcomment %}", {}, ""),
        ("{{ first_name | size }}", {}, "0"),
    ],
)
def test_shows_what_is_not_missing(source: str, fields: dict[str, Any], text: str) -> None:
    for part in _renderers(source):
        assert part.render(fields).decode() == text


def test_plain_rendering_leaves_a_hole() -> None:
    assert compile_part("Hi {{ first_name }}.", escape="text", strict=False).render({}) == b"Hi ."


def test_an_endless_name_is_cut() -> None:
    with pytest.raises(MissingVariable) as missing:
        compile_part("{{ a" + ".a" * 2_000 + " }}", escape="text").render({})
    assert missing.value.name == ("a." * 100)[:200]
