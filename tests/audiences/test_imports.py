import math
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from django.db.models import F
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from audiences import imports
from audiences.imports import LEASE, due_uploads, import_upload
from audiences.models import Address, Contact, List, Upload, UploadMembership
from common.errors import Invalid, TooLarge
from executions.delivery.runtime import connection_parameters
from tests.audiences.uploading import Make, refused, run
from tests.factories import make_app, make_list
from workspaces.models import App, AuditEntry, Workspace


@pytest.fixture
def imported(make: Make) -> Make:
    def call(content: str | bytes, name: str = "people.csv", **options: Any) -> Upload:
        upload = make(content, name, **options)
        return run(upload)

    return call


def attributes_of(external_id: str) -> Any:
    return Contact.objects.get(external_id=external_id).attributes


def test_columns_become_fields_and_attributes(imported: Make, app: App, workspace: Workspace) -> None:
    upload = imported(
        "External ID,email,phone,Locale,timezone,attributes,attributes.plan,City,push:shop-android\r\n"
        '1,Ana@Example.test,+491701234567,pt-BR,Europe/Berlin,"{""points"": 3}",pro,"São\r\nPaulo",t1|t2\r\n'
    )
    assert (upload.state, upload.created, upload.rows_read, upload.rejected) == ("finished", 1, 1, 0)
    assert upload.bytes_read == upload.bytes_total and upload.finished_at is not None
    contact = Contact.objects.get()
    assert (contact.external_id, contact.locale, contact.timezone) == ("1", "pt-BR", "Europe/Berlin")
    assert contact.attributes == {"points": 3, "plan": "pro", "City": "São\r\nPaulo"}
    assert set(contact.addresses.values_list("type", "value")) == {
        ("email", "ana@example.test"),
        ("sms", "+491701234567"),
        ("push", "t1"),
        ("push", "t2"),
    }
    assert UploadMembership.objects.count() == 1
    assert AuditEntry.objects.get(object_type="upload").action == "uploaded"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_byte_order_mark_and_other_delimiters_are_understood(imported: Make, delimiter: str) -> None:
    header = delimiter.join(["external_id", "email", "city"])
    upload = imported(f"\ufeff{header}\n{delimiter.join(['1', 'a@example.test', 'Köln'])}\n")
    assert upload.created == 1 and attributes_of("1") == {"city": "Köln"}


def test_empty_cells_and_lines_say_nothing(imported: Make) -> None:
    imported("external_id,city\n1,Pune\n")
    upload = imported("external_id,city,email\n\n1,,\n,,\n")
    assert (upload.rows_read, upload.unchanged) == (1, 1)
    assert attributes_of("1") == {"city": "Pune"}


def test_a_mapping_renames_and_leaves_out_columns(imported: Make) -> None:
    mapping = {"Kundennr": "external_id", "Vorname": "attributes.first_name", "intern": ""}
    imported("Kundennr,Vorname,intern\n7,Ana,geheim\n", mapping=mapping)
    assert attributes_of("7") == {"first_name": "Ana"}


def test_consent_columns_are_about_email_and_phone(imported: Make, app: App) -> None:
    imported("external_id,email,consent,push:shop-android\n1,a@example.test,unsubscribed,t\n")
    assert dict(Address.objects.values_list("type", "consent")) == {"email": "unsubscribed", "push": "subscribed"}


def test_ndjson_lines_are_rows_of_the_api(imported: Make, app: App) -> None:
    rows = [
        {
            "external_id": "1",
            "attributes": {"n": 1},
            "addresses": [{"type": "push", "app_id": app.app_id, "value": "t"}],
        },
        {"email": "b@example.test"},
    ]
    upload = imported(b"\n".join(map(orjson.dumps, rows)), "people.ndjson")
    assert (upload.created, upload.rejected) == (2, 0)


def test_refused_lines_of_csv_are_kept_with_line_reason_and_original(imported: Make, app: App) -> None:
    upload = imported(
        b"external_id,email,city,push:shop-android\n"
        b"1,ok@example.test,Pune,\n"
        b"2,nope,Paris,\n"
        b'3,ok3@example.test,"two\nlines",\n'
        b"4,ok4@example.test,\xff\xfe,\n"
        b"5,ok5@example.test,Lyon,t,extra\n"
        b"6,ok6@example.test,nul\0,\n"
        b"7,ok7@example.test,=1+1,bad token\n"
    )
    assert (upload.rows_read, upload.created, upload.rejected) == (7, 2, 5)
    assert refused(upload) == [
        "volley_line,volley_code,volley_field,volley_message,external_id,email,city,push:shop-android",
        '3,invalid_address,email,"""nope"" has no @.",2,nope,Paris,',
        "6,invalid_utf8,,The line is not in UTF-8.,4,ok4@example.test,��,",
        "7,too_many_cells,,The line has 5 cells; the header has 4.,5,ok5@example.test,Lyon,t,extra",
        "8,nul,attributes,attributes contain a NUL character.,6,ok6@example.test,nul\0,",
        '9,invalid_address,push:shop-android,"""bad token"" has a character that a device token can\'t have.",'
        "7,ok7@example.test,'=1+1,bad token",
    ]


