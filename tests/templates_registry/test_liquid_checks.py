"""What an author is told when a template is saved."""

import pytest

from templates_registry.liquid import Problem, check


def _one(source: str) -> Problem:
    (problem,) = check(source, part="html")
    return problem


@pytest.mark.parametrize(
    ("source", "line", "column", "code"),
    [
        ("ok\n{% if a %}", 2, 4, "not_closed"),
        ("{% if a %}\n{% for i in a %}\n{% endfor %}", 1, 4, "not_closed"),
        ("{% if a %}\n{% capture x %}{% endif %}", 2, None, "unknown_tag"),
        ("\n{% assign x %}", 2, None, "syntax_error"),
        ("\n{% if %}{% endif %}", 2, None, "syntax_error"),
        ("\n\n{% for i on a %}{% endfor %}", 3, None, "syntax_error"),
        ("ok\n\n  {{ a | }}", 3, None, "syntax_error"),
        ("a\n{{ a", 2, 1, "syntax_error"),
        ("\n{% raw %}{{ a }}", 2, None, "not_closed"),
        ("\n{{ a" + " " * 300 + "}}", 2, None, "tag_too_long"),
        ("{{ a" + " | append: 'x'" * 1_000 + "}}", 1, None, "tag_too_long"),
        ("{% iff a %}", 1, 4, "unknown_tag"),
        ("\n{% endif %}", 2, 4, "unknown_tag"),
        ("{% include 'x' %}", 1, 4, "tag_not_allowed"),
        ("\n{% render 'x' %}", 2, 4, "tag_not_allowed"),
        ("{% extends 'x' %}", 1, 4, "tag_not_allowed"),
        ("{% import 'x' %}", 1, 4, "tag_not_allowed"),
        ("\n{{ a | upcas }}", 2, 8, "unknown_filter"),
        ("{{ a | append }}", 1, 8, "wrong_arguments"),
        ("{{ a | upcase: 1 }}", 1, 8, "wrong_arguments"),
        ("{{ (1..30000000) | join }}", 1, 4, "range_too_large"),
        ("{% for i in (0..10000) %}{% endfor %}", 1, None, "range_too_large"),
        ("{{ a" + " | upcase" * 16 + " }}", 1, None, "too_many_filters"),
        ("{% if a %}" * 25 + "{% endif %}" * 25, 1, None, "too_deep"),
        ("{% if a %}" * 400 + "{% endif %}" * 400, 1, None, "too_deep"),
        ("{% if " + " and ".join("a" * 60) + " %}{% endif %}", 1, None, "too_deep"),
        ("{% for i in a %}" * 5 + "{% endfor %}" * 5, 1, None, "too_deep"),
        ("{% for i in a %}" + "{{ i }}" * 301 + "{% endfor %}", 1, 4, "too_many_nodes"),
        ("{{ a }}" * 5_001, None, None, "too_many_nodes"),
        ("".join(f"{{{{ a{index} }}}}" for index in range(201)), None, None, "too_many_variables"),
        ("{{" * 10_001, None, None, "too_many_nodes"),
        ("{% case a %}{% when 1, 2, 3, 4, 5, 6, 7, 8 %}" * 3 + "{% endcase %}" * 3, 1, None, "too_many_choices"),
        ("{{ [a] }}", 1, None, "computed_name"),
        ("x\n{% break %}", 2, 4, "out_of_place"),
        ("\n{% assign unsubscribe_url = 'https://elsewhere.test' %}", 2, 4, "reserved_name"),
        ("{% capture unsubscribe_url %}{% endcapture %}", 1, 4, "reserved_name"),
        ("{% if a %}{% assign contact = 'x' %}{% endif %}", 1, 14, "reserved_name"),
        ("{% for event in a %}{% endfor %}", 1, 4, "reserved_name"),
        ("{% increment campaign %}", 1, 4, "reserved_name"),
        ("a\nb\x00", 2, 2, "nul_character"),
        ("é" * 250_001, None, None, "too_large"),
    ],
)
def test_an_error_says_where_it_is(source: str, line: int | None, column: int | None, code: str) -> None:
    problem = _one(source)
    assert (problem.level, problem.code, problem.line) == ("error", code, line)
    assert column in (None, problem.column)
    assert problem.message and problem.hint


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("{{ a | upcas }}", "There is no filter upcas.", "Did you mean upcase?"),
        ("{% iff a %}", "There is no tag iff.", "Did you mean if?"),
        ("{{ (1..20000) }}", "The range has 20,000 numbers; the limit is 10,000.", "Use a smaller range."),
        (
            "{% include 'x' %}",
            "The tag include is not allowed: a template can't load another one.",
            "Put its text here.",
        ),
    ],
)
def test_an_error_says_what_and_how_to_fix_it(source: str, message: str, hint: str) -> None:
    problem = _one(source)
    assert (problem.message, problem.hint) == (message, hint)


def test_all_problems_are_found_at_once_in_order() -> None:
    found = check("{{ a | nosuch }}\n{% break %}\n{{ b | upcase: 1 }}", part="subject")
    assert [(problem.part, problem.line, problem.code) for problem in found] == [
        ("subject", 1, "unknown_filter"),
        ("subject", 2, "out_of_place"),
        ("subject", 3, "wrong_arguments"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "Hello {{ first_name | default: 'friend' }}",
        "{% for i in items limit: 3 %}{{ i }}{% if forloop.last %}{% break %}{% endif %}{% endfor %}",
        "{% liquid\n assign x = 1\n echo x\n%}{% # note %}{% tablerow i in a %}{% endtablerow %}",
        "{{ 'now' | date: '%Y' }}{{ a | default: 1, allow_false: true }}{{ a | round }}{{ a | join: '|' }}",
        "{% if a %}" * 18 + "{% endif %}" * 18,
    ],
)
def test_a_good_template_has_no_problems(source: str) -> None:
    assert check(source, part="html") == []


def test_a_word_that_liquid_keeps_for_itself_is_a_warning() -> None:
    problem = _one("{{ partial }}")
    assert (problem.level, problem.code) == ("warn", "reserved_name")


def test_a_problem_is_plain_json() -> None:
    assert _one("{{ a | upcas }}").as_json() == {
        "part": "html",
        "line": 1,
        "column": 8,
        "code": "unknown_filter",
        "message": "There is no filter upcas.",
        "hint": "Did you mean upcase?",
        "level": "error",
    }
