"""One part, compiled or interpreted: what comes out as bytes."""

import orjson
import pytest

from templates_registry.liquid import OutputTooLarge, RenderError, compile_part
from templates_registry.liquid.environment import parse
from templates_registry.liquid.part import Escape, Part

FIELDS = {"name": "O'Neil & <Co>", "n": 3, "bio": "one\ntwo\r\nthree\rfour"}


def test_html_escapes_values_and_not_the_template() -> None:
    part = compile_part("<p>{{ name }}</p>", escape="html")
    assert part.render(FIELDS) == b"<p>O&#39;Neil &amp; &lt;Co&gt;</p>"


def test_text_is_not_escaped() -> None:
    assert compile_part("{{ name }}", escape="text").render_text(FIELDS) == "O'Neil & <Co>"


def test_a_value_marked_safe_is_not_escaped() -> None:
    assert compile_part("{{ name | safe }}", escape="html").render_text(FIELDS) == "O'Neil & <Co>"


def test_a_capture_is_escaped_once() -> None:
    part = compile_part("{% capture x %}<b>{{ name }}</b>{% endcapture %}{{ x }}", escape="html")
    assert part.compiled
    assert part.render_text(FIELDS) == "<b>O&#39;Neil &amp; &lt;Co&gt;</b>"


@pytest.mark.parametrize("source", ["a\nb {{ bio }}\r\n", "{% increment x %}a\nb {{ bio }}\r\n"])
def test_line_ends_become_crlf_in_literals_and_values(source: str) -> None:
    text = compile_part(source, escape="html", newline="\r\n").render_text(FIELDS)
    assert text.removeprefix("0") == "a\r\nb one\r\ntwo\r\nthree\r\nfour\r\n"


def test_a_capture_keeps_its_line_ends_until_it_is_shown() -> None:
    source = "{% capture x %}a\n{% endcapture %}{{ x | size }}{{ x }}"
    assert compile_part(source, escape="text", newline="\r\n").render(FIELDS) == b"2a\r\n"


def test_output_is_utf8() -> None:
    part = compile_part("São {{ city }}", escape="html")
    assert part.render({"city": "Kyōto"}) == "São Kyōto".encode()


def test_fields_are_the_top_level_names_looked_up() -> None:
    loop = "{% for i in cart.lines %}{{ i.sku }}{{ forloop.index }}{% endfor %}"
    source = loop + "{% if a == b %}{{ unsubscribe_url }}{% endif %}"
    assert compile_part(source, escape="html").fields == {"cart", "a", "b", "unsubscribe_url"}


def test_fields_hold_a_name_that_may_be_read_before_it_is_assigned() -> None:
    source = "{% if vip %}{% assign name = 'x' %}{% endif %}{{ name }}"
    part = compile_part(source, escape="text")
    assert part.fields >= {"name", "vip"}
    assert part.render({"name": "Ana"}) == b"Ana"
    assert part.render({"name": "Ana", "vip": True}) == b"x"


@pytest.mark.parametrize(
    ("source", "compiled"),
    [
        ("{{ a | upcase | append: b }}", True),
        ("{% if a %}{% elsif b %}{% else %}{% endif %}{% unless a %}{% endunless %}", True),
        ("{% case a %}{% when 'x', 'y' %}{% else %}{% endcase %}", True),
        ("{% for i in a limit: 2 offset: b reversed %}{% break %}{% continue %}{% else %}{% endfor %}", True),
        ("{% assign x = a | split: ',' %}{% capture y %}{{ x }}{% endcapture %}", True),
        ("{% comment %}{% endcomment %}{% raw %}{{{% endraw %}{% liquid echo a %}", True),
        ("{% increment x %}", False),
        ("{% cycle 'a', 'b' %}", False),
        ("{% tablerow i in a %}{% endtablerow %}", False),
        ("{% for i in a offset: continue %}{% endfor %}", False),
        ("{{ a | nosuch }}", False),
    ],
)
def test_says_whether_it_is_compiled(source: str, compiled: bool) -> None:
    assert compile_part(source, escape="html").compiled is compiled


