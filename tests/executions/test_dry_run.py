"""A dry run says what the execution then does, and writes nothing."""

from collections import Counter
from typing import Any, NoReturn

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audiences.models import Address, Contact, List, Suppression
from campaigns.models import Campaign
from common.authorship import SYSTEM
from common.errors import Conflict, Invalid
from executions.delivery.content import Content
from executions.launching import dry_run as dry_runs
from executions.launching.dry_run import dry_run
from executions.launching.dry_run_pages import PageRead, read_page
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from executions.models import Execution, FrequencyCap, FrequencyKind, FrequencyUse, RecipientData
from executions.states import State
from providers.models import Provider, SandboxMessage
from tests.executions.rows import ledger
from tests.executions.work import deliver
from tests.factories import (
    make_address,
    make_app,
    make_campaign,
    make_contact,
    make_contacts,
    make_list,
    make_template,
)
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db
ALL = {"type": "all"}


@pytest.fixture(autouse=True)
def _time_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is made to take too long does, however busy the machine is."""
    monkeypatch.setattr(dry_runs, "COUNTING_SECONDS", 60.0)
    monkeypatch.setattr(dry_runs, "LAST_SECONDS", 60.0)


def try_out(campaign: Campaign, audience: Any = None, *, budget: float = 60.0, **more: Any) -> dict[str, Any]:
    request = LaunchRequest(audience=audience or ALL, **more)
    return dry_run(campaign=campaign, request=request, budget_seconds=budget)


def execute(campaign: Campaign, audience: Any = None, **more: Any) -> Execution:
    request = LaunchRequest(audience=audience or ALL, **more)
    return deliver(launch(campaign=campaign, request=request, actor=SYSTEM).execution)


@pytest.fixture
def awkward(workspace: Workspace) -> List:
    """A list with one of every reason that planning and rendering know."""
    people = make_contacts(workspace, 4)
    people.append(make_contact(workspace, email=None))
    people.append(make_contact(workspace, attributes={}))
    people.append(make_contact(workspace, attributes={"first_name": "  "}))
    twin = make_contact(workspace, email="twin@example.test")
    people += [twin, make_contact(workspace, email="twin@example.test")]
    for fields in ({"state": "invalid"}, {"state": "dead"}, {"consent": "unsubscribed"}):
        contact = make_contact(workspace)
        Address.objects.filter(contact=contact).update(**fields)
        people.append(contact)
    banned = make_contact(workspace, email="banned@example.test")
    Suppression.objects.create(workspace=workspace, type="email", value="banned@example.test")
    people.append(banned)
    return make_list(workspace, people)


def use(contact: Contact, times: int, kind: FrequencyKind) -> None:
    """Messages that the contact got a moment ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO executions_frequencyuse (workspace_id, contact_id, ats, executions, kinds)"
            " SELECT %s, %s, array_agg(extract(epoch FROM clock_timestamp())::bigint - 60), array_agg(n), array_agg(%s)"
            " FROM generate_series(-%s, -1) n",
            [contact.workspace_id, contact.pk, kind.pk, times],
        )


