from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from audiences.imports import import_upload
from audiences.models import Upload
from tests.api_client import Api
from tests.factories import make_list
from workspaces.models import Workspace

UPLOADS = "/api/v1/uploads"
CSV = b"external_id,email\n1,a@example.test\n2,nope\n"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def send(api: Api, content: bytes = CSV, name: str = "people.csv", headers: Any = None, **fields: str) -> Any:
    file = SimpleUploadedFile(name, content)
    named = {"Authorization": f"Bearer {api.key}", **(headers or {})}
    return Client(raise_request_exception=False).post(UPLOADS, {"file": file, **fields}, headers=named)


def test_a_form_is_accepted_imported_and_followed(
    api: Api, workspace: Workspace, django_capture_on_commit_callbacks: Any
) -> None:
    fixed = make_list(workspace)
    with django_capture_on_commit_callbacks() as callbacks:
        made = send(api, list_id=str(fixed.pk), keep="false")
    assert made.status_code == 200
    answer = made.json()
    assert (answer["status"], answer["state"], answer["name"], answer["keep"]) == (
        "success",
        "waiting",
        "people.csv",
        False,
    )
    assert len(callbacks) == 1
    import_upload(upload_id=answer["upload_id"])
    read = api.get(answer["url"]).json()
    assert (read["state"], read["progress"], read["rows_read"], read["created"]) == ("finished", 1.0, 2, 1)
    assert read["rejected_count"] == 1
    download = api.get(read["rejected_url"])
    assert download["Content-Type"] == "text/csv; charset=utf-8"
    assert b"".join(download.streaming_content).decode().splitlines()[1] == (
        '3,invalid_address,email,"""nope"" has no @.",2,nope'
    )
    assert fixed.memberships.count() == 1
    Path(Upload.objects.get().rejected_file.path).unlink()
    assert api.get(read["rejected_url"]).status_code == 404


def test_the_body_itself_may_be_the_file(api: Api) -> None:
    answer = api.post(f"{UPLOADS}?name=People&keep=false", CSV, content_type="text/csv; charset=utf-8")
    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["keep"], answer.json()["format"]) == ("People", False, "csv")
    lines = b'{"external_id": "1"}\n'
    assert api.post(UPLOADS, lines, content_type="application/x-ndjson").json()["format"] == "ndjson"


@pytest.mark.parametrize(
    ("content", "fields", "field", "code"),
    [
        (b"", {}, "file", "unusable_file"),
        (CSV, {"format": "xls"}, "format", "unknown_choice"),
        (CSV, {"keep": "perhaps"}, "keep", "wrong_type"),
        (CSV, {"mapping": "no json"}, "mapping", "wrong_type"),
        (CSV, {"mapping": '{"email": "surname"}'}, "mapping.email", "unknown_choice"),
        (CSV, {"list_id": "987654321"}, "list_id", "not_found"),
        (CSV, {"lst": "1"}, "lst", "unknown_field"),
        (b"city\nPune\n", {}, "file", "unusable_file"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(
    api: Api, content: bytes, fields: dict[str, str], field: str, code: str
) -> None:
    answer = send(api, content, **fields)
    assert answer.status_code == 422 and not Upload.objects.exists()
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


def test_a_form_without_a_file_says_so(api: Api) -> None:
    named = {"Authorization": f"Bearer {api.key}"}
    answer = Client().post(UPLOADS, {"name": "x"}, headers=named)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "file")


def test_an_empty_body_says_so(api: Api) -> None:
    answer = api.post(UPLOADS, b"", content_type="text/csv")
    assert (answer.status_code, answer.json()["errors"][0]["message"][:17]) == (422, "The body is empty")


def test_json_is_not_a_file(api: Api) -> None:
    assert api.post(UPLOADS, {}).status_code == 415


@pytest.mark.parametrize("how", ["form", "body"])
def test_a_file_beyond_the_limit_is_too_large(api: Api, settings: Settings, how: str) -> None:
    settings.UPLOAD_MAX_BYTES = 20
    answer = send(api) if how == "form" else api.post(UPLOADS, CSV, content_type="text/csv")
    assert answer.status_code == 413 and not Upload.objects.exists()


def test_the_same_file_with_a_key_is_uploaded_once(api: Api) -> None:
    first, again = (send(api, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert first.json()["upload_id"] == again.json()["upload_id"] and Upload.objects.count() == 1


def test_uploads_of_others_are_absent(api: Api, other_api: Api) -> None:
    made = send(api).json()
    import_upload(upload_id=made["upload_id"])
    for path in (made["url"], f"{made['url']}/rejected"):
        assert other_api.get(path).status_code == 404
    assert other_api.get(UPLOADS).json()["results"] == []


def test_without_refused_rows_there_is_no_file_of_them(api: Api) -> None:
    made = send(api, b"external_id\n1\n").json()
    assert api.get(f"{made['url']}/rejected").status_code == 404


def test_uploads_are_listed_by_state(api: Api) -> None:
    made = send(api).json()
    assert [one["upload_id"] for one in api.get(f"{UPLOADS}?state=waiting").json()["results"]] == [made["upload_id"]]
    assert api.get(f"{UPLOADS}?state=finished").json()["results"] == []