def test_the_file_of_refused_lines_can_be_mended_and_uploaded_again(imported: Make) -> None:
    upload = imported("external_id,email,phone\n1,nope,+4917012345\n")
    mended = "\n".join(refused(upload)).replace("nope", "a@example.test")
    assert "'+4917012345" in mended
    again = imported(mended)
    assert (again.created, again.rejected) == (1, 0)
    assert Address.objects.filter(value="+4917012345").exists() and attributes_of("1") == {}


@pytest.mark.parametrize("text", ["=1|2", "%off", "|a|b", "-x|y", "@home"])
def test_what_looks_like_a_formula_comes_back_as_it_was(imported: Make, text: str) -> None:
    upload = imported(f"external_id,email,said\n1,nope,{text}\n")
    assert ",'" in refused(upload)[1]
    imported("\n".join(refused(upload)).replace("nope", "a@example.test"))
    assert attributes_of("1") == {"said": text}


def test_refused_lines_of_ndjson_are_kept_as_they_were(imported: Make) -> None:
    upload = imported(
        b'{"external_id": "1"}\n{"external_id": \n\xff\n[1]\n{"email": "nope"}\n'
        b'{"external_id": "2", "attributes": {"n": 123456789012345678901234567890}}',
        "people.jsonl",
    )
    found = [orjson.loads(line) for line in refused(upload)]
    assert [(one["line"], one["code"]) for one in found] == [
        (2, "invalid_json"),
        (3, "invalid_utf8"),
        (4, "wrong_type"),
        (5, "invalid_address"),
        (6, "out_of_range"),
    ]
    assert found[3]["row"] == '{"email": "nope"}' and found[3]["field"] == "email"
    assert (upload.created, upload.rejected, upload.rows_read) == (1, 5, 6)


def test_an_unclosed_quote_and_an_endless_line_do_not_take_the_rest_with_them(imported: Make) -> None:
    huge = "x" * 3_000_000
    filler = "".join(f"f{i},{'y' * 1000}\n" for i in range(200))
    upload = imported(f'external_id,city\n1,Pune\n2,{huge}\n3,"open\n{filler}9,Lyon\n')
    assert upload.state == "finished"
    assert Contact.objects.filter(external_id__in=["1", "9"]).count() == 2
    assert {line.split(",")[1] for line in refused(upload)[1:] if line[:1].isdigit()} >= {"invalid_csv"}


def test_everyone_joins_the_list_and_may_be_temporary(imported: Make, workspace: Workspace) -> None:
    fixed: List = make_list(workspace)
    imported("external_id\n1\n2\n", list_id=fixed.pk, keep=False)
    assert fixed.memberships.count() == 2
    assert Contact.objects.filter(temporary=True).count() == 2


@pytest.mark.parametrize(
    ("content", "options", "field", "code"),
    [
        (b"", {}, "file", "unusable_file"),
        (b"\xef\xbb\xbf", {}, "file", "unusable_file"),
        ("first_name,city\nAna,Pune\n", {}, "file", "unusable_file"),
        ("email,Email\na@b.c,d@e.f\n", {}, "file", "unusable_file"),
        (b"external_id,caf\xe9\n1,x\n", {}, "file", "unusable_file"),
        ("external_id\n1\n", {"mapping": {"nr": "external_id"}}, "file", "unusable_file"),
        ("external_id\n1\n", {"mapping": {"external_id": "surname"}}, "mapping.external_id", "unknown_choice"),
        ("external_id\n1\n", {"list_id": 987654321}, "list_id", "not_found"),
        ("external_id\n1\n", {"upload_name": "x" * 201}, "name", "too_long"),
    ],
)
def test_a_file_that_can_not_be_imported_is_refused_at_once(
    make: Make, content: str | bytes, options: dict[str, Any], field: str, code: str
) -> None:
    raw = content.encode() if isinstance(content, str) else content
    named = {"name": options.pop("upload_name")} if "upload_name" in options else {}
    with pytest.raises(Invalid) as caught:
        make_with(make, raw, {**options, **named})
    assert [(error.field, error.code) for error in caught.value.errors] == [(field, code)]
    assert not Upload.objects.exists()


def make_with(make: Make, raw: bytes, options: dict[str, Any]) -> Upload:
    display = options.pop("name", "")
    return make(raw, "people.csv", **options) if not display else make(raw, f"{display}.csv", **options)


def test_the_format_is_told_from_the_name_or_asked_for(make: Make) -> None:
    with pytest.raises(Invalid) as caught:
        make("external_id\n1\n", "people.xlsx")
    assert caught.value.errors[0].field == "format"
    assert make("external_id\n1\n", "people.xlsx", format="csv").format == "csv"


def test_a_file_beyond_the_limit_is_refused(make: Make, settings: Settings) -> None:
    settings.UPLOAD_MAX_BYTES = 10
    with pytest.raises(TooLarge):
        make("external_id\n1\n")


