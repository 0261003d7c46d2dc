"""What the rows of an upload say to their people alone, and rows about somebody who is in it already."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.files.base import ContentFile
from pytest_django.fixtures import Settings

from audiences import imports
from audiences.imports import import_upload
from audiences.models import Contact, Upload, UploadMembership
from audiences.uploads import create_upload
from audiences.upsert import upsert_contacts
from common.authorship import Actor
from common.errors import Invalid
from tests.factories import make_list, make_upload
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def imported(workspace: Workspace, actor: Actor, settings: Settings, tmp_path: Path) -> Any:
    settings.MEDIA_ROOT = tmp_path

    def call(content: str, name: str = "people.csv", **options: Any) -> Upload:
        file = ContentFile(content.encode(), name=name)
        upload = create_upload(workspace_id=workspace.pk, file=file, actor=actor, **options)
        while import_upload(upload_id=upload.pk):
            pass
        upload.refresh_from_db()
        return upload

    return call


def said(upload: Upload) -> dict[str | None, Any]:
    return dict(upload.memberships.order_by("contact_id").values_list("contact__external_id", "personalization"))


def test_columns_are_kept_with_the_upload_and_not_with_the_contact(imported: Any) -> None:
    upload = imported("external_id,city,personalization.coupon,Note\n1,Pune,A1,Hi\n2,,,\n", mapping={
        "Note": "personalization.note"
    })  # fmt: skip
    assert said(upload) == {"1": {"coupon": "A1", "note": "Hi"}, "2": None}
    assert (upload.personalized, upload.duplicates) == (True, 0)
    assert [one.attributes for one in Contact.objects.order_by("external_id")] == [{"city": "Pune"}, {}]


def test_lines_of_ndjson_have_it_as_recipients_of_a_call_do(imported: Any) -> None:
    rows = [
        {"external_id": "1", "personalization": {"items": [{"sku": "a"}]}},
        {"external_id": "2", "personalization": {}},
        {"external_id": "3", "personalization": None},
        {"external_id": "4", "personalization": "no"},
        {"external_id": "5", "personalization": {"contact": 1}},
        {"external_id": "6", "personalization": {"big": "x" * 17_000}},
    ]
    upload = imported("\n".join(orjson.dumps(row).decode() for row in rows), "people.ndjson")
    assert said(upload) == {"1": {"items": [{"sku": "a"}]}, "2": None, "3": None}
    with upload.rejected_file.open("rb") as file:
        found = [orjson.loads(line) for line in file.read().splitlines()]
    assert [(one["line"], one["field"], one["code"]) for one in found] == [
        (4, "personalization", "wrong_type"),
        (5, "personalization.contact", "reserved"),
        (6, "personalization", "too_large"),
    ]


def test_no_column_can_take_the_place_of_what_volley_says(imported: Any) -> None:
    with pytest.raises(Invalid):
        imported("external_id,personalization.unsubscribe_url\n1,https://evil.test\n")
    with pytest.raises(Invalid):
        imported("external_id,x\n1,y\n", mapping={"x": "personalization.contact"})


def test_the_api_for_contacts_knows_no_personalization(workspace: Workspace) -> None:
    report = upsert_contacts(workspace_id=workspace.pk, rows=[{"external_id": "1", "personalization": {"a": 1}}])
    assert [one.code for one in report.rejected] == ["unknown_field"]


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_of_several_rows_about_somebody_the_last_counts(
    imported: Any, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "CHUNK_ROWS", chunk)
    upload = imported(
        "external_id,email,personalization.c\n"
        "1,a@example.test,first\n2,,kept\n,A@example.test,second\n3,nope,refused\n2,,\n1,,last\n4,,\n"
    )
    assert said(upload) == {"1": {"c": "last"}, "2": None, "4": None}
    assert (upload.rows_read, upload.rejected, upload.duplicates) == (7, 1, 3)
    assert upload.memberships.count() == upload.rows_read - upload.rejected - upload.duplicates


def test_an_upload_without_any_says_so(imported: Any) -> None:
    assert not imported("external_id\n1\n").personalized


def test_new_and_known_people_join_lists_and_uploads_alike(workspace: Workspace) -> None:
    chosen = [make_list(workspace).pk, make_list(workspace).pk]
    uploads = [make_upload(workspace).pk, make_upload(workspace).pk]
    for number, upload_id in enumerate(uploads):
        rows = [{"external_id": str(i)} for i in range(number, 4 + number)]
        report = upsert_contacts(workspace_id=workspace.pk, rows=rows, list_ids=chosen[number:], upload_id=upload_id)
        assert report.duplicates == 0
    everybody = set(Contact.objects.values_list("pk", flat=True))
    members = UploadMembership.objects.filter(upload_id=uploads[1]).values_list("contact_id", flat=True)
    assert set(members) == everybody - {min(everybody)}
    assert (
        list(members.model.objects.filter(upload_id=uploads[0]).values_list("personalization", flat=True)) == [None] * 4
    )