@pytest.fixture
def capped(workspace: Workspace, awkward: List) -> list[Contact]:
    """Two of the list who had as many emails as a rule allows; a rule of another type counts nothing."""
    FrequencyCap.objects.create(workspace=workspace, type="email", max=2, window_seconds=86400)
    FrequencyCap.objects.create(workspace=workspace, type="sms", max=1, window_seconds=86400)
    email = FrequencyKind.objects.create(workspace=workspace, type="email", tags=[])
    sms = FrequencyKind.objects.create(workspace=workspace, type="sms", tags=[])
    people = list(Contact.objects.filter(list_memberships__list=awkward).order_by("pk")[:4])
    use(people[0], 2, email)
    use(people[1], 3, email)
    use(people[2], 1, email)
    use(people[3], 5, sms)
    return people


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("frequency_capping", [True, False])
def test_its_counts_are_those_of_the_execution(
    workspace: Workspace, awkward: List, capped: list[Contact], frequency_capping: bool
) -> None:
    campaign = make_campaign(workspace)
    left_out = make_list(workspace, [make_contact(workspace)])
    audience = {
        "type": "any_of",
        "sources": [{"type": "list", "id": awkward.pk}, {"type": "list", "id": left_out.pk}],
        "exclude": [{"type": "list", "id": left_out.pk}],
    }
    foreseen = try_out(campaign, audience, frequency_capping=frequency_capping)
    execution = execute(campaign, audience, frequency_capping=frequency_capping)
    rows = ledger(execution)
    assert foreseen["audience"]["size"] == execution.size == len(rows)
    assert foreseen["would_send"] == sum(outcome == "sent" for *_, outcome, _ in rows)
    assert foreseen["skipped"] == Counter(reason for *_, outcome, reason in rows if outcome == "skipped")
    assert foreseen["would_send"] + sum(foreseen["skipped"].values()) == foreseen["audience"]["size"]
    assert foreseen["audience"]["excluded"] == 1
    assert foreseen["audience"]["contacts"] == len({contact for contact, *_ in rows})
    assert foreseen["exact"] is True


@pytest.mark.django_db(transaction=True)
def test_of_inline_contacts_it_foresees_the_same(workspace: Workspace) -> None:
    make_contact(workspace, external_id="user-1", email="twin@example.test")
    contacts = [
        {"external_id": "user-1"},
        {"external_id": "user-2", "email": "twin@example.test", "attributes": {"first_name": "Two"}},
        {"email": "new@example.test", "personalization": {"first_name": "New"}},
        {"email": "new@example.test"},
        {"external_id": "nobody", "attributes": {"first_name": "Nobody"}},
        {"email": "nameless@example.test"},
    ]
    campaign = make_campaign(workspace)
    audience = {"type": "contacts", "contacts": contacts}
    foreseen = try_out(campaign, audience)
    rows = ledger(execute(campaign, audience))
    assert foreseen["audience"]["size"] == len(rows) == 5
    assert foreseen["would_send"] == sum(outcome == "sent" for *_, outcome, _ in rows)
    assert foreseen["skipped"] == Counter(reason for *_, outcome, reason in rows if outcome == "skipped")


def test_it_names_each_reason_and_variable_and_rule(workspace: Workspace, awkward: List, capped: list[Contact]) -> None:
    found = try_out(make_campaign(workspace), {"type": "list", "id": awkward.pk})
    assert found["skipped"] == {
        "unreachable": 1,
        "invalid_address": 2,
        "suppressed": 1,
        "unsubscribed": 1,
        "duplicate_address": 1,
        "missing_variable": 2,
        "frequency_cap": 2,
    }
    assert found["would_send"] == 3
    assert found["missing_variables"] == [{"name": "first_name", "count": 2}]
    rule = FrequencyCap.objects.get(workspace=workspace, type="email")
    assert found["frequency_caps"] == [{"rule_id": rule.pk, "rule": "2 email in 24 h", "count": 2}]


def test_who_is_over_a_cap_is_deferred_where_the_campaign_says_so(
    workspace: Workspace, awkward: List, capped: list[Contact]
) -> None:
    found = try_out(make_campaign(workspace, on_cap="defer"), {"type": "list", "id": awkward.pk})
    assert "frequency_cap" not in found["skipped"]
    assert (found["would_send"], found["frequency_caps"][0]["count"]) == (5, 2)


def test_a_push_counts_devices(workspace: Workspace) -> None:
    app, other = make_app(workspace), make_app(workspace)
    several = make_contact(workspace, app=app)
    make_address(several, "push", app=app, value="second device")
    make_address(several, "push", app=other, value="of an app that is not the campaign's")
    make_contact(workspace)
    found = try_out(make_campaign(workspace, "push", apps=[app], personalization={"offer": "20%"}))
    assert found["audience"]["contacts"] == 2
    assert (found["would_send"], found["skipped"]) == (2, {"unreachable": 1})


