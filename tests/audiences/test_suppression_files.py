import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from audiences.imports import import_upload
from audiences.models import Contact, Suppression, Upload
from campaigns.admin_trigger import source_choices
from executions.admin_pages.launch_form import choices_for
from tests.api_client import Api
from tests.factories import make_campaign, make_suppression
from workspaces.models import AuditEntry, Workspace

IMPORT = "/api/v1/suppressions/import"
Found = list[tuple[str, str, str, str]]


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def send(api: Api) -> Callable[..., Upload]:
    """Sends the file as a body, imports it, and gives the upload."""

    def call(text: str | bytes, query: str = "", content_type: str = "text/csv") -> Upload:
        raw = text.encode() if isinstance(text, str) else text
        answer = api.post(f"{IMPORT}?{query}", raw, content_type=content_type)
        assert answer.status_code == 200, answer.content
        assert answer.json()["kind"] == "suppressions"
        while import_upload(upload_id=answer.json()["upload_id"]):
            pass
        return Upload.objects.get(pk=answer.json()["upload_id"])

    return call


def kept() -> Found:
    rows = Suppression.objects.order_by("type", "value")
    return [(one.type, one.value, one.reason, f"{one.created_at:%Y-%m-%d %H:%M}") for one in rows]


def refused(upload: Upload) -> list[tuple[str, str, str]]:
    with upload.rejected_file.open("r") as file:
        return [
            (row["volley_line"], row["volley_code"], row["volley_field"])
            for row in csv.DictReader(io.StringIO(str(file.read())))
        ]


def test_columns_go_by_the_names_that_exports_have(send: Callable[..., Upload]) -> None:
    upload = send(
        "Email Address,Status,Created_At,Note\n"
        "Ana@Example.test,Hard-Bounce,2024-03-01 10:00:00,x\n"
        "b@example.test,spam_report,2024-03-01T10:00:00+02:00,\n"
        "c@example.test,Opted out,1709287200,\n"
        "d@example.test,,,\n"
        "e@example.test,our own word,2024-03-01,\n"
    )
    assert (upload.state, upload.created, upload.rejected) == ("finished", 5, 0)
    today = Suppression.objects.get(value="d@example.test").created_at
    assert kept() == [
        ("email", "ana@example.test", "bounce", "2024-03-01 10:00"),
        ("email", "b@example.test", "complaint", "2024-03-01 08:00"),
        ("email", "c@example.test", "unsubscribed", "2024-03-01 10:00"),
        ("email", "d@example.test", "manual", f"{today:%Y-%m-%d %H:%M}"),
        ("email", "e@example.test", "our own word", "2024-03-01 00:00"),
    ]


def test_what_is_fixed_holds_for_every_line(send: Callable[..., Upload]) -> None:
    """A column named reason may hold the words of a mail server."""
    text = "email,phone,reason\na@example.test,+491701234567,550 5.1.1 this is far too long for any reason at all\n"
    send(text, "reason=bounced&source=old+system")
    send(text, "type=sms&reason=opt-out")
    assert [(kind, value, reason) for kind, value, reason, _ in kept()] == [
        ("email", "a@example.test", "bounce"),
        ("sms", "+491701234567", "unsubscribed"),
    ]
    assert Suppression.objects.get(type="email").source == "old system"


def test_phone_numbers_alone_are_suppressed_as_such(send: Callable[..., Upload]) -> None:
    send("Mobile;Reason\n+49 170 1234567;manual\n")
    assert kept()[0][:3] == ("sms", "+491701234567", "manual")


def test_a_mapping_says_otherwise(send: Callable[..., Upload]) -> None:
    mapping = '{"wer": "value", "art": "type", "reason": "", "warum": "reason"}'
    send("wer,art,reason,warum\ntoken-1,push,x,spam\n", f"mapping={mapping}")
    assert kept()[0][:3] == ("push", "token-1", "complaint")


