"""Over the API: an upload that waits, is previewed, mapped, started and cancelled; and one that is sent twice."""

import gzip
import math
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import F
from django.test import Client
from pytest_django.fixtures import Settings

from audiences import imports
from audiences.imports import LEASE, import_upload
from audiences.models import Contact, Upload, UploadMapping
from tests.api_client import Api
from tests.audiences.uploading import parquet_of, run
from tests.factories import make_list
from workspaces.models import AuditEntry, Workspace

UPLOADS = "/api/v1/uploads"
CSV = b"E-mail;First name;Points\na@example.test;Ana;1,5\nnope;Bo;2,5\n"
PLAIN = b"external_id\n1\n2\n3\n"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path
    # A slow machine would make slices longer.
    monkeypatch.setattr(imports, "_SLOW_OPENING_SECONDS", math.inf)


def send(api: Api, content: bytes = CSV, name: str = "people.csv", **fields: str) -> Any:
    named = {"Authorization": f"Bearer {api.key}"}
    body = {"file": SimpleUploadedFile(name, content), **fields}
    return Client(raise_request_exception=False).post(UPLOADS, body, headers=named)


def held(api: Api, content: bytes = CSV, name: str = "people.csv", **fields: str) -> Any:
    answer = send(api, content, name, start="false", **fields)
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.mark.parametrize("depth", [200, 300, 1000])
def test_a_line_of_very_deep_json_is_shown_with_its_problem(api: Api, depth: int) -> None:
    line = b'{"external_id": "1", "attributes": {"a": ' + b"[" * depth + b"]" * depth + b"}}\n"
    answer = held(api, line, "people.ndjson")
    shown = api.get(answer["preview_url"])
    assert shown.status_code == 200, shown.content
    [row] = shown.json()["rows"]
    assert (row["problem"]["code"], row["problem"]["field"]) == ("too_deep", "attributes")


