import gc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audiences.models import Address, Contact, List, Suppression, Upload, UploadMembership
from audiences.people import KnownAddress, Person
from audiences.upsert import UpsertReport, upsert_contacts
from common.channels import Type
from workspaces.models import App, Workspace

Upsert = Callable[..., UpsertReport]


@pytest.fixture
def upsert(workspace: Workspace) -> Upsert:
    def call(*rows: Any, **options: Any) -> UpsertReport:
        return upsert_contacts(workspace_id=workspace.pk, rows=rows, **options)

    return call


def counts(report: UpsertReport) -> tuple[int, int, int, int]:
    return report.created, report.updated, report.unchanged, len(report.rejected)


def attributes_of(external_id: str) -> dict[str, Any]:
    found: dict[str, Any] = Contact.objects.get(external_id=external_id).attributes
    return found


def test_the_pinned_example_creates_updates_and_rejects(upsert: Upsert, workspace: Workspace, app: App) -> None:
    upsert({"external_id": "user-1", "attributes": {"old_plan": "x", "city": "Pune"}})
    report = upsert(
        {
            "external_id": "user-1",
            "locale": "pt-BR",
            "timezone": "America/Sao_Paulo",
            "attributes": {"first_name": "Ana", "old_plan": None},
            "addresses": [
                {
                    "type": "email",
                    "value": "ana@example.test",
                    "consent": "subscribed",
                    "consent_source": "checkout",
                    "consent_at": "2026-01-05T09:00:00Z",
                },
                {"type": "push", "app_id": "shop-android", "value": "fcm-token", "platform": "android"},
            ],
        },
        {"email": "b@example.test"},
        {"email": "nope"},
    )
    assert counts(report) == (1, 1, 0, 1)
    assert report.rejected[0].as_wire() == {
        "index": 2,
        "field": "contacts[2].email",
        "code": "invalid_address",
        "message": '"nope" has no @.',
    }
    contact = Contact.objects.get(external_id="user-1")
    assert contact.attributes == {"first_name": "Ana", "city": "Pune"}
    assert (contact.locale, contact.timezone) == ("pt-BR", "America/Sao_Paulo")
    email = contact.addresses.get(type=Type.EMAIL)
    assert (email.consent_source, email.consent_at) == ("checkout", datetime(2026, 1, 5, 9, tzinfo=UTC))
    assert contact.addresses.get(type=Type.PUSH).app == app
    assert report.contact_ids[0] == contact.pk and report.contact_ids[2] is None


def test_replace_forgets_attributes_that_are_not_given(upsert: Upsert) -> None:
    upsert({"external_id": "1", "attributes": {"a": 1, "b": 2}})
    upsert({"external_id": "1", "attributes": {"b": 3}}, attributes_mode="replace")
    assert attributes_of("1") == {"b": 3}


def test_replace_without_attributes_leaves_them(upsert: Upsert) -> None:
    upsert({"external_id": "1", "attributes": {"a": 1}})
    upsert({"external_id": "1", "locale": "de"}, attributes_mode="replace")
    assert attributes_of("1") == {"a": 1}


def test_the_same_again_is_unchanged_and_writes_nothing(upsert: Upsert, app: App) -> None:
    row = {
        "external_id": "1",
        "email": "a@example.test",
        "attributes": {"n": 1.5, "list": [1, {"x": None}]},
        "addresses": [{"type": "push", "app_id": "shop-android", "value": "t"}],
    }
    upsert(row)
    before = Contact.objects.values_list("updated_at", flat=True).get()
    assert counts(upsert(row)) == (0, 0, 1, 0)
    assert Contact.objects.values_list("updated_at", flat=True).get() == before


def test_true_instead_of_one_is_a_change(upsert: Upsert) -> None:
    upsert({"external_id": "1", "attributes": {"flag": 1}})
    assert counts(upsert({"external_id": "1", "attributes": {"flag": True}})) == (0, 1, 0, 0)
    assert attributes_of("1")["flag"] is True


