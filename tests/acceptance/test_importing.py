"""Files of contacts, imported by a real worker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F

from audiences.imports import LEASE
from audiences.models import Contact, Upload
from executions.demo.contacts import APP_IDS, as_csv, awkward
from tests.audiences.uploading import parquet_of
from tests.factories import make_app, make_list, make_template
from tests.running.client import Client
from tests.running.processes import Stack
from tests.waiting import wait_until
from workspaces.models import Workspace


def uploaded(client: Client, content: bytes, query: str = "", media: str = "text/csv") -> Any:
    answer = client.request("POST", f"/api/v1/uploads?{query}", content, **{"Content-Type": media})
    assert answer.status == 200, answer.body
    return answer.json()


def finished(client: Client, upload: Any) -> Any:
    def read() -> Any:
        found = client.ok("GET", upload["url"])
        return found if found["state"] in ("finished", "failed") else None

    return wait_until(read, "the import ends")


def test_an_uploaded_file_is_imported_told_about_and_sent_to(client: Client, workspace: Workspace) -> None:
    for app_id in APP_IDS:
        make_app(workspace, app_id)
    everyone = make_list(workspace)
    made = uploaded(client, as_csv(500), f"name=People&list_id={everyone.pk}")
    assert (made["name"], made["state"]) == ("People", "waiting")
    done = finished(client, made)
    assert (done["state"], done["progress"], done["rejected_count"]) == ("finished", 1.0, 1)
    assert done["created"] == 500 + len(awkward()) - 1 == everyone.memberships.count()
    refused = client.request("GET", done["rejected_url"])
    assert refused.headers["Content-Type"].startswith("text/csv") and b"has no @" in refused.body
    campaign_id = client.create(template_id=make_template(workspace).pk)
    execution = client.wait_for(client.execute(campaign_id, {"type": "upload", "id": made["upload_id"]}))
    assert execution["reasons"]["skipped"] == {
        "duplicate_address": 1,
        "missing_variable": 2,
        "unreachable": 2,
        "unsubscribed": 1,
    }
    assert sum(execution["counts"].values()) == execution["size"] == done["created"]


COUNT = 20_000
ROWS = [(f"u{i}", f"u{i}@example.test", "x" * 50) for i in range(COUNT - 1)] + [("bad", "nope", "")]


def as_lines() -> bytes:
    return "\n".join(["external_id,email,note", *map(",".join, ROWS)]).encode()


def as_parquet() -> bytes:
    names = ("external_id", "email", "note")
    return parquet_of({name: [row[place] for row in ROWS] for place, name in enumerate(names)})


@contextmanager
def held_up(workspace: Workspace, external_id: str) -> Iterator[None]:
    """Whoever imports this contact waits: somebody is making it at the same time, and takes it back in the end."""
    with transaction.atomic():
        Contact.objects.create(workspace=workspace, external_id=external_id)
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("make", "media"),
    [
        (as_lines, "text/csv"),
        (as_parquet, "application/vnd.apache.parquet"),
    ],
    ids=["csv", "parquet"],
)
def test_an_import_whose_worker_is_killed_is_gone_on_with(
    client: Client, workspace: Workspace, stack: Stack, make: Callable[[], bytes], media: str
) -> None:
    count = COUNT
    with held_up(workspace, ROWS[-2][0]):
        made = uploaded(client, make(), media=media)
        upload = Upload.objects.filter(pk=made["upload_id"])
        wait_until(lambda: upload.get().rows_read > 0, "the first chunk is in", explain=stack.worker.tail)
        stack.worker.kill()
    stopped = upload.get()
    assert stopped.state == "importing" and 0 < stopped.rows_read < count
    assert stopped.rows_read == Contact.objects.filter(workspace=workspace).count()
    # As if the dead worker's lease had run out.
    upload.update(lease_until=F("lease_until") - LEASE)
    stack.worker.start()
    done = finished(client, made)
    assert (done["state"], done["rows_read"], done["created"], done["rejected_count"]) == (
        "finished",
        count,
        count - 1,
        1,
    )
    assert Contact.objects.filter(workspace=workspace).count() == count - 1
