"""Hostile templates end as clear errors, in both renderers and before anything large is made."""

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from templates_registry.liquid import (
    LimitExceeded,
    OutputTooLarge,
    RenderError,
    child,
    compile_part,
    has_unsubscribe_link,
    limits,
    variables,
)
from templates_registry.liquid.child import MOST_SEEN, PartSource, check_in_child, preview_in_child
from templates_registry.liquid.environment import parse
from templates_registry.liquid.part import Part

DOUBLING = "{% assign a = 'aaaaaaaa' %}" + "{% assign a = a | replace: 'a', 'aaaaaaaaaaaaaaaaaaaa' %}" * 10 + "{{ a }}"
HOSTILE: list[tuple[str, dict[str, Any], str]] = [
    ("{{ (1..30000000) | join }}", {}, "30,000,000 items"),
    ("{{ (1..n) | join }}", {"n": 30_000_000}, "30,000,000 items"),
    ("{{ (1..n) | size }}", {"n": 10**30}, "items"),
    ("{% if (1..n) contains 'x' %}{% endif %}", {"n": 30_000_000}, "30,000,000 items"),
    (DOUBLING, {}, "characters long"),
    ("{{ a | replace: sub: b, seq: 'a' }}", {"a": "a" * 30_000, "b": "b" * 30_000}, "characters long"),
    ("{% assign a = 'aa' %}" + "{% assign a = a | append: a %}" * 40 + "{{ a }}", {}, "characters long"),
    ("{% assign a = 'aa' %}" + "{% assign a = a | prepend: a %}" * 40, {}, "characters long"),
    ("{% assign a = 'a,a' | split: ',' %}" + "{% assign a = a | concat: a %}" * 40, {}, "items"),
    ("{{ x | split: '' | join: y }}", {"x": "a" * 9_000, "y": "b" * 90_000}, "characters long"),
    ("{{ x | split: '' }}", {"x": "a" * 20_000}, "20,000 items"),
    ("{{ x | uniq }}", {"x": list(range(5_000))}, "at most 1,000 items"),
    ("{% assign n = 99 %}" + "{% assign n = n | times: n %}" * 30 + "{{ n }}", {}, "too many digits"),
    ("{% for i in (1..9000) %}{{ '2026-11-23' | date: '%Y' }}{% endfor %}", {}, "20,000,000 characters"),
    ("{% for i in (1..9000) %}{% if a contains i %}{% endif %}{% endfor %}", {"a": ["x"] * 50_000}, "20,000,000"),
    ("{% for i in (1..9000) %}{% if a contains 'b' %}{% endif %}{% endfor %}", {"a": "a" * 500_000}, "20,000,000"),
    ("{% for i in (1..9000) %}{% assign b = a | sort %}{% endfor %}", {"a": list(range(9_000))}, "20,000,000"),
    ("{{ 'now' | date: x }}", {"x": "%Y" * 200}, "at most 200 characters"),
    ("{% for i in (1..200) %}{% for j in (1..200) %}{% endfor %}{% endfor %}", {}, "10,000 for one message"),
    (
        "{% for i in x %}{{ y | upcase }}{% endfor %}",
        {"x": [0] * 9_000, "y": "y" * 100_000},
        "of text|output",
    ),
    (
        "{% assign x = 'xxxxxxxxxx' %}{% for i in (1..60) %}{% capture x %}{{ x }}{{ x }}{% endcapture %}{% endfor %}",
        {},
        "characters long|output",
    ),
]


ENDLESS_PARSER = """
from html.parser import HTMLParser


def feed(self, data):
    while True:
        pass


HTMLParser.feed = feed
"""


@pytest.mark.parametrize(("source", "fields", "message"), HOSTILE)
@pytest.mark.parametrize("prefix", ["", "{% increment fallback %}"])
def test_a_limit_stops_it(
    source: str, fields: dict[str, Any], message: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_CPU_SECONDS", 600.0)  # however slow the machine is
    part = compile_part(prefix + source, escape="html", strict=False)
    assert part.compiled is not bool(prefix)
    tracemalloc.start()
    with pytest.raises(LimitExceeded, match=message):
        part.render(fields)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 2**20


@pytest.mark.parametrize("compiled", [True, False])
def test_output_that_grows_in_a_loop_is_stopped_there(compiled: bool) -> None:
    source = "{% for i in (1..9000) %}{{ text }}{% endfor %}"
    whole = compile_part(source, escape="text")
    part = whole if compiled else Part(parse(source, autoescape=False), strict=True, newline="\n", render=None)
    with pytest.raises(OutputTooLarge):
        part.render({"text": "x" * 1_000})


@pytest.mark.parametrize("prefix", ["", "{% increment fallback %}"])
@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..200) %}{% for j in (1..2) %}{{ j }}{% endfor %}{% endfor %}",
        "{% assign b = text | upcase %}" * 2,
        "{% assign b = small | upcase %}" * 17,
        "{% assign b = list | sort %}" * 2,
        "{% if list == other %}{% endif %}{% if list != other %}{% endif %}",
        "{% if list <= other %}{% endif %}{% if list >= other %}{% endif %}",
        "{% case list %}{% when other %}{% when other %}{% endcase %}",
        "{% if list contains other %}{% endif %}{% if small contains list %}{% endif %}",
        "{{ list }}{{ list }}",
    ],
)
def test_a_render_stops_when_its_cpu_time_is_spent(source: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CPU_SECONDS", -1.0)
    part = compile_part(prefix + source, escape="text")
    assert part.compiled is not bool(prefix)
    with pytest.raises(LimitExceeded, match="took longer than"):
        part.render({"text": "x" * 2_000, "small": "x", "list": [[1]], "other": [[1]]})


@pytest.mark.parametrize("prefix", ["", "{% increment fallback %}"])
@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("{{ v }}" * 400, {"v": "&" * 60_000}),
        ("{{ v.a }}{{ v['a'] }}" * 200, {"v": {"a": "&" * 60_000}}),
        ("{{ v }}{{ v | upcase }}" * 600, {"v": "\U0001f389" * 16_000}),
        ("{% capture x %}" + "{{ v }}" * 400 + "{% endcapture %}{{ x | size }}", {"v": "&" * 60_000}),
        (
            "{% assign a = v %}" + "{% assign a = a | concat: a %}" * 13 + "{{ a }}{{ a | join }}",
            {"v": [{"a": "x" * 60_000}]},
        ),
        ("{% assign a = v %}" + "{% assign a = a | concat: a %}" * 13 + "{{ a | map: 'x' }}", {"v": [[[0] * 9_000]]}),
    ],
    ids=["one value", "one value by two names", "emoji", "capture", "copies of an object", "copies of a list"],
)
def test_a_large_value_shown_often_takes_no_memory(source: str, fields: dict[str, Any], prefix: str) -> None:
    part = compile_part(prefix + source, escape="html", strict=False)
    tracemalloc.start()
    with pytest.raises(LimitExceeded):
        part.render(fields)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 2**20