def test_an_upload_waits_with_the_mapping_that_is_suggested(api: Api, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        answer = held(api)
    assert callbacks == [] and not import_upload(upload_id=answer["upload_id"])
    assert (answer["state"], answer["actions"]) == ("mapping", ["start", "cancel"])
    assert answer["mapping"] == {
        "E-mail": "email",
        "First name": "attributes.first_name",
        "Points": {"field": "attributes.points", "type": "number", "decimal": ","},
    }


def test_the_first_rows_are_shown_as_they_would_be_read(api: Api) -> None:
    answer = held(api)
    shown = api.get(answer["preview_url"]).json()
    assert (shown["delimiter"], shown["encoding"], shown["remembered"], shown["errors"]) == (";", "utf-8", False, [])
    assert shown["columns"][0] == {
        "name": "E-mail",
        "target": "email",
        "suggested": "email",
        "type_in_file": None,
        "samples": ["a@example.test", "nope"],
    }
    assert shown["rows"][0] == {
        "line": 2,
        "row": {"email": "a@example.test", "attributes": {"first_name": "Ana", "points": 1.5}},
        "problem": None,
    }
    assert shown["rows"][1]["problem"] == {
        "code": "invalid_address",
        "field": "E-mail",
        "message": '"nope" has no @.',
    }
    tried = api.post(answer["preview_url"], {"mapping": {"E-mail": ""}, "encoding": "latin-1"}).json()
    assert (tried["encoding"], tried["rows"]) == ("windows-1252", [])
    assert "No column says who a line is about" in tried["errors"][0]
    assert Upload.objects.get().mapping == answer["mapping"]


def test_mapped_started_and_remembered(api: Api, workspace: Workspace, django_capture_on_commit_callbacks: Any) -> None:
    answer, fixed = held(api), make_list(workspace)
    mapping = {"E-mail": "email", "First name": "attributes.name", "Points": ""}
    changed = api.patch(answer["url"], {"mapping": mapping, "list_id": fixed.pk, "name": "Spring"}).json()
    assert (changed["mapping"], changed["list_id"], changed["name"]) == (mapping, fixed.pk, "Spring")
    with django_capture_on_commit_callbacks() as callbacks:
        started = api.post(f"{answer['url']}/start", {})
    assert (started.status_code, started.json()["state"], len(callbacks)) == (200, "waiting", 1)
    run(Upload.objects.get())
    assert Contact.objects.get().attributes == {"name": "Ana"} and fixed.memberships.count() == 1
    assert UploadMapping.objects.get(workspace=workspace).mapping == mapping
    assert held(api, CSV + b"c@example.test;Cy;3\n")["mapping"] == mapping
    actions = AuditEntry.objects.filter(object_id=answer["upload_id"], object_type="upload").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == ["uploaded", "changed", "started"]


def test_what_another_workspace_mapped_is_not_remembered_here(api: Api, other_api: Api) -> None:
    answer = held(other_api, mapping='{"E-mail": "email", "First name": "attributes.theirs", "Points": ""}')
    assert other_api.post(f"{answer['url']}/start", {}).status_code == 200
    assert held(api)["mapping"]["First name"] == "attributes.first_name"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"mapping": {"E-mail": "surname"}}, "mapping.E-mail", "unknown_choice"),
        ({"mapping": {"E-mail": 7}}, "mapping.E-mail", "wrong_type"),
        ({"mapping": {"E\0": ""}}, "mapping", "invalid"),
        ({"mapping": []}, "mapping", "wrong_type"),
        ({"encoding": "ebcdic"}, "encoding", "unknown_choice"),
        ({"list_id": 987654321}, "list_id", "not_found"),
        ({"name": "x" * 201}, "name", "too_long"),
        ({"state": "waiting"}, "state", "unknown_field"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(api: Api, body: Any, field: str, code: str) -> None:
    answer = api.patch(held(api)["url"], body)
    if "E\0" in body.get("mapping", {}):
        assert answer.status_code == 400
        return
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


def test_a_mapping_that_names_nobody_can_not_be_started(api: Api) -> None:
    answer = held(api)
    api.patch(answer["url"], {"mapping": {"E-mail": "", "First name": "", "Points": ""}})
    refused = api.post(f"{answer['url']}/start", {})
    assert refused.status_code == 422
    assert 'mapping={"E-mail":"email"}' in refused.json()["errors"][0]["hint"]
    assert Upload.objects.get().state == "mapping"


def test_what_is_started_is_neither_changed_nor_started_again(api: Api) -> None:
    answer = send(api, PLAIN).json()
    for call in (api.patch(answer["url"], {"name": "x"}), api.post(f"{answer['url']}/start", {})):
        assert (call.status_code, call.json()["code"]) == (409, "wrong_state")


def test_the_same_file_is_imported_once_unless_forced(api: Api, django_capture_on_commit_callbacks: Any) -> None:
    first = send(api, PLAIN).json()
    for _ in range(2):
        with django_capture_on_commit_callbacks() as callbacks:
            again = send(api, PLAIN, "other-name.csv").json()
        assert (again["repeated"], again["upload_id"]) == (True, first["upload_id"])
        assert "force=true" in again["message"] and len(callbacks) <= 1
        run(Upload.objects.get())
    forced = send(api, PLAIN, force="true").json()
    assert not forced["repeated"] and forced["upload_id"] != first["upload_id"]
    assert run(Upload.objects.get(pk=forced["upload_id"])).unchanged == 3


@pytest.mark.parametrize("other", ["mapping", "list", "keep", "content", "cancelled", "purged"])
def test_another_way_of_reading_it_is_another_upload(api: Api, workspace: Workspace, other: str) -> None:
    first = send(api, PLAIN).json()
    fields: dict[str, str] = {}
    content = PLAIN
    if other == "mapping":
        fields = {"mapping": '{"external_id": "attributes.id", "external_id": "external_id"}'}
    elif other == "list":
        fields = {"list_id": str(make_list(workspace).pk)}
    elif other == "keep":
        fields = {"keep": "false"}
    elif other == "content":
        content = PLAIN + b"4\n"
    elif other == "cancelled":
        api.post(f"{first['url']}/cancel", {})
    else:
        Upload.objects.update(purging_at=F("created_at"))
    assert not send(api, content, **fields).json()["repeated"]


def test_a_file_that_was_imported_so_is_not_started_again_unless_forced(api: Api) -> None:
    mapping = '{"external_id": "external_id"}'
    first = send(api, PLAIN, mapping=mapping).json()
    second = held(api, PLAIN, mapping=mapping)
    assert held(api, PLAIN)["upload_id"] == second["upload_id"], "one that waits is enough"
    refused = api.post(f"{second['url']}/start", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "already_imported")
    assert f"upload {first['upload_id']}" in refused.json()["detail"]
    assert api.post(f"{second['url']}/start", {"force": True}).json()["state"] == "waiting"


def test_a_cancelled_import_keeps_what_is_in_and_reads_no_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK_ROWS", 1)
    answer = send(api, PLAIN).json()
    assert import_upload(upload_id=answer["upload_id"], seconds=0)
    cancelled = api.post(f"{answer['url']}/cancel", {}).json()
    assert (cancelled["state"], cancelled["created"], cancelled["actions"]) == ("cancelled", 1, [])
    assert cancelled["finished_at"] and "stays" in cancelled["message"]
    assert not import_upload(upload_id=answer["upload_id"])
    assert Contact.objects.count() == 1
    assert api.post(f"{answer['url']}/cancel", {}).status_code == 409


def test_an_import_that_is_cancelled_at_work_undoes_its_chunk(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = send(api, PLAIN).json()
    real = imports._progress

    def meanwhile(*args: Any) -> Any:
        assert api.post(f"{answer['url']}/cancel", {}).status_code == 200
        return real(*args)

    monkeypatch.setattr(imports, "_progress", meanwhile)
    assert not import_upload(upload_id=answer["upload_id"])
    assert not Contact.objects.exists()


def test_progress_has_a_rate_and_the_time_left(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK_ROWS", 1)
    answer = send(api, PLAIN).json()
    import_upload(upload_id=answer["upload_id"], seconds=0)
    read = api.get(answer["url"]).json()
    assert 0 < read["progress"] < 1 and read["rate_per_second"] > 0 and read["eta_seconds"] is not None
    done = run(Upload.objects.get())
    read = api.get(answer["url"]).json()
    assert done.started_at is not None and read["eta_seconds"] is None and read["rate_per_second"] > 0


@pytest.mark.parametrize(
    ("media", "content", "query", "format", "compression"),
    [
        ("application/vnd.apache.parquet", parquet_of({"external_id": ["1"]}), "", "parquet", None),
        ("application/gzip", gzip.compress(PLAIN), "format=csv", "csv", "gzip"),
        ("text/csv", gzip.compress(PLAIN), "", "csv", "gzip"),
        ("application/gzip", gzip.compress(b'{"external_id": "1"}'), "", "ndjson", "gzip"),
    ],
)
def test_bodies_are_files_of_every_format(
    api: Api, media: str, content: bytes, query: str, format: str, compression: str | None
) -> None:
    answer = api.post(f"{UPLOADS}?{query}", content, content_type=media)
    assert answer.status_code == 200, answer.content
    assert (answer.json()["format"], answer.json()["compression"]) == (format, compression)
    assert run(Upload.objects.get()).state == "finished"


def test_a_preview_of_parquet_tells_its_types(api: Api) -> None:
    answer = held(api, parquet_of({"id": [1], "tags": [["a"]]}), "people.parquet")
    shown = api.get(answer["preview_url"]).json()
    assert [column["type_in_file"] for column in shown["columns"]] == ["int64", "list<element: string>"]
    assert shown["rows"][0]["row"] == {"external_id": "1", "attributes": {"tags": ["a"]}}


def test_a_file_that_is_gone_has_no_preview_and_no_start(api: Api) -> None:
    answer = held(api)
    Path(Upload.objects.get().file.path).unlink()
    assert "can't be read" in api.get(answer["preview_url"]).json()["errors"][0]
    assert api.post(f"{answer['url']}/start", {}).status_code == 409


FILES = {
    "people.csv": b"external_id,email\n" + b"".join(b"%d,%s\n" % (n, b"no" if n % 5 == 0 else b"") for n in range(23)),
    "people.ndjson": b"".join(b'{"external_id": "%d"%s}\n' % (n, b"" if n % 5 else b', "x": 1') for n in range(23)),
}
FILES["people.csv.gz"] = gzip.compress(FILES["people.csv"][:90]) + gzip.compress(FILES["people.csv"][90:])
FILES["people.ndjson.gz"] = gzip.compress(FILES["people.ndjson"])
FILES["people.txt"] = FILES["people.csv"].decode().encode("utf-16")
FILES["people.parquet"] = parquet_of(
    {"external_id": list(range(23)), "email": [None if n % 5 else "no" for n in range(23)]}, row_group_size=7
)


@pytest.mark.parametrize("name", FILES)
def test_a_kill_in_any_chunk_loses_and_doubles_nothing(api: Api, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every import but the last dies: once with its chunk written and not committed, once with it committed."""
    monkeypatch.setattr(imports, "CHUNK_ROWS", 4)
    upload = Upload.objects.get(pk=send(api, FILES[name], name).json()["upload_id"])
    move = imports._move
    calls = 0

    def killed(*args: Any, **columns: Any) -> None:
        nonlocal calls
        calls += 1
        if calls % 3 == 1:
            raise SystemExit
        move(*args, **columns)
        if calls % 3 == 0:
            raise SystemExit

    monkeypatch.setattr(imports, "_move", killed)
    for _ in range(50):
        Upload.objects.update(lease_until=F("lease_until") - LEASE)
        try:
            import_upload(upload_id=upload.pk)
        except SystemExit:
            continue
        break
    upload.refresh_from_db()
    assert (upload.state, upload.rows_read, upload.created, upload.rejected) == ("finished", 23, 18, 5)
    assert Contact.objects.count() == upload.memberships.count() == 18
    with upload.rejected_file.open("rb") as file:
        assert len(file.read().splitlines()) == (5 if "ndjson" in name else 6)
