"""The page on which columns are mapped, before anything is imported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from audiences.imports import import_upload
from audiences.models import Contact, Upload, UploadMapping
from tests.factories import make_app, make_upload
from workspaces.models import AuditEntry, Workspace
from workspaces.roles import Role

Staff = Callable[..., Client]
CSV = b"E-mail;First name;Points\na@example.test;Ana;1,5\nb@example.test;Bo;x\n"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def uploaded(client: Client, content: bytes = CSV, name: str = "people.csv") -> Upload:
    client.post("/admin/audiences/upload/add/", {"file": SimpleUploadedFile(name, content), "keep": "on"})
    return Upload.objects.latest("pk")


def page(client: Client, upload: Upload) -> Any:
    return client.get(f"/admin/audiences/upload/{upload.pk}/change/")


def tried(client: Client, upload: Upload, body: Any) -> Any:
    path = f"/admin/audiences/upload/{upload.pk}/preview/"
    return client.post(path, body if isinstance(body, str) else json.dumps(body), content_type="application/json")


def started(client: Client, upload: Upload, mapping: Any, **fields: str) -> Any:
    path = f"/admin/audiences/upload/{upload.pk}/start/"
    body = {"mapping": mapping if isinstance(mapping, str) else json.dumps(mapping), "encoding": "utf-8", **fields}
    return client.post(path, body, follow=True)


def test_a_file_is_shown_with_a_mapping_before_it_is_imported(staff: Staff, workspace: Workspace) -> None:
    app = make_app(workspace, "shop-ios")
    client = staff(Role.EDITOR)
    upload = uploaded(client)
    shown = page(client, upload).context["mapping_page"]
    assert upload.state == "mapping" and not Contact.objects.exists()
    assert upload.mapping == {"E-mail": "email", "First name": "attributes.first_name", "Points": "attributes.points"}
    assert shown["rows"][0]["row"] == {"email": "a@example.test", "attributes": {"first_name": "Ana", "points": "1,5"}}
    assert ["push:shop-ios", f"App push token of {app.name}"] in [list(pair) for pair in shown["fields"]]


@pytest.mark.parametrize("mapping", [{"E-mail": "attributes.\0"}, {"E-mail": "attributes.\ud800"}, {"\ud800": "email"}])
def test_a_mapping_that_is_no_text_is_refused(staff: Staff, mapping: Any) -> None:
    client = staff(Role.EDITOR)
    upload = uploaded(client)
    assert tried(client, upload, {"mapping": mapping, "encoding": "utf-8"}).json()["errors"]
    answer = started(client, upload, mapping)
    assert answer.status_code == 200 and len(list(answer.context["messages"])) == 1
    upload.refresh_from_db()
    assert upload.state == "mapping" and upload.mapping["E-mail"] == "email"


def test_another_mapping_is_tried_on_the_first_rows(staff: Staff) -> None:
    client = staff(Role.EDITOR)
    upload = uploaded(client)
    number = {"field": "attributes.points", "type": "number", "decimal": ","}
    found = tried(client, upload, {"mapping": {**upload.mapping, "Points": number}, "encoding": "utf-8"}).json()
    assert found["rows"][0]["row"]["attributes"]["points"] == 1.5
    assert found["rows"][1]["problem"] == {
        "code": "invalid_number",
        "field": "Points",
        "message": '"x" is no number with a decimal comma.',
    }
    nobody = tried(client, upload, {"mapping": {**upload.mapping, "E-mail": ""}, "encoding": "utf-8"}).json()
    assert "No column says who a line is about" in nobody["errors"][0]
    for body in ("[", "[]", {"mapping": [], "encoding": 1}, {"mapping": {"x": 1}, "encoding": "utf-8"}):
        assert tried(client, upload, body).json()["errors"]


def test_started_as_mapped_and_remembered_for_files_like_it(
    staff: Staff, django_capture_on_commit_callbacks: Any
) -> None:
    client = staff(Role.EDITOR)
    upload = uploaded(client)
    mapping = {"E-mail": "email", "First name": "attributes.name", "Points": ""}
    with django_capture_on_commit_callbacks() as callbacks:
        answer = started(client, upload, mapping)
    assert answer.templates[0].name == "volley/upload.html" and len(callbacks) == 1
    import_upload(upload_id=upload.pk)
    assert [one.attributes for one in Contact.objects.order_by("pk")] == [{"name": "Ana"}, {"name": "Bo"}]
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"uploaded", "changed", "started"}
    again = uploaded(client, CSV + b"c@example.test;Cy;1\n")
    assert again.mapping == mapping and page(client, again).context["mapping_page"]["remembered"]
    assert UploadMapping.objects.count() == 1


@pytest.mark.parametrize("mapping", ["{", '"x"', '{"E-mail": "nothing"}', '{"First name": "email", "E-mail": "email"}'])
def test_what_can_not_be_started_stays_to_be_mapped(staff: Staff, mapping: str) -> None:
    client = staff(Role.EDITOR)
    upload = uploaded(client)
    answer = started(client, upload, mapping)
    assert answer.templates[0].name == "volley/upload_mapping.html"
    assert [str(message) for message in answer.context["messages"]]
    upload.refresh_from_db()
    assert upload.state == "mapping"


def test_the_same_file_is_pointed_out_and_can_be_imported_again(staff: Staff) -> None:
    client = staff(Role.EDITOR)
    first = uploaded(client)
    assert uploaded(client).pk == first.pk, "one that waits to be mapped is enough"
    started(client, first, first.mapping)
    second = uploaded(client)
    assert second.pk != first.pk and page(client, second).context["same"] == first
    assert "imported already" in str(next(iter(started(client, second, second.mapping).context["messages"])))
    started(client, second, second.mapping, force="on")
    second.refresh_from_db()
    assert second.state == "waiting"


def test_an_import_is_cancelled(staff: Staff) -> None:
    client = staff(Role.EDITOR)
    upload = uploaded(client)
    answer = client.post(f"/admin/audiences/upload/{upload.pk}/cancel/", follow=True)
    assert answer.context["state"]["state"] == "cancelled" and answer.context["state"]["ended"]
    again = client.post(f"/admin/audiences/upload/{upload.pk}/cancel/", follow=True)
    assert "is cancelled" in str(next(iter(again.context["messages"])))


def test_a_viewer_only_watches(staff: Staff, workspace: Workspace) -> None:
    upload = make_upload(workspace, state="mapping")
    viewer = staff(Role.VIEWER)
    assert page(viewer, upload).templates[0].name == "volley/upload.html"
    for name in ("preview", "start", "cancel"):
        assert viewer.post(f"/admin/audiences/upload/{upload.pk}/{name}/").status_code == 403


def test_ndjson_has_no_columns_to_map(staff: Staff) -> None:
    client = staff(Role.EDITOR)
    upload = uploaded(client, b'{"external_id": "1"}\n{"email": "nope"}\n', "people.ndjson")
    shown = page(client, upload).context
    assert not shown["columns_mapped"] and shown["mapping_page"]["rows"][1]["problem"]["code"] == "invalid_address"
    started(client, upload, "")
    upload.refresh_from_db()
    assert upload.state == "waiting"


def test_rate_and_time_left_are_told(staff: Staff, workspace: Workspace) -> None:
    upload = make_upload(
        workspace, state="importing", bytes_total=1_000, bytes_read=250, rows_read=50, created=50, rate=10.0
    )
    state = staff(Role.VIEWER).get(f"/admin/audiences/upload/{upload.pk}/progress/").json()
    assert (state["progress"], state["rate_per_second"], state["eta_seconds"]) == (0.25, 10.0, 15)
