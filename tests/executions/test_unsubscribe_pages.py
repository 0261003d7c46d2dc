from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client

from audiences.contacts import delete_contact
from audiences.models import Address, ConsentChange, Contact, Suppression
from audiences.rights.erasing import Subject
from audiences.unsubscribe import Seal, unsubscribe_token
from audiences.upsert import upsert_contacts
from common.authorship import SYSTEM
from executions.delivery.partitions import make_partitions
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from executions.models import Execution
from executions.rights.erasing import erase_person
from tests.factories import make_address, make_app, make_campaign, make_contact
from workspaces.models import Workspace

ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def address(workspace: Workspace) -> Address:
    return make_contact(workspace, email="ana@example.test").addresses.get()


def link(address: Address, execution_id: int = 0, page: str = "u") -> str:
    token = unsubscribe_token(execution_id=execution_id, contact_id=address.contact_id, address_id=address.pk)
    return f"/{page}/{token}"


def executed_to(address: Address) -> Execution:
    audience = {"type": "contacts", "contacts": [{"email": address.value}]}
    campaign = make_campaign(address.workspace)
    return launch(campaign=campaign, request=LaunchRequest(audience=audience), actor=SYSTEM).execution


def receipts() -> list[tuple[int, int, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT contact_id, address_id, kind FROM executions_receipt")
        found: list[tuple[int, int, str]] = cursor.fetchall()
    return found


def test_opening_the_link_changes_nothing_and_asks(client: Client, address: Address) -> None:
    answer = client.get(link(address))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "ana@example.test" in page and address.workspace.name in page and "<script" not in page
    assert "Unsubscribe</button>" in page and not answer.cookies
    address.refresh_from_db()
    assert address.consent == "subscribed" and not Suppression.objects.exists()


def test_one_click_unsubscribes_and_suppresses_at_once(client: Client, address: Address) -> None:
    make_partitions()
    execution = executed_to(address)
    answer = client.post(link(address, execution.pk), ONE_CLICK, content_type=FORM)
    assert answer.status_code == 200 and not answer.cookies
    address.refresh_from_db()
    assert (address.consent, address.consent_source) == ("unsubscribed", "one_click") and address.consent_at
    suppression = Suppression.objects.get()
    assert (suppression.type, suppression.value, suppression.reason) == ("email", "ana@example.test", "unsubscribed")
    assert receipts() == [(address.contact_id, address.pk, "unsubscribed")]


def test_asking_again_answers_the_same_and_makes_one_receipt(client: Client, address: Address) -> None:
    make_partitions()
    execution = executed_to(address)
    for _ in range(3):
        assert client.post(link(address, execution.pk), ONE_CLICK, content_type=FORM).status_code == 200
    assert Suppression.objects.count() == 1 and len(receipts()) == 1
    assert "You are unsubscribed" in client.get(link(address)).content.decode()


def test_one_click_by_a_form_with_parts_works_too(client: Client, address: Address) -> None:
    assert client.post(link(address), {"List-Unsubscribe": "One-Click"}).status_code == 200
    address.refresh_from_db()
    assert address.consent == "unsubscribed"


def test_a_link_outlives_the_month_of_its_launch(client: Client, address: Address) -> None:
    execution = executed_to(address)
    Execution.objects.filter(pk=execution.pk).update(launched_on="2020-01-01")
    answer = client.post(link(address, execution.pk), ONE_CLICK, content_type=FORM)
    assert answer.status_code == 200 and Suppression.objects.exists() and receipts() == []


def test_a_test_send_has_no_receipt(client: Client, address: Address) -> None:
    client.post(link(address), ONE_CLICK, content_type=FORM)
    assert receipts() == [] and Suppression.objects.exists()


@pytest.mark.parametrize("page", ["u", "preferences"])
@pytest.mark.parametrize("token", ["x", "A" * 48, "example", "%00", "ü" * 48])
def test_a_broken_or_foreign_token_is_a_friendly_404(client: Client, db: None, page: str, token: str) -> None:
    for answer in (client.get(f"/{page}/{token}"), client.post(f"/{page}/{token}", ONE_CLICK, content_type=FORM)):
        assert answer.status_code == 404 and "This link does not work" in answer.content.decode()


def test_a_link_of_ids_alone_to_somebody_deleted_is_answered(client: Client, address: Address) -> None:
    url, preferences = link(address), link(address, page="preferences")
    Contact.objects.all().delete()
    assert client.post(url, ONE_CLICK, content_type=FORM).status_code == 200
    assert client.get(url).status_code == 200
    assert client.get(preferences, follow=True).status_code == 200
    assert not Suppression.objects.exists()


class TestLinksThatOutliveTheirContact:
    @pytest.fixture
    def sent(self, address: Address) -> str:
        """The link in a message to somebody who is deleted by now."""
        make_partitions()
        execution = executed_to(address)
        seal = Seal(execution_id=execution.pk, workspace_id=address.workspace_id, type="email")
        token = seal.token(contact_id=address.contact_id, address_id=address.pk, value=address.value)
        delete_contact(contact_id=address.contact_id, workspace_id=address.workspace_id, actor=SYSTEM)
        return f"/u/{token}"

    def test_opening_it_changes_nothing_and_asks(self, client: Client, sent: str, workspace: Workspace) -> None:
        page = client.get(sent.replace("/u/", "/preferences/"), follow=True).content.decode()
        assert "ana@example.test" in page and workspace.name in page and "Unsubscribe</button>" in page
        assert not Suppression.objects.exists()

    def test_the_address_is_suppressed_before_it_returns(
        self, client: Client, sent: str, workspace: Workspace, address: Address
    ) -> None:
        for _ in range(2):
            assert client.post(sent, ONE_CLICK, content_type=FORM).status_code == 200
        upsert_contacts(workspace_id=workspace.pk, rows=[{"external_id": "again", "email": "Ana@example.test"}])
        [held] = Suppression.objects.all()
        assert (held.value, held.reason, held.source) == ("ana@example.test", "unsubscribed", "one_click")
        assert receipts() == [(address.contact_id, address.pk, "unsubscribed")]
        assert "You are unsubscribed" in client.get(sent).content.decode()

    def test_whoever_has_the_address_by_now_is_unsubscribed(
        self, client: Client, sent: str, workspace: Workspace, other_workspace: Workspace
    ) -> None:
        again, theirs = (make_contact(one, email="ana@example.test") for one in (workspace, other_workspace))
        assert "Unsubscribe</button>" in client.get(sent).content.decode()
        client.post(sent, ONE_CLICK, content_type=FORM)
        assert (again.addresses.get().consent, theirs.addresses.get().consent) == ("unsubscribed", "subscribed")
        [change] = ConsentChange.objects.all()
        assert (change.contact_id, change.after, change.way) == (again.pk, "unsubscribed", "link")
        assert [one.workspace_id for one in Suppression.objects.all()] == [workspace.pk]

    def test_nothing_of_who_has_it_now_is_shown(self, client: Client, sent: str, workspace: Workspace) -> None:
        again = make_contact(workspace, email="ana@example.test")
        make_address(again, "sms", value="+491701234567")
        url = sent.replace("/u/", "/preferences/")
        assert "+491701234567" not in client.get(url, follow=True).content.decode()
        client.post(url, {"type": "email", "choice": "unsubscribed"})
        assert dict(again.addresses.values_list("type", "consent")) == {"email": "unsubscribed", "sms": "subscribed"}

    def test_who_was_erased_is_not_written_down_again(self, client: Client, sent: str, workspace: Workspace) -> None:
        subject = Subject(address=("email", "ana@example.test"))
        erase_person(workspace_id=workspace.pk, subject=subject, actor=SYSTEM)
        assert "ana@example.test" not in client.get(sent).content.decode()
        assert client.post(sent, ONE_CLICK, content_type=FORM).status_code == 200
        assert not Suppression.objects.exists()

    def test_a_newer_proof_subscribes_again_and_an_older_one_does_not(
        self, client: Client, sent: str, workspace: Workspace
    ) -> None:
        client.post(sent, ONE_CLICK, content_type=FORM)
        at = Suppression.objects.get().created_at
        for moment, left in ((at - timedelta(days=1), 1), (at + timedelta(seconds=1), 0)):
            said = {"consent": "subscribed", "consent_source": "form", "consent_at": moment.isoformat()}
            row = {"addresses": [{"type": "email", "value": "ana@example.test", **said}]}
            upsert_contacts(workspace_id=workspace.pk, rows=[row])
            assert Suppression.objects.count() == left


def test_a_click_after_another_refusal_is_a_later_one(client: Client, address: Address) -> None:
    """Else a proof that is between them would lift it."""
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    Address.objects.update(consent="unsubscribed", consent_source="desk", consent_at=long_ago)
    Suppression.objects.create(
        workspace=address.workspace, type="email", value=address.value, reason="unsubscribed", created_at=long_ago
    )
    client.post(link(address), ONE_CLICK, content_type=FORM)
    address.refresh_from_db()
    assert address.consent_at and address.consent_at > long_ago and Suppression.objects.get().created_at > long_ago
    assert ConsentChange.objects.get().before_source == "desk"


def test_clicking_over_a_bounce_keeps_both(client: Client, address: Address) -> None:
    Suppression.objects.create(workspace=address.workspace, type="email", value=address.value, reason="bounce")
    client.post(link(address), ONE_CLICK, content_type=FORM)
    held = Suppression.objects.get()
    assert (held.reason, [one["reason"] for one in held.other_reasons]) == ("bounce", ["unsubscribed"])
    client.post(link(address, page="preferences"), {"type": "email", "choice": "subscribed"})
    held.refresh_from_db()
    assert (held.reason, held.other_reasons) == ("bounce", [])


def test_preferences_change_a_type_and_back(client: Client, address: Address) -> None:
    app = make_app(address.workspace)
    make_address(address.contact, "push", app=app, value="t")
    url = link(address, page="preferences")
    page = client.get(url).content.decode()
    assert "App push" in page and "ana@example.test — subscribed" in page
    assert client.post(url, {"type": "email", "choice": "unsubscribed"}).status_code == 302
    assert dict(Address.objects.values_list("type", "consent")) == {"email": "unsubscribed", "push": "subscribed"}
    assert "ana@example.test — unsubscribed" in client.get(url).content.decode()
    client.post(url, {"type": "email", "choice": "subscribed"})
    assert Address.objects.get(type="email").consent == "subscribed" and not Suppression.objects.exists()


def test_a_suppression_for_another_reason_can_not_be_lifted_by_the_person(client: Client, address: Address) -> None:
    Suppression.objects.create(workspace=address.workspace, type="email", value=address.value, reason="complaint")
    url = link(address, page="preferences")
    client.post(url, {"type": "email", "choice": "subscribed"})
    assert Suppression.objects.get().reason == "complaint"
    assert "blocked" in client.get(url).content.decode()


@pytest.mark.parametrize("body", [{}, {"type": "email", "choice": "x"}, {"type": "fax", "choice": "subscribed"}])
def test_a_choice_that_makes_no_sense_changes_nothing(client: Client, address: Address, body: dict[str, str]) -> None:
    assert client.post(link(address, page="preferences"), body).status_code == 302
    address.refresh_from_db()
    assert address.consent == "subscribed"


def test_the_address_is_escaped(client: Client, workspace: Workspace) -> None:
    odd = make_contact(workspace, email="a<b>&'@example.test").addresses.get()
    assert "a&lt;b&gt;&amp;&#x27;@example.test" in client.get(link(odd)).content.decode()