def test_the_body_is_as_the_contract_says(workspace: Workspace) -> None:
    contact = make_contact(workspace, attributes={"first_name": "Ana"})
    campaign = make_campaign(workspace)
    found = try_out(campaign)
    assert list(found) == [
        "status",
        "dry_run",
        "campaign_id",
        "template_id",
        "template_version",
        "exact",
        "computed_at",
        "audience",
        "would_send",
        "waiting",
        "schedule",
        "cut_off",
        "skipped",
        "missing_variables",
        "frequency_caps",
        "samples",
        "problems",
    ]
    assert (found["status"], found["dry_run"], found["campaign_id"]) == ("success", True, campaign.pk)
    assert (found["template_id"], found["template_version"]) == (campaign.template_id, 1)
    assert found["audience"] == {
        "contacts": 1,
        "size": 1,
        "excluded": 0,
        "duplicates": 0,
        "rejected_count": 0,
        "rejected": [],
    }
    (sample,) = found["samples"]
    assert (sample["external_id"], sample["address"]) == (contact.external_id, contact.addresses.get().value)
    assert sample["content"]["subject"] == "Hello Ana"
    assert "<p>Hello Ana</p>" in sample["content"]["html"]
    assert "/u/" in sample["content"]["text"]


def test_three_samples_are_enough(workspace: Workspace) -> None:
    make_contacts(workspace, 5)
    assert len(try_out(make_campaign(workspace))["samples"]) == 3


def everything(workspace: Workspace) -> dict[str, Any]:
    return {
        "contacts": list(Contact.objects.filter(workspace=workspace).order_by("pk").values()),
        "addresses": list(Address.objects.filter(workspace=workspace).order_by("pk").values()),
        "executions": Execution.objects.count(),
        "recipient data": RecipientData.objects.count(),
        "audit": AuditEntry.objects.count(),
        "uses": FrequencyUse.objects.count(),
        "kinds": FrequencyKind.objects.count(),
    }


def test_nothing_is_written_not_even_for_inline_contacts(workspace: Workspace) -> None:
    known = make_contact(workspace, external_id="user-1")
    campaign = make_campaign(workspace)
    before = everything(workspace)
    contacts = [
        {"external_id": "user-1", "attributes": {"first_name": "Changed"}, "personalization": {"coupon": "A"}},
        {"external_id": "user-1"},
        {"email": "new@example.test", "attributes": {"first_name": "New"}},
        {"email": "nameless@example.test"},
        {"email": "nope"},
    ]
    found = try_out(campaign, {"type": "contacts", "contacts": contacts})
    assert found["audience"]["size"] == 3
    assert (found["audience"]["duplicates"], found["audience"]["rejected_count"]) == (1, 1)
    assert found["audience"]["rejected"][0]["index"] == 4
    assert (found["would_send"], found["skipped"]) == (2, {"missing_variable": 1})
    assert {sample["content"]["subject"] for sample in found["samples"]} == {"Hello Changed", "Hello New"}
    assert everything(workspace) == before
    known.refresh_from_db()
    assert known.attributes != {"first_name": "Changed"}


def test_it_refuses_what_a_launch_refuses(workspace: Workspace) -> None:
    campaign = make_campaign(workspace)
    with pytest.raises(Invalid) as raised:
        try_out(campaign, {"type": "list", "id": 987654321}, personalization={"contact": 1})
    assert [error.field for error in raised.value.errors] == ["audience.id", "personalization.contact"]
    Campaign.objects.filter(pk=campaign.pk).update(state="archived")
    with pytest.raises(Conflict):
        try_out(campaign)


