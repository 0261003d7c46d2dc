"""Some days after its last use an upload's file is deleted, and with it whoever came in it alone."""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.db.models import F
from pytest_django import Settings

from audiences.consents import unsubscribe
from audiences.imports import import_upload
from audiences.models import Address, Contact, Suppression, Upload, UploadMembership
from audiences.uploads import create_upload
from audiences.upsert import upsert_contacts
from campaigns.models import Campaign
from common.authorship import SYSTEM
from common.errors import Invalid
from executions.delivery.planning import plan
from executions.launching.launch import launch
from executions.launching.request import LaunchRequest
from executions.models import Batch, Delivery, Execution
from executions.retention import uploads
from executions.retention.uploads import stretches, tend_uploads
from executions.states import State
from tests.executions.work import counts, deliver
from tests.factories import make_campaign, make_contact, make_list, make_template
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
FILE = "external_id,email,first_name\n1,a@example.test,Ana\n2,b@example.test,Bo\n3,nope,Cy\n"
MONTH = timedelta(days=31)
Send = Callable[..., Execution]
Imported = Callable[..., Upload]


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def imported(workspace: Workspace) -> Imported:
    def call(content: str = FILE, *, keep: bool = False, **options: Any) -> Upload:
        file = ContentFile(content.encode(), name="people.csv")
        upload = create_upload(workspace_id=workspace.pk, file=file, keep=keep, actor=SYSTEM, **options)
        while import_upload(upload_id=upload.pk):
            pass
        return fresh(upload)

    return call


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    return make_campaign(workspace, template=make_template(workspace))


@pytest.fixture
def launched(campaign: Campaign) -> Send:
    def call(upload: Upload, **more: Any) -> Execution:
        audience = more.pop("audience", {"type": "upload", "id": upload.pk})
        return launch(campaign=campaign, request=LaunchRequest(audience=audience, **more), actor=SYSTEM).execution

    return call


def fresh[T: (Upload, Execution)](row: T) -> T:
    row.refresh_from_db()
    return row


def a_month_passes() -> None:
    for model in (Upload, Execution):
        model._default_manager.update(finished_at=F("finished_at") - MONTH)
    Upload.objects.update(expires_at=F("expires_at") - MONTH)


def names() -> list[str | None]:
    return list(Contact.objects.order_by("external_id").values_list("external_id", flat=True))


def test_nothing_is_deleted_before_its_time(imported: Imported) -> None:
    upload = imported()
    assert not tend_uploads()
    upload = fresh(upload)
    assert upload.finished_at is not None
    assert (upload.expires_at, upload.purging_at) == (upload.finished_at + timedelta(days=30), None)
    assert names() == ["1", "2"]


def test_files_and_temporary_people_are_deleted(imported: Imported, storage: Path) -> None:
    upload = imported()
    assert list(storage.rglob("*.csv"))
    a_month_passes()
    assert not tend_uploads()
    upload = fresh(upload)
    assert upload.purging_at is not None and upload.purged_at is not None
    assert (names(), UploadMembership.objects.count(), Address.objects.count()) == ([], 0, 0)
    assert not list(storage.rglob("*.csv")) and not upload.file and not upload.rejected_file
    assert (upload.created, upload.rejected) == (2, 1), "what it was stays to be read"


def test_of_an_upload_that_is_kept_only_the_file_goes(imported: Imported, storage: Path) -> None:
    upload = imported(keep=True)
    a_month_passes()
    tend_uploads()
    assert fresh(upload).purged_at is not None and not list(storage.rglob("*.csv"))
    assert (names(), upload.memberships.count()) == (["1", "2"], 2)


def test_one_that_nobody_started_or_that_was_cancelled_goes_too(imported: Imported, storage: Path) -> None:
    held, at_work = imported("external_id\n1\n", start=False), imported("external_id\n2\n")
    Upload.objects.filter(pk=at_work.pk).update(state="importing")
    Upload.objects.update(created_at=F("created_at") - MONTH)
    a_month_passes()
    tend_uploads()
    assert (fresh(held).state, held.purged_at is None, bool(held.file)) == ("cancelled", False, False)
    assert fresh(at_work).purging_at is None and len(list(storage.rglob("*.csv"))) == 1