def test_whoever_is_subscribed_there_is_not_suppressed_here(send: Callable[..., Upload]) -> None:
    upload = send("email,status\na@example.test,enabled\nb@example.test,blocklisted\nc@example.test,Subscribed\n")
    assert kept()[0][1:3] == ("b@example.test", "manual") and len(kept()) == 1
    assert refused(upload) == [("2", "not_suppressed", "status"), ("4", "not_suppressed", "status")]


def test_lines_that_can_not_be_used_are_given_back(send: Callable[..., Upload]) -> None:
    upload = send(
        "type,value,created_at\nemail,nope,\nfax,1,\nemail,a@example.test,2999-01-01\n"
        "email,b@example.test,yesterday\nemail,c@example.test,,too many\nemail,d@example.test,2020-01-01\n"
    )
    assert (upload.created, upload.rejected) == (1, 5)
    assert refused(upload) == [
        ("2", "invalid_address", "value"),
        ("3", "unknown_choice", "type"),
        ("4", "invalid_time", "created_at"),
        ("5", "invalid_time", "created_at"),
        ("6", "too_many_cells", ""),
    ]


def test_lines_of_ndjson_are_as_the_api_takes_them(send: Callable[..., Upload]) -> None:
    whole = '{"type": "email", "value": "a@example.test", "created_at": "2020-01-01T00:00:00Z"}'
    text = f'{whole}\n{{"value": "b@example.test"}}\n7\n'
    upload = send(gzip.compress(text.encode()), "format=ndjson&type=email&reason=bounce", "application/gzip")
    assert [row[1:3] for row in kept()] == [("a@example.test", "bounce"), ("b@example.test", "bounce")]
    assert (upload.created, upload.rejected) == (2, 1)


def test_one_that_exists_stays_and_the_same_file_is_imported_once(
    send: Callable[..., Upload], api: Api, workspace: Workspace
) -> None:
    make_suppression(workspace, "a@example.test")
    text = "email,reason\na@example.test,bounce\nb@example.test,bounce\n"
    upload = send(text)
    assert (upload.created, upload.updated) == (1, 1)
    held = Suppression.objects.get(value="a@example.test")
    assert (held.reason, [one["reason"] for one in held.other_reasons]) == ("manual", ["bounce"])
    answer = api.post(IMPORT, text.encode(), content_type="text/csv").json()
    assert answer["repeated"] and answer["upload_id"] == upload.pk
    assert not api.post(f"{IMPORT}?reason=spam", text.encode(), content_type="text/csv").json()["repeated"]


def test_it_is_followed_as_uploads_are(send: Callable[..., Upload], api: Api) -> None:
    upload = send("email\na@example.test\nnope\n")
    shown = api.get(f"/api/v1/uploads/{upload.pk}").json()
    assert (shown["kind"], shown["progress"], shown["created"], shown["rejected_count"]) == ("suppressions", 1, 1, 1)
    assert b"invalid_address" in b"".join(api.get(shown["rejected_url"]).streaming_content)
    assert [one["upload_id"] for one in api.get("/api/v1/uploads?kind=suppressions").json()["results"]] == [upload.pk]
    assert api.get("/api/v1/uploads?kind=contacts").json()["results"] == []
    assert AuditEntry.objects.filter(action="uploaded", object_id=upload.pk).exists()
    assert not Contact.objects.exists()


def test_its_first_rows_are_shown_as_they_were_read(send: Callable[..., Upload], api: Api) -> None:
    upload = send("wer,warum\na@example.test,spam\nnope,\n", 'mapping={"wer": "value", "warum": "reason"}&type=email')
    shown = api.get(f"/api/v1/uploads/{upload.pk}/preview")
    assert shown.status_code == 200, shown.content
    first, second = shown.json()["rows"]
    assert (first["row"], first["problem"]) == ({"type": "email", "value": "a@example.test", "reason": "spam"}, None)
    assert (second["problem"]["code"], second["problem"]["field"]) == ("invalid_address", "wer")


