"""What a part says of its lines before they are looked at must hold of every output."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from templates_registry.liquid import MissingVariable, TemplateError, compile_part
from templates_registry.liquid.part import Escape
from tests.templates_registry.test_liquid_equality import escapes, field_sets, templates, thorough

dotted = st.lists(st.one_of(templates, st.sampled_from((".", "\n.", ".\n", "x\n", "{{ a }}", "\0"))), max_size=6)
surprising = st.sampled_from((".", "x\n.", "\n", "\r.", "\0", ".a", "\u2028.", " .", "x\r\n.y", "", 3, None, True))


def is_even(octets: bytes) -> bool:
    return b"\r\n." not in b"\r\n" + octets and b"\0" not in octets


@thorough
@given(dotted.map("".join), field_sets, st.dictionaries(st.sampled_from("abc"), surprising), escapes, st.booleans())
def test_a_body_that_is_said_to_be_even_is(
    source: str, fields: dict[str, Any], more: dict[str, Any], escape: Escape, strict: bool
) -> None:
    try:
        part = compile_part(source, escape=escape, newline="\r\n", strict=strict)
        octets, even = part.render_body({**fields, **more})
    except (MissingVariable, TemplateError):
        return
    assert is_even(octets) or not even


@pytest.mark.parametrize(
    "source",
    [
        "Hello {{ a }}.\n<p>{% if a %}yes{% else %}no {{ a }}{% endif %} …</p>\n",
        "<ul>{% for item in list %}<li>{{ item }}</li>\n{% endfor %}</ul>",
        "x{% case a %}{% when 'b' %}y {{ a }}{% else %}z{% endcase %}\n{% assign b = '.' %}w",
    ],
)
def test_ordinary_templates_are_known_to_be_even(source: str) -> None:
    assert compile_part(source, escape="html", newline="\r\n").render_body({"a": ".x", "list": [".", "y"]})[1]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("{{ a }}", ".x"),
        (".x {{ a }}", "y"),
        ("x\n{{ a }}", "."),
        ("x\n{% if a %} {% endif %}.y", "z"),
        ("{% for i in list %}{{ i }}\n{% endfor %}.", "z"),
        ("x{% for i in list %}.{% if i %}\n{% continue %}{% endif %}y{% endfor %}", "z"),
        ("x {{ a }}", "y\n.z"),
        ("x {{ a | append: a }}", "\0"),
        ("x {% capture b %}y\n.z{% endcapture %}{{ b }}", "z"),
        ("x {% cycle '\n.', 'y' %}", "z"),
    ],
)
def test_what_may_begin_a_line_with_a_dot_is_not_said_to_be_even(source: str, value: str) -> None:
    part = compile_part(source, escape="text", newline="\r\n")
    assert not part.render_body({"a": value, "list": ["1", "2"]})[1]


def test_one_uneven_value_says_nothing_about_the_next_recipient() -> None:
    part = compile_part("x {{ a }}", escape="html", newline="\r\n")
    assert [part.render_body({"a": value})[1] for value in ("y", "y\n", "y")] == [True, False, True]
