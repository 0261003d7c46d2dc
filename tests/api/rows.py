"""One row of everything, in a workspace, for the walk over every address."""

from typing import Any

from tests.factories import (
    make_activation,
    make_campaign,
    make_cap,
    make_contact,
    make_event,
    make_execution,
    make_list,
    make_quarantined,
    make_quiet_hours,
    make_schedule,
    make_segment,
    make_suppression,
    make_template,
    make_trigger,
    make_upload,
)
from workspaces.models import Workspace


def make_one_of_each(workspace: Workspace, mark: str) -> dict[str, Any]:
    """Ids by the name of the parameter that they fill; `mark` is in every name, to be looked for in answers."""
    contact = make_contact(workspace, external_id=f"{mark}-contact", email=f"{mark.lower()}@example.test")
    make_activation(make_campaign(workspace, name=f"{mark} upon"), event_name=f"{mark} happened")
    make_event(contact, name=f"{mark} happened")
    campaign = make_campaign(workspace, name=f"{mark} campaign", template=make_template(workspace, name=f"{mark} mail"))
    make_trigger(campaign)
    execution = make_execution(campaign)
    return {
        "campaign_id": campaign.pk,
        "contact_id": contact.pk,
        "template_id": campaign.template_id,
        "execution_id": execution.pk,
        "batch_id": make_quarantined(execution, [contact]).pk,
        "segment_id": make_segment(workspace, name=f"{mark} segment").pk,
        "list_id": make_list(workspace, [contact], name=f"{mark} list").pk,
        "upload_id": make_upload(workspace, name=f"{mark}.csv").pk,
        "suppression_id": make_suppression(workspace, f"{mark.lower()}-stop@example.test").pk,
        "schedule_id": make_schedule(campaign).pk,
        "cap_id": make_cap(workspace, tag=mark[:25]).pk,
        "quiet_id": make_quiet_hours(workspace, starts=500 + workspace.quiet_hours.count()).pk,
    }