@pytest.mark.parametrize("source", ["\n{{ a | divided_by: 0 }}", "{% increment x %}\n{{ a | divided_by: 0 }}"])
def test_an_error_while_rendering_names_its_line(source: str) -> None:
    with pytest.raises(RenderError, match="Line 2: divided_by: can't divide by 0"):
        compile_part(source, escape="text").render({"a": 1})


def test_an_error_of_another_kind_is_a_render_error_too() -> None:
    with pytest.raises(RenderError, match="cannot convert float infinity"):
        compile_part("{{ a | ceil }}", escape="text").render({"a": "inf"})


def test_a_lone_surrogate_is_a_render_error() -> None:
    with pytest.raises(RenderError, match="surrogates not allowed"):
        compile_part("{{ a }}", escape="html").render({"a": "x\ud800"})


def test_a_source_that_is_not_liquid_is_refused_with_its_line() -> None:
    with pytest.raises(RenderError, match="Line 3"):
        compile_part("a\nb\n{% if %}{% endif %}", escape="html")


@pytest.mark.parametrize("prefix", ["", "{% increment x %}"])
def test_output_over_a_megabyte_is_refused(prefix: str) -> None:
    part = compile_part(prefix + "{{ a }}{{ b }}", escape="text")
    with pytest.raises(OutputTooLarge, match="1,000,000 bytes"):
        part.render({"a": "x" * 600_000, "b": "y" * 600_000})


def test_names_from_the_author_never_become_code() -> None:
    odd = "x'];raise SystemExit#"
    source = '{{ a["x\'];raise SystemExit#"] }}{{ ["x\'];raise SystemExit#"] }}'
    part = compile_part(source, escape="text", strict=False)
    assert part.render({"a": {odd: "1"}, odd: "2"}) == b"12"


def test_python_attributes_are_out_of_reach() -> None:
    source = "{{ a.__class__ }}{{ a.upper }}{{ b.keys }}{{ b.items }}{{ a | map: '__class__' }}"
    assert compile_part(source, escape="text", strict=False).render({"a": "x", "b": {}}) == b""


def test_interpreted_and_compiled_parts_are_alike() -> None:
    source = "{% for i in (1..n) %}{{ i }}\n{% endfor %}{{ name }}"
    interpreted = Part(parse(source, autoescape=True), strict=True, newline="\r\n", render=None)
    assert interpreted.render(FIELDS) == compile_part(source, escape="html", newline="\r\n").render(FIELDS)


TRICKY = [
    "Ana",
    "a\\b",
    'say "x"',
    "<b>&'",
    "\r\n\t",
    "\x00\x1f\x7f",
    "\u2028é日🎉",
    " ",
    "",
    5,
    True,
    ["\\", '"'],
    {"a": '"'},
]
SHOWN = """<a href="x">\\ \t é
{{ v }}{{ v }}{{ v | append: v }}
{% capture c %}"{{ v }}
{% endcapture %}{{ c }}{{ c | size }}{% for i in list %}"{{ i }}\\
{% endfor %}"""


@pytest.mark.parametrize("escape", ["html", "text"])
@pytest.mark.parametrize("source", [SHOWN, "{% increment fallback %}" + SHOWN, SHOWN * 8])
def test_a_part_that_is_made_for_json_is_the_inside_of_its_string(source: str, escape: Escape) -> None:
    plain = compile_part(source, escape=escape, newline="\r\n", strict=False)
    json = compile_part(source, escape=escape, newline="\r\n", strict=False, json=True)
    assert json.compiled is not ("fallback" in source)
    for value in TRICKY:
        fields = {"v": value, "list": TRICKY}
        assert b'"%b"' % json.render(fields) == orjson.dumps(plain.render_text(fields))
