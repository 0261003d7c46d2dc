from typing import Any

import pytest

from executions.delivery.content import Content, compile_content, contact_field
from templates_registry.liquid import LimitExceeded, MissingVariable, RenderError


class Version:
    def __init__(self, content: dict[str, str], defaults: dict[str, Any]) -> None:
        self.content = content
        self.defaults = defaults


class Launch:
    campaign_name = "Spring"
    tags = ("Sale",)

    def __init__(self, type: str, content: dict[str, str], **levels: Any) -> None:
        self.type = type
        self.template_version = Version(content, levels.get("defaults", {}))
        self.campaign_personalization = levels.get("campaign", {})
        self.personalization = levels.get("execution", {})
        self.event = levels.get("event")


def compiled(type: str, content: dict[str, str], **levels: Any) -> Content:
    return compile_content(Launch(type, content, **levels))


def test_an_email_has_subject_html_and_text() -> None:
    content = compiled("email", {"subject": "Hi {{ name }}", "html": "<b>{{ name }}</b>\n", "text": "{{ name }}\n"})
    subject, html, text, _even = content.render_email({"name": "A & B"})
    assert (subject, html, text) == ("Hi A & B", b"<b>A &amp; B</b>\r\n", b"A & B\r\n")


def test_an_email_may_lack_a_text_part() -> None:
    assert compiled("email", {"subject": "s", "html": "h", "text": ""}).render_email({}).text is None


def test_a_subject_stays_on_one_line() -> None:
    content = compiled("email", {"subject": "Hi {{ name }}", "html": "h"})
    assert content.render_email({"name": "a\r\nBcc: x"}).subject == "Hi a Bcc: x"


def test_each_level_of_personalization_wins_over_the_one_before() -> None:
    names = ("v1", "v2", "v3", "v4", "v5")
    text = "{{ v1 }} {{ v2 }} {{ v3 }} {{ v4 }} {{ v5 }}"
    levels = [
        dict.fromkeys(names[i:], level) for i, level in enumerate(("default", "campaign", "contact", "run", "own"))
    ]
    content = compiled("sms", {"text": text}, defaults=levels[0], campaign=levels[1], execution=levels[3])
    assert content.render(levels[2], levels[4]) == {"text": "default campaign contact run own"}


def test_the_data_of_a_push_is_an_object_whatever_the_values_hold() -> None:
    content = compiled("push", {"title": "t", "body": "b", "link": "", "data": '{"who": "{{ name }}"}'})
    assert content.render({"name": '"}'}) == {"title": "t", "body": "b", "data": {"who": '"}'}}


def test_a_variable_that_nobody_gives_is_named() -> None:
    with pytest.raises(MissingVariable) as missing:
        compiled("sms", {"text": "{{ first_name }}"}).render({})
    assert missing.value.name == "first_name"


def test_only_names_that_an_attribute_may_give_are_read() -> None:
    content = compiled("sms", {"text": "{{ b }}{{ a.x }}{{ unsubscribe_url }}{{ campaign.name }}"})
    assert content.attribute_names == ("a", "b")


def test_the_contact_and_the_campaign_are_reserved_variables() -> None:
    content = compiled("sms", {"text": "{{ contact.external_id }} {{ contact.city }} {{ campaign.name }}"})
    contact = contact_field(external_id="u1", locale="", timezone="", attributes={"city": "Pune"})
    assert content.render({"campaign": "forged"}, {}, {"contact": contact}) == {"text": "u1 Pune Spring"}


@pytest.mark.parametrize("prefix", ["", "{% increment fallback %}"])
def test_the_parts_of_a_message_share_the_limits(prefix: str) -> None:
    dear = prefix + "{% for i in (1..9) %}{% assign a = big | upcase %}{% endfor %}x"
    data = ", ".join(f'"k{index}": "{dear}"' for index in range(5))
    content = compiled("push", {"title": "t", "body": "b", "data": f"{{{data}}}"})
    for _ in range(2):
        assert content.render({"big": "x" * 10_000})["title"] == "t"
    with pytest.raises(LimitExceeded, match="handled more than"):
        content.render({"big": "x" * 300_000})


def test_content_that_is_no_liquid_is_a_render_error() -> None:
    with pytest.raises(RenderError):
        compiled("sms", {"text": "{% if %}"})
    with pytest.raises(RenderError, match="not JSON"):
        compiled("push", {"title": "t", "body": "b", "data": "{{"})


def test_a_business_event_is_the_same_for_everybody() -> None:
    event = {"name": "price dropped", "at": "2026-11-23T10:00:00Z", "properties": {"sku": "A1", "name": "Shoe"}}
    texts = {"subject": "{{ event.sku }} {{ event.name }} {{ event.properties.name }}", "html": "{{ event.at }}"}
    body = compiled("email", texts, event=event).render_email({"event": "an attribute"}, {"event": "not this"})
    assert (body.subject, body.html) == ("A1 price dropped Shoe", b"2026-11-23T10:00:00Z")


def test_without_an_event_what_names_it_is_missing() -> None:
    with pytest.raises(MissingVariable, match=r"event\.sku"):
        compiled("email", {"subject": "{{ event.sku }}", "html": "h"}).render_email({})
