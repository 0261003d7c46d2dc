import io
from collections.abc import Iterable
from typing import Any

from common.bodies import WholeBodies

SEEN: dict[str, Any] = {}


def read_all(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    SEEN["body"] = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    return [b"answer"]


def read_nothing(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    return [b"refused"]


def test_a_chunked_body_is_given_its_length() -> None:
    environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"x" * 3_000_000)}
    assert list(WholeBodies(read_all)(environ, None)) == [b"answer"]
    assert SEEN["body"] == b"x" * 3_000_000


def test_what_the_application_left_unread_is_read() -> None:
    stream = io.BytesIO(b"x" * 3_000_000)
    environ = {"CONTENT_LENGTH": "3000000", "wsgi.input": stream}
    assert list(WholeBodies(read_nothing)(environ, None)) == [b"refused"]
    assert stream.read() == b""


def test_no_more_is_read_than_was_announced() -> None:
    stream = io.BytesIO(b"xxxNEXT")
    WholeBodies(read_nothing)({"CONTENT_LENGTH": "3", "wsgi.input": stream}, None)
    assert stream.read() == b"NEXT"


def test_a_length_that_is_no_number_is_left_to_django() -> None:
    stream = io.BytesIO(b"x")
    WholeBodies(read_nothing)({"CONTENT_LENGTH": "many", "wsgi.input": stream}, None)
    assert stream.read() == b"x"