def test_it_is_no_audience(send: Callable[..., Upload], api: Api, workspace: Workspace) -> None:
    upload = send("email\na@example.test\n")
    body = {"audience": {"type": "upload", "id": upload.pk}}
    answer = api.post(f"/api/v1/campaigns/{make_campaign(workspace).pk}/execute", body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "not_found")
    assert choices_for(make_campaign(workspace)) == []
    assert dict(source_choices([workspace.pk], []))["Uploads"] == []


@pytest.mark.parametrize(
    ("query", "text", "field", "said"),
    [
        ("", "name\nAna\n", "file", "name one value or email"),
        ("", "\n", "file", "is empty"),
        ("type=sms", "email\na@example.test\n", "file", "name one value or email"),
        ("type=fax", "email\na@example.test\n", "type", "is no type"),
        ("mapping=%7B%22x%22%3A%22value%22%7D", "email\na\n", "file", "does not have"),
        ("mapping=%7B%22email%22%3A%22name%22%7D", "email\na\n", "mapping.email", "has no field"),
        ("mapping=%7B%22a%22%3A%22value%22%2C%22b%22%3A%22value%22%7D", "a,b\n1,2\n", "mapping", "the same field"),
        ("reason=" + "x" * 41, "email\na@example.test\n", "reason", "40"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(api: Api, query: str, text: str, field: str, said: str) -> None:
    answer = api.post(f"{IMPORT}?{query}", text.encode(), content_type="text/csv")
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert error["field"] == field and said in error["message"]
    assert not Upload.objects.exists()


def exported(api: Api, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(f"/api/v1/suppressions?format=csv&{query}")
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_export_is_what_the_import_takes(
    api: Api, send: Callable[..., Upload], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audiences.suppressions._EXPORT_PAGE", 2)
    send(
        "type,value,reason,source,created_at\nemail,a@example.test,bounce,=danger,2020-01-01\n"
        "sms,+491701234567,unsubscribed,x,2021-01-01\npush,token,manual,,2022-01-01\n"
    )
    before = list(Suppression.objects.order_by("pk").values_list("type", "value", "reason", "source", "created_at"))
    rows = exported(api)
    assert [row["value"] for row in rows] == ["a@example.test", "token", "'+491701234567"]
    file = b"".join(api.get("/api/v1/suppressions?format=csv").streaming_content)
    Suppression.objects.all().delete()
    send(file)
    after = Suppression.objects.order_by("pk").values_list("type", "value", "reason", "source", "created_at")
    assert sorted(after) == sorted(before)


def test_reasons_go_out_in_lines_of_their_own_and_come_in_as_one(
    api: Api, send: Callable[..., Upload], workspace: Workspace
) -> None:
    for reason, at in (("unsubscribed", "2020-01-01"), ("bounce", "2021-01-01"), ("complaint", "2022-01-01")):
        send(f"email,reason,created_at\na@example.test,{reason},{at}\n")
    rows = [(row["reason"], row["created_at"][:4]) for row in exported(api)]
    assert rows == [("complaint", "2022"), ("bounce", "2021"), ("unsubscribed", "2020")]
    file = b"".join(api.get("/api/v1/suppressions?format=csv").streaming_content)
    before = Suppression.objects.values("reason", "created_at", "other_reasons").get()
    Suppression.objects.all().delete()
    again = send(file)
    assert (again.created, again.unchanged) == (1, 2)
    assert Suppression.objects.values("reason", "created_at", "other_reasons").get() == before


def test_the_export_is_filtered(api: Api, workspace: Workspace, other_workspace: Workspace) -> None:
    make_suppression(other_workspace, "theirs@example.test")
    for kind, value, reason, source in (
        ("email", "a@example.test", "bounce", "x"),
        ("email", "b@example.test", "manual", "y"),
        ("sms", "+491701234567", "bounce", "y"),
    ):
        Suppression.objects.create(workspace=workspace, type=kind, value=value, reason=reason, source=source)
    assert [row["value"] for row in exported(api, "type=email")] == ["a@example.test", "b@example.test"]
    assert [row["value"] for row in exported(api, "reason=bounce&type=sms")] == ["'+491701234567"]
    assert [row["value"] for row in exported(api, "source=x")] == ["a@example.test"]
