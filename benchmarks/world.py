"""What the benchmark sends: a workspace with a provider, a published template, contacts and lists of them."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.text import slugify

from audiences.models import List
from benchmarks.contacts import contacts
from benchmarks.processes import HERE
from common.authorship import SYSTEM, authored_by
from executions.models import FrequencyCap, Heartbeat, QuietHours
from providers.models import Provider, Sender
from templates_registry.services import create_template, publish
from workspaces.keys import create_api_key
from workspaces.models import Workspace
from workspaces.roles import Scope

SUBJECT = "Hello {{ first_name }}"
# Where its people live: forty zones, from +14 to -11.
ZONES = (
    *(f"Etc/GMT{hours:+}" for hours in range(-14, 13)),
    *("Asia/Kathmandu", "Asia/Kolkata", "Asia/Kabul", "Asia/Tehran", "Asia/Yangon", "Australia/Adelaide"),
    *("Europe/Berlin", "Europe/London", "Europe/Paris", "America/New_York", "America/St_Johns"),
    *("Australia/Lord_Howe", "Pacific/Chatham"),
)
COPIED_AT_ONCE = 10_000


def html() -> str:
    return (HERE / "template.liquid").read_text()


@dataclass(frozen=True)
class World:
    """`lists`: number of people to the id of a list of the first so many contacts."""

    workspace_id: int
    provider_id: int
    template_id: int
    key: str
    lists: dict[int, int]

    def aim_at(self, port: int, *, connections: int = 4, **settings: Any) -> None:
        """Mail goes to the receiver at this port; `settings` are those of an SMTP provider."""
        config = {"host": "127.0.0.1", "port": port, "security": "none", **settings}
        Provider.objects.filter(pk=self.provider_id).update(kind="smtp", config=config, connections=connections)

    def aim_at_http(self, port: int, *, kind: str) -> None:
        """Mail goes to the HTTP service at this port; `kind` says how many messages a request."""
        config = {"url": f"http://127.0.0.1:{port}/v1/messages"}
        Provider.objects.filter(pk=self.provider_id).update(kind=kind, config=config, connections=4)

    def limit(self, *, on: bool) -> None:
        """With a frequency cap that nobody reaches, or without any; nobody has been reserved for yet."""
        FrequencyCap.objects.filter(workspace_id=self.workspace_id).delete()
        _execute("TRUNCATE executions_frequencyuse")
        if on:
            FrequencyCap.objects.create(
                workspace_id=self.workspace_id, type="email", max=1000, window_seconds=86_400, **authored_by(SYSTEM)
            )

    def rest(self, *, on: bool) -> None:
        """With quiet hours that each recipient's clock is asked about, and that nobody has now; or without any."""
        QuietHours.objects.filter(workspace_id=self.workspace_id).delete()
        if on:
            in_three_days = (datetime.now(UTC) + timedelta(days=3)).isoweekday()
            QuietHours.objects.create(
                workspace_id=self.workspace_id, starts=22 * 60, ends=8 * 60, days=[in_three_days], **authored_by(SYSTEM)
            )


def make_world(sizes: Sequence[int], *, name: str = "Benchmark") -> World:
    workspace = Workspace.objects.create(name=name, slug=slugify(name))
    provider = Provider.objects.create(
        workspace=workspace, name="relay", type="email", kind="smtp", is_default=True, **authored_by(SYSTEM)
    )
    Sender.objects.create(
        workspace=workspace, name="News", address="news@example.test", is_default=True, **authored_by(SYSTEM)
    )
    template_id = make_template(workspace.pk, SUBJECT, html())
    key = create_api_key(workspace=workspace, name="benchmark", scopes=list(Scope.values), actor=SYSTEM)
    copy_contacts(workspace.pk, max(sizes))
    lists = {size: _list_of(workspace, size) for size in sizes}
    return World(workspace.pk, provider.pk, template_id, key.plain, lists)


def make_template(workspace_id: int, subject: str, body: str) -> int:
    """Published; its id."""
    template = create_template(
        workspace_id=workspace_id,
        name="Update",
        type="email",
        content={"subject": subject, "html": body},
        actor=SYSTEM,
    )
    publish(template_id=template.pk, workspace_id=workspace_id, actor=SYSTEM)
    return template.pk


def copy_contacts(workspace_id: int, count: int) -> None:
    columns = "workspace_id, external_id, attributes, locale, timezone, temporary"
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY audiences_contact ({columns}) FROM STDIN") as copy:
            for row in _contact_rows(workspace_id, count):
                copy.write_row(row)
        cursor.execute(
            "INSERT INTO audiences_address (workspace_id, contact_id, type, value, platform, state, consent,"
            " consent_source) SELECT workspace_id, id, 'email', replace(external_id, '-', '') || '@example.test', '',"
            " 'active', 'subscribed', '' FROM audiences_contact WHERE workspace_id = %s ORDER BY id",
            [workspace_id],
        )


def _contact_rows(workspace_id: int, count: int) -> Iterator[Sequence[Any]]:
    for number, contact in enumerate(contacts(count)):
        zone = ZONES[number % len(ZONES)]
        yield workspace_id, contact["external_id"], json.dumps(contact["attributes"]), "", zone, False


def _list_of(workspace: Workspace, size: int) -> int:
    made = List.objects.create(workspace=workspace, name=f"The first {size}", **authored_by(SYSTEM))
    _execute(
        "INSERT INTO audiences_listmembership (list_id, contact_id, workspace_id)"
        " SELECT %s, id, workspace_id FROM audiences_contact WHERE workspace_id = %s ORDER BY id LIMIT %s",
        [made.pk, workspace.pk, size],
    )
    return made.pk


def tidy() -> None:
    """As autovacuum leaves a database that has been in use for a while."""
    _execute("VACUUM ANALYZE")
    _execute("CHECKPOINT")


def forget_heartbeats() -> None:
    """Of workers that were stopped a moment ago."""
    Heartbeat.objects.all().delete()


def _execute(sql: str, parameters: Sequence[Any] = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
