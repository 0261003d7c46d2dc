"""Files on their way in: written to the disk that keeps them and hashed as they come, in little memory."""

import contextlib
import hashlib
import os
import time
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files import File
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler

_FORM_OVERHEAD = 64 * 1024
_FOLDER = "incoming"
_LEFT_BEHIND_SECONDS = 24 * 3600


class ReceivedFile(TemporaryUploadedFile):
    """On the disk of the uploads, so that keeping it moves it; gone with the request otherwise.

    `size` is what came, also where no more than `UPLOAD_MAX_BYTES` of it was written.
    """

    def __init__(self, name: str, content_type: str | None, charset: str | None = None) -> None:
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        file: Any = NamedTemporaryFile(suffix=".upload", dir=folder)  # noqa: SIM115 - the request closes it
        UploadedFile.__init__(self, file, name, content_type, 0, charset)
        self._hash = hashlib.sha256()
        self.received = 0

    def take(self, piece: bytes) -> None:
        self.received += len(piece)
        self.size = self.received
        if self.received <= settings.UPLOAD_MAX_BYTES:
            self._hash.update(piece)
            self.write(piece)

    def complete(self) -> None:
        """It survives a crash of the machine from here on."""
        self.flush()
        os.fsync(self.fileno())
        self.seek(0)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def on_disk(file: "File[bytes]") -> ReceivedFile:
    """The file itself where it came in a request; else a copy, which the caller closes."""
    if isinstance(file, ReceivedFile):
        return file
    copy = ReceivedFile(str(file.name or "upload"), None)
    for piece in file.chunks():
        copy.take(piece)
    copy.complete()
    return copy


class Receiver(TemporaryFileUploadHandler):
    """Of files in forms."""

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *args: Any, **kwargs: Any) -> None:  # noqa: N803
        if content_length > settings.UPLOAD_MAX_BYTES + _FORM_OVERHEAD:
            raise RequestDataTooBig(f"A file has at most {settings.UPLOAD_MAX_BYTES:,} bytes.")

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super(TemporaryFileUploadHandler, self).new_file(*args, **kwargs)
        self.file: ReceivedFile = ReceivedFile(str(self.file_name), self.content_type, self.charset)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.file.take(raw_data)

    def file_complete(self, file_size: int) -> ReceivedFile:
        self.file.complete()
        return self.file


def clear_left_behind() -> None:
    """What a killed web process was receiving."""
    before = time.time() - _LEFT_BEHIND_SECONDS
    for path in _folder().glob("*.upload"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()


def _folder() -> Path:
    return Path(settings.MEDIA_ROOT) / _FOLDER