def test_who_is_known_otherwise_stays(imported: Imported, workspace: Workspace) -> None:
    one = imported("external_id\n1\n2\n3\n4\n5\n")
    a_month_passes()
    other = imported("external_id\n2\n")
    imported("external_id\n3\n", keep=True)
    upsert_contacts(workspace_id=workspace.pk, rows=[{"external_id": "4"}])
    make_list(workspace, [Contact.objects.get(external_id="5")])
    tend_uploads()
    assert fresh(one).purged_at is not None and not one.memberships.exists()
    assert names() == ["2", "3", "4", "5"]
    assert list(Contact.objects.filter(temporary=True).values_list("external_id", flat=True)) == ["2"]
    a_month_passes()
    tend_uploads()
    assert names() == ["3", "4", "5"] and fresh(other).purged_at is not None


@pytest.mark.parametrize(
    "audience",
    [
        {"type": "upload"},
        {"type": "any_of"},
        {"type": "all", "exclude": True},
    ],
)
def test_the_time_begins_anew_when_the_last_execution_that_names_it_has_ended(
    imported: Imported, launched: Send, workspace: Workspace, audience: dict[str, Any]
) -> None:
    upload = imported()
    make_contact(workspace)
    source = {"type": "upload", "id": upload.pk}
    if audience["type"] == "upload":
        audience = source
    elif audience["type"] == "any_of":
        audience = {"type": "any_of", "sources": [source]}
    else:
        audience = {"type": "all", "exclude": [source]}
    execution = launched(upload, audience=audience)
    Execution.objects.update(state=State.SCHEDULED)
    a_month_passes()
    tend_uploads()
    assert (fresh(upload).expires_at, upload.purging_at) == (None, None)
    Execution.objects.update(state=State.PLANNING)
    execution = deliver(execution)
    assert execution.state == State.FINISHED and execution.finished_at is not None
    tend_uploads()
    assert fresh(upload).expires_at == execution.finished_at + timedelta(days=30)
    a_month_passes()
    tend_uploads()
    assert fresh(upload).purged_at is not None


def test_a_retry_that_is_not_over_keeps_it(imported: Imported, launched: Send) -> None:
    upload = imported()
    execution = deliver(launched(upload))
    retry = launched(upload, audience={"type": "all"})
    Execution.objects.filter(pk=retry.pk).update(
        state=State.AWAITING_APPROVAL, retry_of=execution, audience={"type": "retry", "execution_id": execution.pk}
    )
    a_month_passes()
    tend_uploads()
    assert fresh(upload).purging_at is None
    Execution.objects.filter(pk=retry.pk).update(state=State.REJECTED, created_at=F("created_at") - MONTH)
    tend_uploads()
    assert fresh(upload).purged_at is not None


def test_whoever_another_execution_may_still_send_to_is_waited_for(imported: Imported, launched: Send) -> None:
    upload = imported()
    a_month_passes()
    execution = launched(upload, audience={"type": "all", "exclude": []})
    plan(execution.pk)
    Batch.objects.update(not_before="2099-01-01T00:00:00Z")
    assert not tend_uploads()
    assert fresh(upload).purging_at is not None and upload.purged_at is None and names() == ["1", "2"]
    Batch.objects.update(not_before="2020-01-01T00:00:00Z")
    assert counts(deliver(execution)) == {"sent": 2}
    tend_uploads()
    assert fresh(upload).purged_at is not None and names() == []


def test_nobody_goes_while_an_execution_is_being_planned(imported: Imported, launched: Send) -> None:
    upload = imported()
    a_month_passes()
    execution = launched(upload, audience={"type": "all"})
    Execution.objects.filter(pk=execution.pk).update(plan_until=1)
    tend_uploads()
    assert fresh(upload).purged_at is None and names() == ["1", "2"]