def test_a_foreign_list_does_not_exist(make: Make, other_workspace: Workspace) -> None:
    with pytest.raises(Invalid):
        make("external_id\n1\n", list_id=make_list(other_workspace).pk)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK_ROWS", 2)
    monkeypatch.setattr(imports, "_SLOW_OPENING_SECONDS", math.inf)


def test_a_slice_ends_in_time_and_the_next_goes_on(make: Make, small_chunks: None) -> None:
    upload = make("external_id\n1\n2\n3\n4\n5\n")
    assert import_upload(upload_id=upload.pk, seconds=0)
    upload.refresh_from_db()
    assert (upload.rows_read, upload.state, upload.lease_until) == (2, "importing", None)
    while import_upload(upload_id=upload.pk, seconds=0):
        pass
    upload.refresh_from_db()
    assert (upload.rows_read, upload.created, upload.state) == (5, 5, "finished")


def test_a_killed_import_is_resumed_at_its_line_and_counts_nothing_twice(
    make: Make, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = make("external_id,email\n1,no\n2,\n3,no\n4,\n5,no\n")
    calls = 0
    move = imports._move

    def killed(*args: Any, **columns: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise SystemExit
        move(*args, **columns)

    monkeypatch.setattr(imports, "_move", killed)
    with pytest.raises(SystemExit):
        import_upload(upload_id=upload.pk)
    monkeypatch.setattr(imports, "_move", move)
    assert not import_upload(upload_id=upload.pk), "the dead worker's lease still holds"
    assert due_uploads() == []
    Upload.objects.update(lease_until=F("lease_until") - LEASE)
    assert due_uploads() == [upload.pk]
    assert not import_upload(upload_id=upload.pk)
    upload.refresh_from_db()
    assert (upload.state, upload.rows_read, upload.created, upload.rejected) == ("finished", 5, 2, 3)
    assert [line.split(",")[0] for line in refused(upload)] == ["volley_line", "2", "4", "6"]


def test_who_lost_the_lease_writes_nothing_more(
    make: Make, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = make("external_id\n1\n2\n3\n")
    real = imports._progress

    def robbed(*args: Any) -> Any:
        Upload.objects.update(lease_token="00000000-0000-0000-0000-000000000000")
        return real(*args)

    monkeypatch.setattr(imports, "_progress", robbed)
    assert not import_upload(upload_id=upload.pk)
    assert not Contact.objects.exists()


def test_who_lost_the_lease_leaves_the_file_of_refused_rows_alone(
    make: Make, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who was frozen in the middle of a chunk wakes when another has imported the rest."""
    upload = make("external_id,email\n1,no\n2,no\n3,no\n4,no\n5,no\n")
    real = imports._import_chunk
    woken = False

    def frozen(*args: Any) -> None:
        nonlocal woken
        if not woken:
            woken = True
            Upload.objects.update(lease_until=F("lease_until") - LEASE)
            assert not import_upload(upload_id=upload.pk)
        real(*args)

    monkeypatch.setattr(imports, "_import_chunk", frozen)
    assert not import_upload(upload_id=upload.pk)
    upload.refresh_from_db()
    assert (upload.state, upload.rejected) == ("finished", 5)
    assert [line.split(",")[0] for line in refused(upload)] == ["volley_line", "2", "3", "4", "5", "6"]


def test_a_chunk_that_takes_longer_than_the_lease_is_not_begun_by_another(make: Make) -> None:
    upload = make("external_id\n1\n")
    with psycopg.connect(**connection_parameters()) as writing:
        writing.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"volley.import:{upload.pk}"])
        assert not import_upload(upload_id=upload.pk)
        upload.refresh_from_db()
        assert (upload.state, upload.lease_token) == ("waiting", None)
    assert run(upload).state == "finished"


def test_an_upload_whose_message_was_lost_is_found_by_the_sweep(make: Make) -> None:
    upload = make("external_id\n1\n")
    assert due_uploads() == [], "its own message may still be on the way"
    Upload.objects.update(created_at=Now() - LEASE)
    assert due_uploads() == [upload.pk]
    import_upload(upload_id=upload.pk)
    assert due_uploads() == []


def test_a_file_that_vanished_fails_with_the_reason(make: Make) -> None:
    upload = make("external_id\n1\n")
    Path(upload.file.path).unlink()
    assert not import_upload(upload_id=upload.pk)
    upload.refresh_from_db()
    assert upload.state == "failed" and "No such file" in upload.error


def test_a_finished_upload_is_not_imported_again(imported: Make) -> None:
    upload = imported("external_id\n1\n")
    assert not import_upload(upload_id=upload.pk)


def test_an_app_named_by_the_header_may_be_unknown_to_the_workspace(imported: Make, workspace: Workspace) -> None:
    make_app(workspace, "shop-ios")
    upload = imported("external_id,push:Shop-Windows\n1,t\n")
    assert refused(upload)[1].startswith("2,not_found,push:Shop-Windows,")
