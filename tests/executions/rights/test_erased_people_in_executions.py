"""Somebody who was erased and the executions: what was planned skips them, and what comes in again is suppressed."""

from collections.abc import Callable

import pytest

from audiences.models import Contact, Suppression
from audiences.rights.erasing import Subject
from common.authorship import SYSTEM
from executions.delivery.planning import plan
from executions.rights.erasing import erase_person
from executions.states import State
from tests.api_client import Api
from tests.audiences.events.sdk_client import Sdk
from tests.executions.rows import ledger, make_execution
from tests.executions.work import deliver, drain_all
from tests.factories import make_app, make_campaign, make_contact, make_write_key
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
EMAIL = "ana@example.test"


def erase(workspace: Workspace) -> None:
    erase_person(workspace_id=workspace.pk, subject=Subject(address=("email", EMAIL)), actor=SYSTEM)


def test_who_is_erased_after_planning_is_not_sent_to(workspace: Workspace) -> None:
    ana, ben = make_contact(workspace, email=EMAIL), make_contact(workspace)
    address_id = ana.addresses.get().pk
    execution = make_execution(workspace)
    plan(execution.pk)
    erase(workspace)
    drain_all(execution)
    assert ledger(execution) == [
        (ana.pk, address_id, "skipped", "deleted"),
        (ben.pk, ben.addresses.get().pk, "sent", None),
    ]
    assert execution.state == State.FINISHED


def by_api(workspace: Workspace) -> None:
    Api.of(workspace).post("/api/v1/contacts", {"contacts": [{"external_id": "back", "email": EMAIL}]})


def by_event(workspace: Workspace) -> None:
    Api.of(workspace).post("/api/v1/events", {"events": [{"name": "x", "email": EMAIL}]})


def by_sdk(workspace: Workspace) -> None:
    key = make_write_key(make_app(workspace))
    Sdk(key).kept("identify", {"userId": "back", "traits": {"email": EMAIL.upper()}})


def by_launch(workspace: Workspace) -> None:
    audience = {"type": "contacts", "contacts": [{"email": EMAIL}]}
    path = f"/api/v1/campaigns/{make_campaign(workspace).pk}/execute"
    assert Api.of(workspace).post(path, {"audience": audience}).status_code == 200


@pytest.mark.parametrize("comes_in", [by_api, by_event, by_sdk, by_launch], ids=lambda way: way.__name__)
def test_who_comes_in_again_is_skipped_as_suppressed(
    comes_in: Callable[[Workspace], None], workspace: Workspace
) -> None:
    make_contact(workspace, email=EMAIL)
    erase(workspace)
    comes_in(workspace)
    assert Suppression.objects.get().reason == "erased"
    execution = deliver(make_execution(workspace))
    address = Contact.objects.get().addresses.get(type="email")
    assert ledger(execution) == [(address.contact_id, address.pk, "skipped", "suppressed")]
