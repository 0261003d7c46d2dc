"""Events without a person launch to an audience that their properties make."""

from typing import Any

import pytest
from django.db import transaction

from audiences.events.content import message_key
from audiences.events.models import EventSource
from audiences.events.recording import NewEvent, database_now, record
from audiences.models import Contact
from executions.states import State
from providers.models import SandboxMessage
from tests.executions.triggering.events import activated, happened, work
from tests.executions.work import counts
from tests.factories import make_contact, make_segment
from workspaces.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db(transaction=True)

EVENT = "price dropped"
WISHES = {
    "type": "attribute",
    "name": "wishes",
    "value_type": "list",
    "operator": "has",
    "value": {"event": "sku"},
}


def business(workspace: Workspace) -> dict[str, object]:
    segment = make_segment(workspace, WISHES)
    return {"event_name": EVENT, "business": True, "audience": {"type": "segment", "id": segment.pk, "exclude": []}}


def wishing(workspace: Workspace, *skus: str) -> Contact:
    return make_contact(workspace, attributes={"wishes": list(skus)})


def test_an_event_launches_to_those_whom_its_properties_find(workspace: Workspace) -> None:
    activation = activated(workspace, **business(workspace))
    for skus in (("A1",), ("B2",), ("A1", "B2")):
        wishing(workspace, *skus)
    happened(None, EVENT, workspace=workspace, properties={"sku": "A1"})
    [execution] = work(activation)
    assert (execution.state, execution.accepts_until, counts(execution)) == (State.FINISHED, None, {"sent": 2})
    subjects = {one.content["subject"] for one in SandboxMessage.objects.filter(execution_id=execution.pk)}
    assert subjects == {"You left A1"}
    assert activation.counts == {"promoted": 1}


def test_each_event_has_an_execution_of_its_own_until_there_are_too_many(workspace: Workspace, settings: Any) -> None:
    settings.BUSINESS_EVENTS_PER_HOUR = 3
    activation = activated(workspace, **business(workspace))
    wishing(workspace, "A1")
    for _ in range(4):
        happened(None, EVENT, workspace=workspace, properties={"sku": "A1"})
    assert len(work(activation)) == 3
    assert activation.counts == {"promoted": 3, "too_often": 1}


def test_an_event_without_the_property_launches_nothing_and_says_so(workspace: Workspace) -> None:
    activation = activated(workspace, **business(workspace))
    happened(None, EVENT, workspace=workspace)
    assert work(activation) == []
    assert activation.counts == {"refused": 1}
    [error] = AuditEntry.objects.get(action="refused").details["errors"]
    assert error["code"] == "missing_property"


def test_a_contacts_event_of_the_name_is_none_of_the_business(workspace: Workspace) -> None:
    activation = activated(workspace, **business(workspace))
    happened(wishing(workspace, "A1"), EVENT, properties={"sku": "A1"})
    assert work(activation) == []


def test_a_public_write_key_launches_nothing(workspace: Workspace) -> None:
    activation = activated(workspace, **business(workspace))
    wishing(workspace, "A1")
    with transaction.atomic():
        now = database_now()
        key = message_key(app_id=None, message_id="anonymous")
        event = NewEvent(EventSource.TRACK.value, EVENT, now, "anonymous", key, properties='{"sku": "A1"}')
        record(workspace_id=workspace.pk, events=[event], now=now)
    assert work(activation) == []
