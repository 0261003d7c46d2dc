"""The variables found in a template, and the levels their values come from."""

import pytest

from templates_registry.liquid import Precedence, Variable, merge_fields, variables


def test_lists_names_in_order_with_paths_and_lines() -> None:
    source = "{{ order.total }}\n{{ name | default: 'x' }}\n{{ order.lines[0] | default: '' }}{% if vip %}{% endif %}"
    assert variables(source) == [
        Variable("order", ("order.total", "order.lines[0]"), required=True, lines=(1, 3)),
        Variable("name", ("name",), required=False, lines=(2,)),
        Variable("vip", ("vip",), required=False, lines=(3,)),
    ]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("{% assign x = a %}{{ x }}", ["a"]),
        ("{{ x }}{% assign x = a %}", ["x", "a"]),
        ("{% capture x %}{{ a }}{% endcapture %}{{ x }}", ["a"]),
        ("{% for item in cart %}{{ item.sku }}{{ forloop.index }}{% endfor %}{{ item }}", ["cart", "item"]),
        ("{% for i in (1..n) limit: m %}{% endfor %}", ["n", "m"]),
        ("{{ unsubscribe_url }}{{ preferences_url }}{{ contact.locale }}{{ campaign.name }}{{ event.name }}", []),
        ("{% case a %}{% when b %}{{ c }}{% else %}{{ d }}{% endcase %}", ["a", "b", "c", "d"]),
        ("{% if a %}{% elsif b == c %}{% endif %}{% unless d %}{% endunless %}", ["a", "b", "c", "d"]),
        ("{{ a[b.c] }}{{ x | append: y | default: z }}", ["a", "b", "x", "y", "z"]),
        ("{{ now | date: '%Y' }}{% comment %}{{ a }}{% endcomment %}{% raw %}{{ b }}{% endraw %}", []),
        ("{% increment n %}{% cycle a, b %}", ["a", "b"]),
    ],
)
def test_leaves_out_what_the_template_or_the_system_sets(source: str, names: list[str]) -> None:
    assert [variable.name for variable in variables(source)] == names


def test_later_levels_win() -> None:
    order = ("defaults", "campaign", "attributes", "execution", "recipient")
    for position, level in enumerate(order):
        given: dict[str, dict[str, object]] = {name: {"x": name} for name in order[: position + 1]}
        assert merge_fields(**given) == {"x": level}


def test_an_execution_merges_its_own_levels_once() -> None:
    levels = Precedence(
        defaults={"a": "default", "b": "default", "offer": "0%"},
        campaign={"b": "campaign", "offer": "10%"},
        execution={"offer": "20%"},
        reserved={"campaign": {"name": "Spring"}},
    )
    fields = levels.fields({"a": "Ana"}, {"coupon": "C1"}, {"unsubscribe_url": "https://x.test/u"})
    assert fields == {
        "a": "Ana",
        "b": "campaign",
        "offer": "20%",
        "coupon": "C1",
        "campaign": {"name": "Spring"},
        "unsubscribe_url": "https://x.test/u",
    }
    assert levels.fields({}) == {"a": "default", "b": "campaign", "offer": "20%", "campaign": {"name": "Spring"}}


def test_nothing_overrides_a_reserved_name() -> None:
    mine = {"unsubscribe_url": "https://evil.test", "contact": "x", "event": "x"}
    merged = merge_fields(
        defaults=mine,
        campaign=mine,
        attributes=mine,
        execution=mine,
        recipient=mine,
        reserved={"unsubscribe_url": "https://x.test/u"},
    )
    assert merged == {"unsubscribe_url": "https://x.test/u"}


def test_an_attribute_without_a_value_does_not_hide_a_default() -> None:
    assert merge_fields(defaults={"name": "friend"}, attributes={"name": None}) == {"name": "friend"}


def test_only_reserved_names_can_be_reserved() -> None:
    with pytest.raises(ValueError, match="not reserved names: offer"):
        Precedence(reserved={"offer": 1})