def test_a_campaign_that_was_executed_once_is_told_so(workspace: Workspace) -> None:
    make_contact(workspace)
    campaign = make_campaign(workspace, once=True)
    launch(campaign=campaign, request=LaunchRequest(audience=ALL), actor=SYSTEM)
    found = try_out(campaign)
    assert {"level": "error", "code": "already_executed"}.items() <= found["problems"][0].items()
    assert Execution.objects.filter(campaign=campaign).count() == 1


def test_nobody_to_send_to_is_a_problem(workspace: Workspace) -> None:
    make_contact(workspace, email=None)
    found = try_out(make_campaign(workspace))
    assert (found["would_send"], found["skipped"]) == (0, {"unreachable": 1})
    assert [problem["code"] for problem in found["problems"]] == ["nobody"]


def test_a_provider_that_is_unavailable_is_a_problem(workspace: Workspace) -> None:
    make_contact(workspace)
    Provider.objects.filter(workspace=workspace).update(name="relay", unavailable_reason="connection refused")
    (problem,) = try_out(make_campaign(workspace))["problems"]
    assert (problem["code"], problem["message"]) == ("provider_unavailable", "relay: connection refused")


def test_beyond_its_budget_it_is_not_exact_but_still_adds_up(
    workspace: Workspace, awkward: List, capped: list[Contact], monkeypatch: pytest.MonkeyPatch
) -> None:
    audience = {"type": "list", "id": awkward.pk}
    exact = try_out(make_campaign(workspace), audience)
    found = try_out(make_campaign(workspace), audience, budget=0.0)
    assert found["exact"] is False
    assert found["audience"]["size"] == exact["audience"]["size"]
    assert found["audience"]["contacts"] == exact["audience"]["contacts"]
    assert found["would_send"] + sum(found["skipped"].values()) == found["audience"]["size"]
    known = ("unreachable", "suppressed", "unsubscribed", "duplicate_address", "frequency_cap")
    assert {reason: found["skipped"][reason] for reason in known} == {
        reason: exact["skipped"][reason] for reason in known
    }


def test_what_was_not_rendered_is_taken_to_be_like_what_was(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_runs, "PAGE_CONTACTS", 4)
    for place in range(12):
        make_contact(workspace, attributes={"first_name": "Ana"} if place % 2 else {})
    now = [0.0]

    def read_slowly(*args: Any, **page: Any) -> PageRead:
        now[0] += 100.0
        return read_page(*args, **page)

    monkeypatch.setattr(dry_runs, "read_page", read_slowly)
    monkeypatch.setattr(dry_runs, "monotonic", lambda: now[0])
    found = try_out(make_campaign(workspace), budget=10.0)
    assert (found["exact"], found["would_send"], found["skipped"]) == (False, 6, {"missing_variable": 6})
    assert found["missing_variables"] == [{"name": "first_name", "count": 2}]


def test_a_template_that_is_slow_to_render_is_not_rendered_beyond_the_budget(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dry_runs, "FIRST_PAGE_CONTACTS", 2)
    make_contacts(workspace, 30)
    now, rendered = [0.0], []
    render = Content.render

    def render_slowly(self: Content, *values: Any) -> Any:
        now[0] += 1.0
        rendered.append(now[0])
        return render(self, *values)

    monkeypatch.setattr(Content, "render", render_slowly)
    monkeypatch.setattr(dry_runs, "monotonic", lambda: now[0])
    found = try_out(make_campaign(workspace), budget=8.0)
    assert (found["exact"], found["would_send"]) == (False, 30)
    assert len(rendered) <= 12


