"""Called through `transaction.on_commit(..., robust=True)` by whoever made an upload."""

from common.broker import publish


def enqueue_import(upload_id: int) -> None:
    publish("audiences.import_upload", upload_id)
