"""Executions for tests of the engine, which starts where the launch ends."""

from typing import Any

from audiences.models import Contact, List
from campaigns.models import Campaign
from executions.models import Delivery, Execution
from executions.states import Outcome, State
from providers.models import Provider
from tests.factories import make_campaign, make_list, make_sender
from workspaces.models import Workspace


def make_execution(workspace: Workspace, *, type: str = "email", **fields: Any) -> Execution:
    """Just launched to everyone, unless told otherwise: planning, with a sandbox provider."""
    campaign: Campaign = fields.pop("campaign", None) or make_campaign(workspace, type, tags=fields.get("tags", ()))
    template = campaign.template
    assert template is not None and template.published is not None
    provider = fields.pop("provider", None) or Provider.objects.get(workspace=workspace, is_default=True)
    values = {
        "campaign_name": campaign.name,
        "template_version": template.published,
        "sender": fields.pop("sender", None) or (make_sender(workspace) if type == "email" else None),
        "app_ids": [app.app_id for app in campaign.apps.all()],
        "purpose": campaign.purpose,
        "on_cap": campaign.on_cap,
        "on_unknown": campaign.on_unknown,
        "audience": {"type": "all"},
        "state": State.PLANNING,
        **fields,
    }
    execution = Execution.objects.create(workspace=workspace, campaign=campaign, provider=provider, type=type, **values)
    execution.refresh_from_db()
    return execution


def list_of(workspace: Workspace, *contacts: Contact) -> dict[str, Any]:
    """An audience of these contacts."""
    made: List = make_list(workspace, contacts)
    return {"type": "list", "id": made.pk}


def ledger(execution: Execution) -> list[tuple[int, int, str, str | None]]:
    """(contact, address, outcome, reason) of every row, in order."""
    rows = Delivery.objects.filter(launched_on=execution.launched_on, execution_id=execution.pk)
    return [
        (row.contact_id, row.address_id, Outcome(row.outcome).label, row.reason)
        for row in rows.order_by("contact_id", "address_id")
    ]
