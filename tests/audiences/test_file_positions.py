"""Reading on from a position gives what reading through gives, whatever is in the file. Pure."""

import gzip
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiences.file_records import Record, Source, UnusableFile, open_source

CELLS = st.one_of(
    st.sampled_from(["", "1", "a@example.test", '"', '"x, y"', '"two\nlines"', '"open', "é", "\ufeff", "'=1", "\0"]),
    st.text(max_size=5),
)
LINES = st.lists(st.one_of(st.lists(CELLS, max_size=4).map(",".join), st.just("")), max_size=12)


def opened(raw: bytes, position: int = 0, line: int = 0, **how: Any) -> Source:
    options: dict[str, Any] = {"format": "csv", "mapping": {}, **how}
    return open_source(io.BytesIO(raw), position=position, line=line, **options)


def told(record: Record) -> Any:
    problem = (record.problem.code, record.problem.message) if record.problem else None
    return record.line, list(record.cells), record.row, problem


def read_through(raw: bytes, **how: Any) -> list[Any]:
    return [told(record) for record in opened(raw, **how).records()]


def read_one_by_one(raw: bytes, **how: Any) -> list[Any]:
    """A new reader for every record, as if each had been a worker's last."""
    found: list[Any] = []
    position = line = 0
    while True:
        source = opened(raw, position, line, **how)
        record = next(source.records(), None)
        if record is None:
            return found
        found.append(told(record))
        assert source.position > position
        position, line = source.position, source.line


@pytest.mark.parametrize("how", [{}, {"compression": "gzip"}, {"encoding": "utf-16"}, {"encoding": "windows-1252"}])
@given(lines=LINES, end=st.sampled_from(["\n", "\r\n"]))
def test_every_position_of_a_csv_file_can_be_gone_on_from(how: dict[str, Any], lines: list[str], end: str) -> None:
    text = end.join(["external_id,email,city", *lines])
    raw = text.encode(how.get("encoding", "utf-8"), "replace")
    raw = gzip.compress(raw) if how.get("compression") else raw
    assert read_one_by_one(raw, **how) == read_through(raw, **how)


@given(raw=st.lists(st.one_of(st.binary(max_size=12), st.just(b'{"external_id": "1"}'), st.just(b"")), max_size=12))
def test_every_position_of_an_ndjson_file_can_be_gone_on_from(raw: list[bytes]) -> None:
    content = b"\n".join([b'{"external_id": "0"}', *raw])
    assert read_one_by_one(content, format="ndjson") == read_through(content, format="ndjson")


@given(raw=st.binary(max_size=200))
def test_whatever_is_in_a_file_is_read_or_refused(raw: bytes) -> None:
    hows: list[dict[str, Any]] = [{}, {"format": "ndjson"}, {"encoding": "utf-16"}, {"compression": "gzip"}]
    for how in hows:
        try:
            records = read_through(b"external_id\n" + raw if not how else raw, **how)
        except UnusableFile:
            continue
        assert all(len(record) == 4 for record in records)