def test_without_external_id_the_email_names_the_person(upsert: Upsert) -> None:
    upsert({"external_id": "1", "email": "Ana@Example.test"})
    upsert({"email": " ana@EXAMPLE.test", "attributes": {"a": 1}})
    assert Contact.objects.count() == 1 and attributes_of("1") == {"a": 1}


def test_without_external_id_and_email_the_phone_names_the_person(upsert: Upsert) -> None:
    upsert({"external_id": "1", "phone": "+49 170 1234567"})
    upsert({"phone": "+491701234567", "attributes": {"a": 1}})
    assert Contact.objects.count() == 1 and attributes_of("1") == {"a": 1}


def test_a_device_token_names_the_person_where_nothing_else_does(upsert: Upsert, app: App) -> None:
    token = {"type": "push", "app_id": "shop-android", "value": "t"}
    upsert({"external_id": "1", "addresses": [token]})
    upsert({"addresses": [token], "attributes": {"a": 1}})
    assert Contact.objects.count() == 1 and attributes_of("1") == {"a": 1}


def test_of_two_contacts_with_one_address_the_oldest_is_named(upsert: Upsert) -> None:
    report = upsert({"external_id": "1", "email": "a@example.test"}, {"external_id": "2", "email": "a@example.test"})
    assert counts(report) == (2, 0, 0, 0)
    assert upsert({"email": "a@example.test"}).contact_ids == [report.contact_ids[0]]


def test_an_address_named_for_an_external_id_names_it_later_in_the_same_call(upsert: Upsert) -> None:
    report = upsert(
        {"external_id": "1", "email": "a@example.test"}, {"email": "a@example.test", "attributes": {"a": 1}}
    )
    assert counts(report) == (1, 1, 0, 0)
    assert report.contact_ids[0] == report.contact_ids[1]
    assert attributes_of("1") == {"a": 1}


def test_one_person_twice_in_a_call_is_merged_in_order(upsert: Upsert) -> None:
    report = upsert(
        {"external_id": "1", "attributes": {"a": 1, "b": 1}},
        {"external_id": "1", "attributes": {"b": 2}},
        {"external_id": "1", "attributes": {"b": 2}},
    )
    assert counts(report) == (1, 1, 1, 0)
    assert attributes_of("1") == {"a": 1, "b": 2}


def test_a_token_moves_to_whoever_identified_last(upsert: Upsert, app: App) -> None:
    token = {"type": "push", "app_id": "shop-android", "value": "t"}
    upsert({"external_id": "1", "addresses": [token]})
    assert counts(upsert({"external_id": "2", "addresses": [token]})) == (1, 0, 0, 0)
    assert Address.objects.get().contact.external_id == "2"


def test_a_token_moves_within_a_call_too(upsert: Upsert, app: App) -> None:
    token = {"type": "push", "app_id": "shop-android", "value": "t"}
    report = upsert(
        {"external_id": "1", "addresses": [token]},
        {"external_id": "2", "addresses": [token]},
        {"addresses": [token], "attributes": {"a": 1}},
    )
    assert report.contact_ids[1] == report.contact_ids[2]
    assert Address.objects.get().contact.external_id == "2"


def test_a_token_known_as_push_can_become_webpush(upsert: Upsert, app: App) -> None:
    upsert({"external_id": "1", "addresses": [{"type": "push", "app_id": "shop-android", "value": "t"}]})
    upsert({"external_id": "1", "addresses": [{"type": "webpush", "app_id": "shop-android", "value": "t"}]})
    assert Address.objects.get().type == Type.WEBPUSH


def test_one_email_may_belong_to_two_contacts(upsert: Upsert) -> None:
    upsert({"external_id": "1", "email": "a@example.test"}, {"external_id": "2", "email": "a@example.test"})
    assert Address.objects.count() == 2


PROOF = {"consent_source": "form", "consent_at": "2026-03-01T00:00:00Z"}
EMAIL = {"type": "email", "value": "a@example.test"}