def test_a_rest_that_takes_too_long_to_count_is_estimated(
    workspace: Workspace, awkward: List, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count_for_ever(*_: Any, **__: Any) -> NoReturn:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")
        raise AssertionError("It was not stopped.")

    def read_slowly(*args: Any, **page: Any) -> PageRead:
        now[0] += 100.0
        return read_page(*args, **page)

    now = [0.0]
    monkeypatch.setattr(dry_runs, "FIRST_PAGE_CONTACTS", 12)
    monkeypatch.setattr(dry_runs, "COUNTING_SECONDS", 0.05)
    monkeypatch.setattr(dry_runs, "LAST_SECONDS", 0.05)
    monkeypatch.setattr(dry_runs, "read_page", read_slowly)
    monkeypatch.setattr(dry_runs, "monotonic", lambda: now[0])
    for name in ("count_rest", "count_contacts"):
        monkeypatch.setattr(dry_runs, name, count_for_ever)
    monkeypatch.setattr(dry_runs, "contacts_expected", lambda *_, after=0, **__: 24 if after else 100)
    none = {"type": "list", "id": make_list(workspace, []).pk}
    found = try_out(make_campaign(workspace), {"type": "list", "id": awkward.pk, "exclude": [none]}, budget=10.0)
    assert found["exact"] is False
    assert (found["audience"]["contacts"], found["audience"]["excluded"]) == (36, 64)
    assert found["skipped"]["unreachable"] == 3 and found["skipped"]["missing_variable"] == 6
    assert found["would_send"] + sum(found["skipped"].values()) == found["audience"]["size"]


def test_pages_do_not_change_the_counts(workspace: Workspace, awkward: List, monkeypatch: pytest.MonkeyPatch) -> None:
    audience = {"type": "list", "id": awkward.pk}
    whole = try_out(make_campaign(workspace), audience)
    monkeypatch.setattr(dry_runs, "PAGE_CONTACTS", 2)
    paged = try_out(make_campaign(workspace), audience)
    assert {**paged, "computed_at": 0, "campaign_id": 0, "template_id": 0, "samples": 0} == {
        **whole,
        "computed_at": 0,
        "campaign_id": 0,
        "template_id": 0,
        "samples": 0,
    }


def test_it_takes_no_lock_on_frequency_use(workspace: Workspace, awkward: List, capped: list[Contact]) -> None:
    with CaptureQueriesContext(connection) as queries:
        try_out(make_campaign(workspace), {"type": "list", "id": awkward.pk})
    touching = [one["sql"] for one in queries if "frequencyuse" in one["sql"]]
    assert touching and not any("FOR UPDATE" in sql or "INSERT" in sql for sql in touching)


LEVELS = ["defaults", "campaign", "attributes", "execution", "recipient"]


@pytest.mark.django_db(transaction=True)
def test_one_recipient_proves_each_level_of_precedence(workspace: Workspace) -> None:
    """Variable n is given by the first n levels, so the last of them must win; in the dry run and in the message."""
    values = {level: {f"v{n}": level for n in range(place, len(LEVELS))} for place, level in enumerate(LEVELS)}
    text = " ".join(f"{{{{ v{n} }}}}" for n in range(len(LEVELS)))
    content = {"subject": text, "html": f"{text} {{{{ unsubscribe_url }}}}", "text": text}
    template = make_template(workspace, content=content, defaults=values["defaults"])
    campaign = make_campaign(workspace, template=template, personalization=values["campaign"])
    make_contact(workspace, external_id="user-1", attributes=values["attributes"])
    audience = {
        "type": "contacts",
        "contacts": [{"external_id": "user-1", "personalization": values["recipient"]}],
    }
    (sample,) = try_out(campaign, audience, personalization=values["execution"])["samples"]
    assert sample["content"]["subject"].split() == LEVELS
    execution = execute(campaign, audience, personalization=values["execution"])
    assert execution.state == State.FINISHED
    (message,) = outbox(execution)
    assert message["subject"].split() == LEVELS
    assert message["text"].split() == LEVELS


def outbox(execution: Execution) -> list[dict[str, Any]]:
    return list(SandboxMessage.objects.filter(execution_id=execution.pk).values_list("content", flat=True))
