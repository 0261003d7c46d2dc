"""Request bodies, between the web server and Django.

Django takes a body without Content-Length for an empty one, and a server that answers before it has read the body
closes the connection, so that the client sees a broken pipe instead of the 413 that explains it.
"""

from collections.abc import Callable, Iterable
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

IN_MEMORY = 1024 * 1024
SLICE = 256 * 1024
DRAINED_BYTES = 256 * 1024 * 1024
UNSIZED_BYTES = 1024 * 1024 * 1024

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]


class WholeBodies:
    """WSGI: measures chunked bodies before the application runs, and reads what is left of a body after it."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower() and not environ.get("CONTENT_LENGTH"):
            with SpooledTemporaryFile(IN_MEMORY) as kept:
                _measure(environ, cast(IO[bytes], kept))
                return self.application(environ, start_response)
        body = _Counted(environ["wsgi.input"])
        environ["wsgi.input"] = body
        answer = self.application(environ, start_response)
        _drain(body, environ.get("CONTENT_LENGTH", ""))
        return answer


class _Counted:
    """Remembers how much of a stream was read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        return self._took(self.stream.read(size))

    def readline(self, size: int = -1) -> bytes:
        return self._took(self.stream.readline(size))

    def _took(self, piece: bytes) -> bytes:
        self.taken += len(piece)
        return piece


def _measure(environ: Environ, kept: IO[bytes]) -> None:
    """Puts an unsized body in a file of known size; what is beyond the limit is read and dropped."""
    stream: IO[bytes] = environ["wsgi.input"]
    size = 0
    while size < UNSIZED_BYTES and (piece := stream.read(SLICE)):
        kept.write(piece)
        size += len(piece)
    kept.seek(0)
    environ["wsgi.input"] = kept
    environ["CONTENT_LENGTH"] = str(size)


def _drain(body: _Counted, length: str) -> None:
    left = min(int(length) if length.isdigit() else 0, DRAINED_BYTES) - body.taken
    while left > 0 and (piece := body.read(min(left, SLICE))):
        left -= len(piece)