def refused_at(at: str) -> dict[str, str]:
    return {**EMAIL, "consent": "unsubscribed", "consent_at": at}


def proven_at(at: datetime) -> dict[str, str]:
    return {**EMAIL, "consent": "subscribed", "consent_source": "form", "consent_at": at.isoformat()}


def refusal() -> datetime:
    address = Address.objects.get()
    assert address.consent == "unsubscribed" and address.consent_at is not None
    return address.consent_at


@pytest.mark.parametrize(
    ("said", "then"),
    [
        ({"consent": "subscribed"}, "unsubscribed"),
        ({"consent": "subscribed", "consent_source": "form"}, "unsubscribed"),
        ({"consent": "subscribed", "consent_at": "2026-03-01T00:00:00Z"}, "unsubscribed"),
        ({}, "unsubscribed"),
        ({"consent": "subscribed", **PROOF}, "subscribed"),
    ],
)
def test_unsubscribed_becomes_subscribed_only_with_proof(upsert: Upsert, said: dict[str, str], then: str) -> None:
    upsert({"external_id": "1", "addresses": [refused_at("2026-02-01T00:00:00Z")]})
    upsert({"external_id": "1", "addresses": [{**EMAIL, **said}]})
    assert Address.objects.get().consent == then


@pytest.mark.parametrize("known", [True, False])
def test_a_refusal_without_a_time_was_said_when_it_was_received(upsert: Upsert, known: bool) -> None:
    """Also that of an address which comes with it. A proof of last year does not undo it, whoever brings that."""
    if known:
        upsert({"external_id": "1", "addresses": [EMAIL]})
    begin = datetime.now(UTC)
    upsert({"external_id": "1", "addresses": [{**EMAIL, "consent": "unsubscribed"}]})
    assert begin <= refusal() <= datetime.now(UTC)
    upsert({"external_id": "1", "addresses": [proven_at(begin)]})
    upsert({"external_id": "1", "addresses": [proven_at(refusal() + timedelta(microseconds=1))]})
    assert Address.objects.get().consent == "subscribed"


def test_it_holds_for_whoever_comes_with_the_address_too(upsert: Upsert) -> None:
    upsert({"external_id": "1", "addresses": [{**EMAIL, "consent": "unsubscribed"}]})
    at = refusal()
    upsert({"external_id": "2", "addresses": [{**EMAIL, "consent": "subscribed", **PROOF}]})
    upsert({"external_id": "3", "addresses": [proven_at(at + timedelta(seconds=1))]})
    consents = Address.objects.order_by("contact_id").values_list("consent", "consent_at")
    assert list(consents)[:2] == [("unsubscribed", at)] * 2 and list(consents)[2][0] == "subscribed"


def test_within_one_call_too(upsert: Upsert) -> None:
    rows = [{**EMAIL, "consent": "unsubscribed"}, {**EMAIL, "consent": "subscribed", **PROOF}]
    upsert(*({"external_id": "1", "addresses": [row]} for row in rows))
    assert Address.objects.get().consent == "unsubscribed"


def test_a_refusal_that_is_said_again_is_as_old_as_its_newest_time(upsert: Upsert) -> None:
    times = ("2026-02-01T00:00:00+00:00", "2026-05-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00")
    for at, then in zip(times, (times[0], times[1], times[1]), strict=True):
        upsert({"external_id": "1", "addresses": [refused_at(at)]})
        assert refusal().isoformat() == then
    report = upsert({"external_id": "1", "addresses": [{**EMAIL, "consent": "unsubscribed"}]})
    assert refusal().isoformat() == times[1] and report.unchanged == 1


def test_a_refusal_from_the_future_was_said_when_it_was_received(upsert: Upsert) -> None:
    upsert({"external_id": "1", "addresses": [refused_at("2999-01-01T00:00:00Z")]})
    assert refusal() <= datetime.now(UTC)
    upsert({"external_id": "1", "addresses": [proven_at(refusal() + timedelta(seconds=1))]})
    assert Address.objects.get().consent == "subscribed"