def test_a_render_after_a_stopped_one_starts_afresh() -> None:
    part = compile_part("{% for i in (1..9) %}{{ x | upcase | size }}{% endfor %}", escape="text")
    for _ in range(5):
        assert part.render({"x": "x" * 600_000}) == b"600000" * 9


@pytest.mark.parametrize(
    "source",
    [
        "{{" + " " * 499_000,
        "{{" + " " * 499_000 + "}}",
        "{% if" + " " * 499_000 + "%}",
        "{% raw %}" * 9_000,
        "{{ a" * 99_999,
    ],
    ids=["unclosed output", "spaces in an output", "spaces in a tag", "unclosed raw", "openings"],
)
def test_a_source_that_is_slow_to_read_is_refused_unread(source: str) -> None:
    for read in (variables, has_unsubscribe_link, lambda text: compile_part(text, escape="html")):
        with pytest.raises(RenderError, match="Line 1: "):
            read(source)


def test_the_child_checks_and_renders() -> None:
    parts = [PartSource("subject", "Hi {{ name }}"), PartSource("html", "<p>{{ name }}{{ city }}</p>", "html")]
    preview = preview_in_child(parts, {"name": "<Ana>"})
    assert preview.rendered == {"subject": "Hi <Ana>", "html": "<p>&lt;Ana&gt;</p>"}
    assert preview.missing == ["city"]
    assert [variable.name for variable in preview.variables["html"]] == ["name", "city"]
    assert preview.problems == []


def test_the_child_names_the_part_and_line_of_an_error() -> None:
    (problem,) = check_in_child([PartSource("subject", "Hi"), PartSource("html", "\n{% iff x %}", "html")])
    assert (problem.part, problem.line, problem.code) == ("html", 2, "unknown_tag")


def test_the_child_is_stopped_when_it_takes_too_long() -> None:
    source = "{% for a in (1..10000) %}" + "{% assign b = a | times: 3 | append: 'x' %}" * 250 + "{% endfor %}"
    parts = [PartSource("subject", "Hi"), PartSource("html", source, "html"), PartSource("text", "Hi")]
    (problem,) = preview_in_child(parts, {}).errors
    assert problem.part == "html"
    assert problem.message == "The template took longer than 1 s."


def test_the_child_is_stopped_when_it_takes_too_much_memory() -> None:
    copies = "".join(
        f"{{% assign v{index} = all | map: 'x' %}}{{% assign w{index} = v{index} | join %}}" for index in range(9)
    )
    rows = [{"x": "\U0001f600" * 99} for _ in range(9_000)]
    preview = preview_in_child([PartSource("html", copies, "html")], {"all": rows})
    assert preview.errors[0].part == "html"


def test_html_that_is_slow_to_read_is_left_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is slow, if any, is another with each version of Python: the child's parser is one that never ends."""
    (tmp_path / "sitecustomize.py").write_text(ENDLESS_PARSER)
    for package in ("common", "templates_registry"):
        (tmp_path / package).symlink_to(child._ROOT / package)
    monkeypatch.setattr(child, "_ROOT", tmp_path)
    preview = preview_in_child([PartSource("html", "<p>Hi</p>", "html")], {})
    assert [(problem.code, problem.level) for problem in preview.problems] == [("html_not_read", "warn")]
    assert preview.rendered["html"] == "<p>Hi</p>"


def test_the_child_looks_at_links_and_images() -> None:
    source = "<a href='http://x.test'>a</a>\n<img src='x'>"
    preview = preview_in_child([PartSource("html", source, "html")], {})
    assert [(problem.code, problem.line) for problem in preview.problems] == [
        ("link_not_https", 1),
        ("image_without_alt", 2),
    ]
    assert len(preview_in_child([PartSource("html", "<img>" * 200, "html")], {}).problems) == MOST_SEEN


@pytest.mark.parametrize("source", ["{{ (1..30000000) | join }}", DOUBLING], ids=["range", "replace chain"])
def test_the_two_known_attacks_end_as_clear_errors_in_the_child(source: str) -> None:
    (problem,) = preview_in_child([PartSource("html", source, "html")], {}).errors
    assert "the limit is" in problem.message
