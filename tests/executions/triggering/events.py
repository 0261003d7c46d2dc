"""Triggered campaigns as tests use them: events come in as from a server, and what is due is promoted and sent."""

from typing import Any

from audiences.events.models import EventTrigger
from audiences.events.server_events import EventsReport, accept_events
from audiences.models import Contact
from campaigns.models import Campaign
from common.authorship import SYSTEM
from executions.models import Execution, TriggerActivation
from executions.triggering.promoting import Promoted, promote
from executions.triggering.request import ActivationRequest
from executions.triggering.services import activate_trigger
from tests.executions.work import deliver, drain_all
from tests.factories import make_campaign, make_template
from workspaces.models import Workspace

EVENT = "cart abandoned"
CONTENT = {
    "subject": "You left {{ event.sku }}",
    "html": '<p>{{ event.name }} {{ event.properties.sku }}</p><a href="{{ unsubscribe_url }}">No more</a>',
    "text": "{{ event.sku }} {{ unsubscribe_url }}",
}


def make_triggered(workspace: Workspace, **definition: Any) -> Campaign:
    """Not active yet. `campaign`: fields of the campaign."""
    fields = {"template": make_template(workspace, content=CONTENT), **definition.pop("campaign", {})}
    campaign = make_campaign(workspace, **fields)
    values = {"event_name": EVENT, **definition}
    EventTrigger.objects.create(workspace=workspace, campaign_id=campaign.pk, **values)
    return campaign


def activated(workspace: Workspace, **definition: Any) -> TriggerActivation:
    return activate(make_triggered(workspace, **definition))


def activate(campaign: Campaign, **request: Any) -> TriggerActivation:
    return activate_trigger(campaign=campaign, request=ActivationRequest(**request), actor=SYSTEM).activation


def happened(contact: Contact | None, name: str = EVENT, *, workspace: Workspace | None = None, **row: Any) -> None:
    """The server says so; `row` may have `at` and `properties`."""
    workspace_id = contact.workspace_id if contact else workspace.pk if workspace else 0
    person = {"external_id": contact.external_id} if contact else {}
    report: EventsReport = accept_events(workspace_id=workspace_id, rows=[{"name": name, **person, **row}])
    assert report.accepted == 1, report


def work(activation: TriggerActivation) -> list[Execution]:
    """Everything that is due, promoted and sent; answers the activation's executions."""
    while (done := promote(activation.pk)).more:
        _send(done)
    _send(done)
    activation.refresh_from_db()
    return list(activation.executions.order_by("pk"))


def _send(promoted: Promoted) -> None:
    for execution in Execution.objects.filter(pk__in=promoted.planned).order_by("pk"):
        deliver(execution)
    for execution in Execution.objects.filter(pk__in=promoted.running).order_by("pk"):
        drain_all(execution)
