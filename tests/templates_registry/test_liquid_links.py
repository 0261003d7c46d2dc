"""Links of an HTML part, and whether everyone can unsubscribe."""

import pytest

from templates_registry.liquid import Link, has_unsubscribe_link, html_problems, links


def test_finds_links_in_every_branch_with_their_lines() -> None:
    source = (
        '<a href="https://x.test/{{ code }}">a</a>\n{% if vip %}\n<a href="http://y.test">b</a>{% else %}\n'
        "<a class=c href='mailto:a@x.test'>c</a>{% endif %}<a name=top></a>"
    )
    assert links(source) == [Link("https://x.test/{{ code }}", 1), Link("http://y.test", 3), Link("mailto:a@x.test", 4)]


def test_warns_of_links_without_tls_and_images_without_alt() -> None:
    source = '<a href="http://x.test">a</a>\n<img src="https://x.test/i.png">\n<img alt="" src="{{ photo }}">'
    found = html_problems(source)
    assert [(problem.level, problem.line, problem.code) for problem in found] == [
        ("warn", 1, "link_not_https"),
        ("warn", 2, "image_without_alt"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        '<a href="{{ unsubscribe_url }}">Unsubscribe</a>',
        "{% if vip %}{{ unsubscribe_url }}{% else %}{{ unsubscribe_url }}{% endif %}",
        "{% case a %}{% when 1 %}{{ unsubscribe_url }}{% else %}{{ unsubscribe_url }}{% endcase %}",
        "{% assign link = unsubscribe_url %}{{ link }}",
        "{% capture footer %}<a href='{{ unsubscribe_url }}'>x</a>{% endcapture %}{{ footer }}",
        "{% echo unsubscribe_url | escape %}",
        "{% liquid\n echo unsubscribe_url\n%}",
        "{% for i in items %}{{ unsubscribe_url }}{% else %}{{ unsubscribe_url }}{% endfor %}",
    ],
)
def test_everyone_gets_an_unsubscribe_link(source: str) -> None:
    assert has_unsubscribe_link(source)


@pytest.mark.parametrize(
    "source",
    [
        "unsubscribe_url",
        "{% comment %}{{ unsubscribe_url }}{% endcomment %}",
        "{% raw %}{{ unsubscribe_url }}{% endraw %}",
        "{% if vip %}{{ unsubscribe_url }}{% endif %}",
        "{% if false %}{{ unsubscribe_url }}{% endif %}",
        "{% unless vip %}{{ unsubscribe_url }}{% endunless %}",
        "{% case a %}{% when 1 %}{{ unsubscribe_url }}{% endcase %}",
        "{% for i in items %}{{ unsubscribe_url }}{% endfor %}",
        "{% capture footer %}{{ unsubscribe_url }}{% endcapture %}",
        "{% assign link = unsubscribe_url %}",
        "{{ contact.unsubscribe_url }}",
        "{{ [unsubscribe_url] }}",
    ],
)
def test_someone_gets_no_unsubscribe_link(source: str) -> None:
    assert has_unsubscribe_link(source) is False
