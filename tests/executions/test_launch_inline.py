"""Launching to contacts who are named one by one."""

from typing import Any

import pytest

from audiences.models import Contact
from executions.models import RecipientData
from tests.executions.starting import refused, start
from tests.factories import (
    make_campaign,
    make_contact,
    make_list,
)
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def test_inline_contacts_are_taken_in_with_their_personalization(workspace: Workspace) -> None:
    known = make_contact(workspace, external_id="user-1")
    launched = start(
        make_campaign(workspace),
        {
            "type": "contacts",
            "contacts": [
                {"external_id": "user-1", "personalization": {"coupon": "A1"}},
                {
                    "email": "ana@example.test",
                    "attributes": {"first_name": "Ana"},
                    "personalization": {"coupon": "B2"},
                },
                {"email": "not-an-address"},
            ],
        },
    )
    ana = Contact.objects.get(addresses__value="ana@example.test")
    stored = dict(
        RecipientData.objects.filter(execution=launched.execution).values_list("contact_id", "personalization")
    )
    assert stored == {known.pk: {"coupon": "A1"}, ana.pk: {"coupon": "B2"}}
    assert ana.attributes == {"first_name": "Ana"}
    assert (launched.report.accepted, launched.report.duplicates) == (2, 0)
    (rejected,) = launched.report.rejected
    assert (rejected["index"], rejected["field"], rejected["code"]) == (2, "email", "invalid_address")
    assert launched.execution.audience == {"type": "contacts", "create_missing": True, "count": 3, "exclude": []}
    assert launched.execution.rejected == launched.report.rejected


def test_a_contact_named_twice_is_one_recipient_with_what_was_said_last(workspace: Workspace) -> None:
    contact = make_contact(workspace, external_id="user-1", email="one@example.test")
    named = [
        {"external_id": "user-1", "personalization": {"coupon": "A"}},
        {"email": "one@example.test", "personalization": {"coupon": "B"}},
        {"external_id": "user-1"},
    ]
    launched = start(make_campaign(workspace), {"type": "contacts", "contacts": named[:2]})
    assert (launched.report.accepted, launched.report.duplicates) == (1, 1)
    assert launched.report.personalization == {contact.pk: {"coupon": "B"}}
    assert launched.execution.duplicate_count == 1


@pytest.mark.parametrize(
    ("contact", "field", "code"),
    [
        ("user-1", "", "wrong_type"),
        ({"external_id": "x", "personalization": "A1"}, "personalization", "wrong_type"),
        ({"external_id": "x", "personalization": {"campaign": 1}}, "personalization.campaign", "reserved"),
        ({"external_id": "x", "personalization": {"a": "b" * 20_000}}, "personalization", "too_large"),
        ({"external_id": "x", "coupon": 1}, "coupon", "unknown_field"),
    ],
)
def test_a_recipient_that_cannot_be_used_is_reported(workspace: Workspace, contact: Any, field: str, code: str) -> None:
    audience = {"type": "contacts", "contacts": [contact, {"email": "b@example.test"}]}
    report = start(make_campaign(workspace), audience).report
    (rejected,) = report.rejected
    assert (rejected["index"], rejected["field"], rejected["code"]) == (0, field, code)
    assert report.accepted == 1


def test_strict_refuses_the_launch_and_lists_the_rejects(workspace: Workspace) -> None:
    contacts = [{"email": "b@example.test"}, {"email": "nope"}, {"external_id": "x", "personalization": 5}]
    found = refused(make_campaign(workspace), {"type": "contacts", "contacts": contacts}, strict=True)
    assert found == {
        "audience.contacts[1].email": "invalid_address",
        "audience.contacts[2].personalization": "wrong_type",
    }
    assert Contact.objects.filter(workspace=workspace).count() == 0


def test_nobody_usable_inline_is_an_empty_audience(workspace: Workspace) -> None:
    found = refused(make_campaign(workspace), {"type": "contacts", "contacts": [{"email": "nope"}]})
    assert found == {"audience": "audience_empty", "audience.contacts[0].email": "invalid_address"}


def test_people_are_not_made_where_create_missing_is_false(workspace: Workspace) -> None:
    known = make_contact(workspace)
    contacts = [{"external_id": "stranger"}, {"external_id": known.external_id}]
    audience = {"type": "contacts", "create_missing": False, "contacts": contacts}
    report = start(make_campaign(workspace), audience).report
    assert [(one["index"], one["code"]) for one in report.rejected] == [(0, "not_found")]
    assert list(report.personalization) == [known.pk]
    assert Contact.objects.filter(workspace=workspace).count() == 1


def test_inline_contacts_who_are_all_excluded_are_an_empty_audience(workspace: Workspace) -> None:
    contact = make_contact(workspace)
    excluded = make_list(workspace, [contact])
    audience = {
        "type": "contacts",
        "contacts": [{"external_id": contact.external_id}],
        "exclude": [{"type": "list", "id": excluded.pk}],
    }
    assert refused(make_campaign(workspace), audience) == {"audience": "audience_empty"}


def test_ten_thousand_inline_contacts_are_taken_in_one_call(workspace: Workspace) -> None:
    contacts = [{"external_id": f"u{n}", "email": f"u{n}@example.test"} for n in range(10_000)]
    report = start(make_campaign(workspace), {"type": "contacts", "contacts": contacts}).report
    assert (report.accepted, report.rejected) == (10_000, [])
