"""The public reference cases for Liquid, and a few of our own, through both renderers.

Golden Liquid lies beside the checkout where there is one (CI has it). Without it the own cases still run, and the
run says so.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from templates_registry.liquid import RenderError, compile_part
from templates_registry.liquid.part import Escape
from tests.templates_registry.liquid_reference import outcome, reference

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "data" / "golden_liquid.json"

DIFFERENCES = {
    "blank and empty, false is equal to blank": "python-liquid has only strings, lists and objects equal to blank",
    "blank and empty, nil is equal to blank": "python-liquid has only strings, lists and objects equal to blank",
    "blank and empty, null is equal to blank": "python-liquid has only strings, lists and objects equal to blank",
    "blank and empty, undefined is equal to blank": "python-liquid has only strings, lists and objects equal to blank",
    "tags, case, unexpected when token, strict2": "python-liquid ignores what follows the choices of a when",
    "tags, comment, incomplete tags are not parsed": "python-liquid lets a comment hold tags that never close",
}
"""Where python-liquid itself isn't what the reference case asks for; we are what python-liquid is."""

OWN: list[dict[str, Any]] = [
    {"template": "Hello {{ name }}!", "data": {"name": "Ana"}, "result": "Hello Ana!"},
    {"template": "{{ a.b.c }}", "data": {"a": {"b": {"c": 1.5}}}, "result": "1.5"},
    {"template": "{{ a[0] }}{{ a.last }}{{ a.size }}", "data": {"a": [1, True]}, "result": "1true2"},
    {"template": "{{ a | default: 'x' | upcase }}", "data": {}, "result": "X"},
    {"template": "{% if a and b or c %}1{% else %}2{% endif %}", "data": {"a": 0, "c": None}, "result": "2"},
    {"template": "{% unless a == 'x' %}1{% elsif b %}2{% else %}3{% endunless %}", "data": {"a": "x"}, "result": "3"},
    {"template": "{% case a %}{% when 1, 2 %}low{% else %}high{% endcase %}", "data": {"a": 2}, "result": "low"},
    {"template": "{% case a %}{% when 'x' %}1{% when 'x' %}2{% endcase %}", "data": {"a": "x"}, "result": "12"},
    {
        "template": "{% for i in (1..9) offset: 2 limit: 3 reversed %}{{ forloop.index }}{{ i }} {% endfor %}",
        "result": "15 24 33 ",
    },
    {"template": "{% for p in a %}{{ p[0] }}={{ p[1] }};{% endfor %}", "data": {"a": {"k": "v"}}, "result": "k=v;"},
    {"template": "{% for i in a %}{% else %}none{% endfor %}", "data": {"a": []}, "result": "none"},
    {
        "template": "{% for i in (1..5) %}{% if i == 3 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}"
        "{{ i }}{% endfor %}",
        "result": "124",
    },
    {"template": "{% assign x = 'a,b' | split: ',' %}{{ x | join: '+' }}", "result": "a+b"},
    {"template": "{% capture x %}<{{ a }}>{% endcapture %}{{ x | upcase }}", "data": {"a": "b"}, "result": "<B>"},
    {"template": "{% if true %} {% assign x = 1 %} {% endif %}{{ x }}", "result": "1"},
    {"template": "a {%- comment %}{{ no }}{% endcomment -%} b{% raw %}{{ x }}{% endraw %}", "result": "ab{{ x }}"},
    {"template": "{% increment n %}{% increment n %}{% cycle 'x', 'y' %}", "result": "01x"},
    {"template": "{{ 7 | divided_by: 2 }} {{ 7 | divided_by: 2.0 }} {{ 2.5 | round }}", "result": "3 3.5 2"},
    {"template": "{% if %}{% endif %}", "invalid": True},
    {"template": "{{ 1 | divided_by: 0 }}", "invalid": True},
]


def _cases() -> list[dict[str, Any]]:
    golden = json.loads(GOLDEN.read_text())["tests"] if GOLDEN.exists() else []
    return [{"name": case["template"], **case} for case in OWN] + golden


CASES = [case for case in _cases() if "templates" not in case]
LOADING = [case for case in _cases() if "templates" in case]


def test_says_which_reference_cases_ran(request: pytest.FixtureRequest) -> None:
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if not GOLDEN.exists() and reporter is not None:
        reporter.write_line(f"Golden Liquid is not beside this checkout: only our {len(OWN)} own cases ran.")
    assert len(CASES) == len(OWN) or len(CASES) > 1_000


@pytest.mark.parametrize("escape", ["text", "html"])
def test_we_render_each_case_as_python_liquid_does(escape: Escape) -> None:
    different = {}
    for case in CASES:
        source, fields = case["template"], case.get("data", {})
        expected = reference(source, fields, escape)
        found = outcome(lambda: compile_part(source, escape=escape, strict=False).render_text(fields))  # noqa: B023
        if found != expected:
            different[case["name"]] = (found, expected)
    assert different == {}


def test_python_liquid_itself_differs_from_the_reference_only_where_listed() -> None:
    different = {case["name"] for case in CASES if not _as_asked(case)}
    assert different == (set(DIFFERENCES) if GOLDEN.exists() else set())


def _as_asked(case: dict[str, Any]) -> bool:
    found = reference(case["template"], case.get("data", {}), "text")
    if case.get("invalid"):
        return found.error is not None
    return found.text in (case["results"] if "results" in case else [case["result"]])


def test_cases_that_load_other_templates_are_refused() -> None:
    for case in LOADING:
        with pytest.raises(RenderError, match=r"unexpected tag '(include|render)'"):
            compile_part(case["template"], escape="text")
    assert bool(LOADING) == GOLDEN.exists()


def test_most_reference_cases_are_compiled() -> None:
    parts = [compile_part(case["template"], escape="html") for case in CASES if not case.get("invalid")]
    assert sum(part.compiled for part in parts) > 0.85 * len(parts)
