"""Celery's side of imports: thin, takes ids, and loses nothing when a message is lost."""

from celery import shared_task

from audiences.enqueue import enqueue_import
from audiences.events.retention import tend_months
from audiences.imports import due_uploads
from audiences.imports import import_upload as import_for_a_while
from audiences.receiving import clear_left_behind


@shared_task(name="audiences.import_upload")
def import_upload(upload_id: int) -> None:
    """A slice of an import; the rest is enqueued again, so that campaigns get their turn in between."""
    if import_for_a_while(upload_id=upload_id):
        enqueue_import(upload_id)


@shared_task(name="audiences.sweep_uploads")
def sweep_uploads() -> None:
    for upload_id in due_uploads():
        enqueue_import(upload_id)


@shared_task(name="audiences.tend_events")
def tend_events() -> None:
    """Hourly: partitions of events, and files that nobody was done sending."""
    tend_months()
    clear_left_behind()
