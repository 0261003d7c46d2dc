"""One row of every model that has a page in the admin, in one workspace."""

from typing import Any

from django.db.models import Model

from common.authorship import SYSTEM
from providers.models import SandboxMessage
from tests.factories import (
    make_activation,
    make_app,
    make_campaign,
    make_cap,
    make_contact,
    make_execution,
    make_key,
    make_list,
    make_member,
    make_provider,
    make_quiet_hours,
    make_schedule,
    make_segment,
    make_sender,
    make_suppression,
    make_template,
    make_upload,
    make_write_key,
    number,
)
from workspaces.audit import record
from workspaces.models import AuditEntry, Membership, User, Workspace
from workspaces.roles import Role


def make_one_of_everything(workspace: Workspace, mark: str) -> dict[str, Any]:
    """Primary keys by `app.model`; `mark` is in every name, to be looked for in answers."""
    Workspace.objects.filter(pk=workspace.pk).update(name=f"{mark} workspace")
    user = make_member(workspace, Role.ADMIN, username=f"{mark}-user")
    contact = make_contact(workspace, external_id=f"{mark}-contact", email=f"{mark.lower()}@example.test")
    campaign = make_campaign(workspace, name=f"{mark} campaign", template=make_template(workspace, name=f"{mark} mail"))
    make_activation(campaign)
    execution = make_execution(campaign)
    message = SandboxMessage.objects.create(
        workspace_id=workspace.pk,
        execution_id=execution.pk,
        delivery_id=f"{execution.pk}-1-1",
        type="email",
        address=f"{mark.lower()}@example.test",
        content={"subject": mark, "html": f"<p>{mark}</p>", "text": mark, "raw": mark},
    )
    record(
        workspace_id=workspace.pk,
        actor=SYSTEM,
        action="created",
        object_type="campaign",
        object_id=campaign.pk,
        object_name=f"{mark} campaign",
    )
    rows: list[Model] = [
        workspace,
        user,
        Membership.objects.get(user=user),
        contact,
        campaign,
        campaign.template or campaign,
        execution.template_version,
        execution,
        message,
        AuditEntry.objects.filter(workspace=workspace).latest("pk"),
        make_app(workspace, f"{mark}-app"),
        make_key(workspace).key,
        make_write_key(make_app(workspace, f"{mark}-keyed"), name=f"{mark} key"),
        make_list(workspace, [contact], name=f"{mark} list"),
        make_schedule(campaign),
        make_segment(workspace, name=f"{mark} segment"),
        make_upload(workspace, name=f"{mark}.csv"),
        make_suppression(workspace, f"{mark.lower()}-stop@example.test"),
        make_provider(workspace, name=f"{mark} provider", is_default=False),
        make_sender(workspace, name=f"{mark} sender"),
        make_cap(workspace, tag=mark[:25]),
        make_quiet_hours(workspace, ends=number() % 1_000),
    ]
    return {row._meta.label_lower: row.pk for row in rows}


def everything_of(workspace: Workspace) -> dict[str, list[Any]]:
    """Every column of every row, to see that nothing has changed. Who signed in when is left out."""
    from django.contrib import admin

    found: dict[str, list[Any]] = {}
    for model in admin.site._registry:
        path = {"workspaces.user": "memberships__workspace", "workspaces.workspace": "pk"}.get(
            model._meta.label_lower, "workspace_id"
        )
        rows = model._default_manager.filter(**{path: workspace.pk}).order_by("pk")
        found[model._meta.label_lower] = [
            {name: value for name, value in row.items() if name != "last_login"} for row in rows.values()
        ]
    found["workspaces.user"] = list(User.objects.filter(memberships__workspace=workspace).values("pk", "password"))
    return found
