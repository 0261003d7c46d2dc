from typing import Any

import pytest
from django.db import connection

from audiences.models import Address, Suppression
from audiences.sources import UnknownSource, source_condition
from executions.delivery.classify import Scope, contacts_sql, recipients_sql
from executions.models import RecipientData
from tests.executions.rows import list_of, make_execution
from tests.factories import make_address, make_app, make_contact, make_list
from workspaces.models import Workspace


def scope_of(workspace: Workspace, **fields: Any) -> Scope:
    values = {"execution_id": None, "type": "email", "app_ids": (), "audience": {"type": "all"}, **fields}
    return Scope(workspace_id=workspace.pk, **values)


def contacts(scope: Scope, **page: Any) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(contacts_sql(scope, **page))
        return [row[0] for row in cursor.fetchall()]


def recipients(scope: Scope, **page: Any) -> list[tuple[int, int, str | None]]:
    with connection.cursor() as cursor:
        cursor.execute(recipients_sql(scope, contacts_sql(scope, **page), until=page.get("until")))
        return sorted(cursor.fetchall())


def test_sources_hold_their_members(workspace: Workspace) -> None:
    one, two, three = (make_contact(workspace).pk for _ in range(3))
    first = {"type": "list", "id": make_list(workspace, [_contact(one), _contact(two)]).pk}
    second = {"type": "list", "id": str(make_list(workspace, [_contact(three)]).pk)}
    assert contacts(scope_of(workspace)) == [one, two, three]
    assert contacts(scope_of(workspace, audience=first)) == [one, two]
    assert contacts(scope_of(workspace, audience={"type": "any_of", "sources": [first, second]})) == [one, two, three]
    assert contacts(scope_of(workspace, audience={"type": "all", "exclude": [first]})) == [three]
    assert contacts(scope_of(workspace, audience={"type": "contacts", "contact_ids": [two, two]})) == [two]
    assert contacts(scope_of(workspace, audience={"type": "any_of", "sources": []})) == []


def test_many_sources_of_a_kind_are_one_question(workspace: Workspace) -> None:
    people = [make_contact(workspace).pk for _ in range(4)]
    many = [{"type": "list", "id": make_list(workspace, [_contact(one)]).pk} for one in people[:3] + people[:1]]
    uploads = [{"type": "upload", "id": one} for one in (987_001, 987_002)]
    scope = scope_of(workspace, audience={"type": "any_of", "sources": many[:3] + uploads, "exclude": many[3:] * 2})
    assert contacts(scope) == people[1:3]
    assert contacts(scope_of(workspace, audience={"type": "all", "exclude": many})) == people[3:]
    assert contacts_sql(scope).as_string().count("EXISTS") == 3


def _contact(contact_id: int) -> Any:
    from audiences.models import Contact

    return Contact.objects.get(pk=contact_id)


def test_an_inline_audience_is_the_executions_recipient_data(workspace: Workspace) -> None:
    inside, _outside = make_contact(workspace), make_contact(workspace)
    execution = make_execution(workspace, audience={"type": "contacts"})
    RecipientData.objects.create(execution=execution, contact_id=inside.pk)
    assert contacts(scope_of(workspace, execution_id=execution.pk, audience={"type": "contacts"})) == [inside.pk]


def test_another_workspaces_contacts_are_never_held(workspace: Workspace, other_workspace: Workspace) -> None:
    foreign = make_contact(other_workspace)
    audience = {"type": "list", "id": make_list(other_workspace, [foreign]).pk}
    assert contacts(scope_of(workspace, audience=audience)) == []
    assert contacts(scope_of(workspace)) == []


def test_an_unknown_source_is_refused(workspace: Workspace) -> None:
    with pytest.raises(UnknownSource, match="horoscope"):
        source_condition(workspace_id=workspace.pk, execution_id=None, audience={"type": "horoscope", "id": 1})


def test_each_recipient_has_the_first_reason_that_applies(workspace: Workspace) -> None:
    fine = make_contact(workspace, email="fine@example.test")
    nowhere = make_contact(workspace, email=None)
    invalid = make_contact(workspace, email="bad@example.test")
    Address.objects.filter(contact=invalid).update(state="invalid", consent="unsubscribed")
    dead = make_contact(workspace, email="dead@example.test")
    Address.objects.filter(contact=dead).update(state="dead")
    suppressed = make_contact(workspace, email="stop@example.test")
    Address.objects.filter(contact=suppressed).update(consent="unsubscribed")
    Suppression.objects.create(workspace=workspace, type="email", value="stop@example.test")
    gone = make_contact(workspace, email="gone@example.test")
    Address.objects.filter(contact=gone).update(consent="unsubscribed")
    second = make_contact(workspace, email="fine@example.test")
    reasons = {contact: reason for contact, _address, reason in recipients(scope_of(workspace))}
    assert reasons == {
        fine.pk: None,
        nowhere.pk: "unreachable",
        invalid.pk: "invalid_address",
        dead.pk: "invalid_address",
        suppressed.pk: "suppressed",
        gone.pk: "unsubscribed",
        second.pk: "duplicate_address",
    }


def test_a_contact_without_an_address_is_recipient_zero(workspace: Workspace) -> None:
    contact = make_contact(workspace, email=None)
    assert recipients(scope_of(workspace)) == [(contact.pk, 0, "unreachable")]


def test_every_address_of_a_contact_is_a_recipient(workspace: Workspace) -> None:
    contact = make_contact(workspace)
    make_address(contact, value="second@example.test")
    assert [reason for _contact, _address, reason in recipients(scope_of(workspace))] == [None, None]


def test_a_duplicate_is_found_across_pages_but_only_within_the_audience(workspace: Workspace) -> None:
    outside = make_contact(workspace, email="same@example.test")
    first = make_contact(workspace, email="same@example.test")
    second = make_contact(workspace, email="same@example.test")
    scope = scope_of(workspace, audience=list_of(workspace, first, second))
    found = recipients(scope, after=first.pk)
    assert [(contact, reason) for contact, _address, reason in found] == [(second.pk, "duplicate_address")]
    assert outside.pk not in {contact for contact, _address, _reason in recipients(scope)}


def test_an_unsubscribed_copy_keeps_the_address_from_nobody(workspace: Workspace) -> None:
    first = make_contact(workspace, email="same@example.test")
    Address.objects.filter(contact=first).update(consent="unsubscribed")
    second = make_contact(workspace, email="same@example.test")
    reasons = {contact: reason for contact, _address, reason in recipients(scope_of(workspace))}
    assert reasons == {first.pk: "unsubscribed", second.pk: None}


def test_push_goes_to_the_campaigns_apps_only(workspace: Workspace) -> None:
    ours, other = make_app(workspace), make_app(workspace)
    both = make_contact(workspace, app=ours)
    make_address(both, "push", app=other, value="elsewhere")
    elsewhere = make_contact(workspace, app=other)
    scope = scope_of(workspace, type="push", app_ids=(ours.app_id,))
    reasons = [(contact, reason) for contact, _address, reason in recipients(scope)]
    assert reasons == [(both.pk, None), (elsewhere.pk, "unreachable")]


def test_apps_mean_nothing_to_email(workspace: Workspace) -> None:
    contact = make_contact(workspace)
    assert [row[::2] for row in recipients(scope_of(workspace, app_ids=("shop",)))] == [(contact.pk, None)]