def test_proof_older_than_the_unsubscribing_does_not_count(upsert: Upsert) -> None:
    address = {"type": "email", "value": "a@example.test"}
    left = {**address, "consent": "unsubscribed", "consent_at": "2026-05-01T00:00:00Z"}
    upsert({"external_id": "1", "addresses": [left]})
    upsert({"external_id": "1", "addresses": [{**address, "consent": "subscribed", **PROOF}]})
    assert Address.objects.get().consent == "unsubscribed"


def test_proof_lifts_the_suppression_of_unsubscribing_and_no_other(upsert: Upsert, workspace: Workspace) -> None:
    for number, reason in ((1, "unsubscribed"), (2, "complaint")):
        address = {"type": "email", "value": f"a{number}@example.test"}
        left_at = "2026-02-01T00:00:00Z"
        Suppression.objects.create(workspace=workspace, reason=reason, created_at=left_at, **address)
        left = {**address, "consent": "unsubscribed", "consent_at": left_at}
        upsert({"external_id": str(number), "addresses": [left]})
        upsert({"external_id": str(number), "addresses": [{**address, "consent": "subscribed", **PROOF}]})
    assert Suppression.objects.get().reason == "complaint"


def test_proof_older_than_a_suppression_does_not_lift_it(upsert: Upsert, workspace: Workspace) -> None:
    """It came from another system, or somebody else with the address clicked the link."""
    address = {"type": "email", "value": "a@example.test"}
    Suppression.objects.create(workspace=workspace, reason="unsubscribed", created_at="2026-05-01T00:00:00Z", **address)
    left = {**address, "consent": "unsubscribed", "consent_at": "2026-01-01T00:00:00Z"}
    upsert({"external_id": "1", "addresses": [left]})
    upsert({"external_id": "1", "addresses": [{**address, "consent": "subscribed", **PROOF}]})
    assert Suppression.objects.exists()


def test_nothing_is_lifted_by_a_proof_that_a_later_row_takes_back(upsert: Upsert, workspace: Workspace) -> None:
    address = {"type": "email", "value": "a@example.test"}
    Suppression.objects.create(workspace=workspace, reason="unsubscribed", created_at="2026-02-01T00:00:00Z", **address)
    left = {**address, "consent": "unsubscribed", "consent_at": "2026-02-01T00:00:00Z"}
    rows = [left, {**address, "consent": "subscribed", **PROOF}]
    upsert(*({"external_id": "1", "addresses": [row]} for row in (rows[0], rows[1], rows[0])))
    assert Suppression.objects.exists()


def test_a_proof_from_the_future_is_none(upsert: Upsert) -> None:
    """A mistyped year would outdo every unsubscribing to come."""
    address = {"type": "email", "value": "a@example.test"}
    proof = {"consent_source": "form", "consent_at": "2999-01-01T00:00:00Z"}
    upsert({"external_id": "1", "addresses": [{**address, "consent": "subscribed", **proof}]})
    upsert({"external_id": "1", "addresses": [{**address, "consent": "unsubscribed"}]})
    upsert({"external_id": "1", "addresses": [{**address, "consent": "subscribed", **proof}]})
    assert Address.objects.get().consent == "unsubscribed"


def test_an_upsert_does_not_revive_a_dead_address(upsert: Upsert) -> None:
    upsert({"external_id": "1", "email": "a@example.test"})
    Address.objects.update(state="dead")
    upsert({"external_id": "1", "email": "a@example.test", "attributes": {"a": 1}})
    assert Address.objects.get().state == "dead"


def test_unknown_people_are_refused_where_none_may_be_made(upsert: Upsert) -> None:
    upsert({"external_id": "1"})
    report = upsert(
        {"external_id": "1", "attributes": {"a": 1}},
        {"external_id": "2"},
        {"email": "x@example.test"},
        create_missing=False,
        field_prefix="",
    )
    assert [(one.index, one.field, one.code) for one in report.rejected] == [
        (1, "external_id", "not_found"),
        (2, "email", "not_found"),
    ]
    assert Contact.objects.count() == 1 and attributes_of("1") == {"a": 1}