def test_it_can_not_be_launched_to_any_more(imported: Imported, launched: Send) -> None:
    upload = imported()
    kept = imported("external_id,email,first_name\n9,z@example.test,Zoe\n", keep=True)
    a_month_passes()
    tend_uploads()
    with pytest.raises(Invalid) as raised:
        launched(upload)
    assert [(error.field, error.code) for error in raised.value.errors] == [("audience.id", "purged")]
    assert counts(deliver(launched(kept))) == {"sent": 1}


def somebody_waits_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


def test_a_launch_that_is_about_to_commit_is_waited_for(imported: Imported, launched: Send) -> None:
    upload = imported()
    a_month_passes()

    def tend() -> None:
        try:
            tend_uploads()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            execution = launched(upload)
            tending = pool.submit(tend)
            while not (somebody_waits_for_us() or tending.done()):
                pass
            assert not tending.done()
        tending.result()
    assert (fresh(upload).purging_at, upload.expires_at) == (None, None)
    assert counts(deliver(execution)) == {"sent": 2}


def test_the_ledger_stays_and_a_refusal_holds_when_the_person_comes_again(imported: Imported, launched: Send) -> None:
    upload = imported()
    execution = deliver(launched(upload))
    refusing = Contact.objects.get(external_id="1").addresses.get()
    unsubscribe(address_id=refusing.pk, contact_id=refusing.contact_id, source="link")
    Address.objects.filter(contact__external_id="2").update(consent="unsubscribed", consent_source="form")
    a_month_passes()
    tend_uploads()
    assert Delivery.objects.filter(execution_id=execution.pk).count() == 2
    assert set(Suppression.objects.values_list("value", "reason")) == {
        ("a@example.test", "unsubscribed"),
        ("b@example.test", "unsubscribed"),
    }
    again = deliver(launched(imported(FILE.replace("Ana", "Anna"))))
    assert counts(again) == {"skipped": 2}


def test_uploads_in_use_do_not_keep_the_others_from_being_deleted(
    imported: Imported, launched: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "BEGUN_AT_ONCE", 1)
    used = [imported(FILE.replace("Ana", f"Ana{i}")) for i in range(3)]
    for upload in used:
        launched(upload)
    Execution.objects.update(state=State.SCHEDULED)
    unused = imported("external_id\n9\n")
    a_month_passes()
    tend_uploads(seconds=600)
    assert fresh(unused).purging_at is not None
    assert [fresh(upload).purging_at for upload in used] == [None] * 3


def test_where_everybody_is_waited_for_it_is_not_begun_again_at_once(
    imported: Imported, launched: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "STEP_CONTACTS", 1)
    upload = imported()
    a_month_passes()
    plan(launched(upload, audience={"type": "all", "exclude": []}).pk)
    Batch.objects.update(not_before="2099-01-01T00:00:00Z")
    clock = itertools.count()
    monkeypatch.setattr(uploads, "monotonic", lambda: next(clock))
    assert not tend_uploads(seconds=1.5)
    assert names() == ["1", "2"]


def test_who_waits_does_not_keep_those_after_them_from_leaving(imported: Imported) -> None:
    upload = imported("email\n" + "".join(f"u{number}@example.test\n" for number in range(30)))
    everybody = sorted(UploadMembership.objects.filter(upload=upload).values_list("contact_id", flat=True))
    begun = set()
    for _ in range(40):
        found = []
        for after, last in stretches(upload):
            found += [one for one in everybody if after < one and (last is None or one <= last)]
        assert sorted(found) == everybody
        begun.add(found[0])
    assert len(begun) > 1


def test_many_are_deleted_a_step_at_a_time(imported: Imported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "STEP_CONTACTS", 2)
    upload = imported("external_id\n" + "".join(f"{i}\n" for i in range(5)))
    a_month_passes()
    assert tend_uploads(seconds=0)
    assert fresh(upload).purging_at is not None and len(names()) == 5
    assert not tend_uploads()
    assert names() == [] and fresh(upload).purged_at is not None
