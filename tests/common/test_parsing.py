import io

import pytest

from common.errors import TooLarge, Unreadable
from common.parsing import DEPTH_LIMIT, read_limited, read_object


def test_reads_an_object() -> None:
    assert read_object(b'{"a": [1, "x", null]}') == {"a": [1, "x", None]}


def test_no_body_is_an_empty_object() -> None:
    assert read_object(b" \n") == {}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"a": 1,\n "b": }', "line 2, column 7"),
        (b'{"a": NaN}', "line 1, column 7"),
        (b'{"a": Infinity}', "line 1, column 7"),
        (b'{"a": 1e999}', "line 1"),
        (b'{\n"a": "x\xff"}', "byte 0xff at line 2, column 8"),
        (b'{"a": "x\\u0000"}', "NUL character (\\u0000), at line 1, column 9"),
        (b'{"a\\u0000": 1}', "NUL"),
        (b'{"a": "\x00"}', "line 1"),
        (b'{"a": "\\ud800"}', "line 1"),
        (b"[1]", "an array"),
        (b"null", "null"),
        (b'"text"', "a str"),
        (b'{"a": 9223372036854775808}', "at line 1, column 7 does not fit in 64 bits"),
        (b'{"a": -99999999999999999999999}', "64 bits"),
        (b'{"a": ' + b"9" * 5000 + b"}", "infinity"),
        (b'{"a": ' + b"[" * (DEPTH_LIMIT) + b"]" * DEPTH_LIMIT + b"}", "32 levels"),
        (b"[" * 100_000, "32 levels"),
    ],
)
def test_says_what_can_not_be_read_and_where(raw: bytes, words: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_object(raw)
    assert words in refused.value.detail


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": "\\\\u0000"}',
        b'{"a": "123456789012345678901234567890"}',
        b'{"a": 9223372036854775807}',
        b'{"a": 0.1234567890123456789012345}',
        b'{"a": "\\"9999999999999999999999"}',
        b'{"a": ' + b"[" * (DEPTH_LIMIT - 1) + b"]" * (DEPTH_LIMIT - 1) + b"}",
    ],
)
def test_takes_what_only_looks_wrong(raw: bytes) -> None:
    assert "a" in read_object(raw)


def test_a_body_over_the_limit_is_refused_without_a_content_length() -> None:
    with pytest.raises(TooLarge):
        read_limited(io.BytesIO(b" " * (16 * 1024 * 1024 + 1)))