def test_everyone_accepted_joins_the_lists_and_the_upload_once(upsert: Upsert, workspace: Workspace) -> None:
    fixed = List.objects.create(workspace=workspace, name="All")
    upload = Upload.objects.create(workspace=workspace, name="u", format="csv")
    for _ in range(2):
        upsert({"external_id": "1"}, {"external_id": "1"}, {"email": "no"}, list_ids=[fixed.pk], upload_id=upload.pk)
    assert fixed.memberships.count() == 1
    assert UploadMembership.objects.count() == 1


def test_a_temporary_contact_is_kept_once_it_comes_by_another_way(upsert: Upsert) -> None:
    upsert({"external_id": "1"}, temporary=True)
    assert Contact.objects.get().temporary
    assert counts(upsert({"external_id": "1"}, temporary=True)) == (0, 0, 1, 0)
    assert counts(upsert({"external_id": "1"})) == (0, 1, 0, 0)
    assert not Contact.objects.get().temporary


def test_contacts_of_another_workspace_are_neither_named_nor_touched(
    upsert: Upsert, other_workspace: Workspace
) -> None:
    row = {"external_id": "1", "email": "a@example.test"}
    upsert_contacts(workspace_id=other_workspace.pk, rows=[row])
    assert counts(upsert({**row, "attributes": {"a": 1}})) == (1, 0, 0, 0)
    assert Contact.objects.get(workspace=other_workspace).attributes == {}


def test_apps_of_another_workspace_do_not_exist(upsert: Upsert, other_workspace: Workspace) -> None:
    App.objects.create(workspace=other_workspace, app_id="theirs", name="Theirs")
    report = upsert({"external_id": "1", "addresses": [{"type": "push", "app_id": "theirs", "value": "t"}]})
    assert (report.rejected[0].field, report.rejected[0].code) == ("contacts[0].addresses[0].app_id", "not_found")


def test_attributes_that_grow_too_large_by_merging_are_refused_and_the_old_ones_stay(upsert: Upsert) -> None:
    upsert({"external_id": "1", "attributes": {"a": "x" * 40_000}})
    report = upsert({"external_id": "1", "email": "a@example.test", "attributes": {"b": "x" * 40_000}})
    assert (report.rejected[0].field, report.rejected[0].code) == ("contacts[0].attributes", "too_large")
    assert list(attributes_of("1")) == ["a"] and not Address.objects.exists()


def test_nothing_at_all_is_fine(upsert: Upsert) -> None:
    assert counts(upsert()) == (0, 0, 0, 0)


def test_a_person_whose_address_an_older_one_gets_in_the_same_call_is_still_written(upsert: Upsert) -> None:
    upsert({"external_id": "older"}, {"email": "a@example.test"})
    report = upsert(
        {"email": "a@example.test", "attributes": {"a": 1}},
        {"external_id": "older", "email": "a@example.test"},
        {"email": "a@example.test", "attributes": {"b": 1}},
    )
    assert counts(report) == (0, 3, 0, 0)
    assert Contact.objects.get(external_id=None).attributes == {"a": 1}
    assert attributes_of("older") == {"b": 1}


def test_what_an_upsert_held_is_freed_without_a_collection_of_cycles(workspace: Workspace) -> None:
    """Workers make one every few hundred thousand objects: an import grew by them."""
    rows = [{"external_id": str(i), "email": f"u{i}@example.test"} for i in range(50)]
    gc.collect()
    gc.disable()
    try:
        for _ in range(2):
            upsert_contacts(workspace_id=workspace.pk, rows=rows)
        assert not [one for one in gc.get_objects() if type(one) in (Person, KnownAddress)]
    finally:
        gc.enable()
