"""What a file may be in: compressions, encodings, delimiters; and what is refused with a hint."""

import gzip
import io
import os
import random
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from audiences.files import streams
from audiences.files.lines import Lines
from audiences.files.streams import open_text
from audiences.models import Contact
from audiences.receiving import clear_left_behind
from common.errors import Invalid
from tests.audiences.uploading import Make, refused, run

CSV = "external_id,email,city\n1,a@example.test,Köln\n2,b@example.test,Pune\n"


def cities() -> list[str]:
    return [contact.attributes["city"] for contact in Contact.objects.order_by("external_id")]


@pytest.mark.parametrize("name", ["people.csv.gz", "people.csv", "PEOPLE.CSV.GZ"])
def test_gzip_is_told_by_its_first_bytes(make: Make, name: str) -> None:
    upload = run(make(gzip.compress(CSV.encode()), name))
    assert (upload.format, upload.compression, upload.state) == ("csv", "gzip", "finished")
    assert upload.bytes_read == upload.bytes_total
    assert cities() == ["Köln", "Pune"]


def test_members_of_gzip_that_follow_each_other_are_one_text(make: Make) -> None:
    raw = CSV.encode()
    joined = gzip.compress(raw[:40]) + gzip.compress(b"") + gzip.compress(raw[40:]) + b"\0" * 512
    assert run(make(joined, "people.csv.gz")).created == 2


def test_ndjson_in_gzip_is_known_without_a_name(make: Make) -> None:
    upload = run(make(gzip.compress(b'{"external_id": "1"}\n{"external_id": "2"}\n'), "people.gz"))
    assert (upload.format, upload.created) == ("ndjson", 2)


def long() -> bytes:
    """More than is looked at before anything is imported, in few rows."""
    noise = random.Random(1)
    rows = "".join(f"{number},{noise.randbytes(5_000).hex()}\n" for number in range(300))
    return gzip.compress(f"external_id,city\n{rows}".encode())


def test_gzip_that_was_cut_off_says_so_and_keeps_what_came(make: Make) -> None:
    whole = long()
    upload = run(make(whole[: len(whole) * 3 // 4], "people.csv.gz"))
    assert upload.state == "failed"
    assert "cut off" in upload.error and f"before line {upload.lines_read + 1:,} is imported" in upload.error
    assert 200 < upload.created == upload.rows_read == Contact.objects.count() < 300


def test_damaged_gzip_says_where(make: Make) -> None:
    whole = bytearray(long())
    whole[-5_000] ^= 0xFF
    upload = run(make(bytes(whole), "people.csv.gz"))
    assert upload.state == "failed" and "gzip data is damaged near byte" in upload.error


def test_gzip_that_is_damaged_at_its_beginning_is_refused_at_once(make: Make) -> None:
    with pytest.raises(Invalid) as caught:
        make(gzip.compress(CSV.encode())[:-12], "people.csv.gz")
    assert "cut off" in caught.value.errors[0].message


def test_a_gzip_bomb_is_stopped(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FREELY_INFLATED", 1_000_000)
    bomb = gzip.compress(b"external_id\n1\n" + b"0" * 30_000_000)
    upload = run(make(bomb, "people.csv.gz"))
    assert upload.state == "failed" and "when it is unpacked" in upload.error
    assert upload.rows_read <= 2


def test_a_bomb_of_rows_is_stopped(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FREE_ROWS", 1_000)
    monkeypatch.setattr("audiences.imports.CHUNK_ROWS", 500)
    upload = run(make(gzip.compress(b"external_id\n" + b"1\n" * 100_000), "people.csv.gz"))
    assert upload.state == "failed" and "rows when it is unpacked" in upload.error
    assert upload.rows_read < 3_000


def test_a_bomb_of_empty_members_is_stopped(make: Make) -> None:
    with pytest.raises(Invalid) as caught:
        make(gzip.compress(b"external_id\n1\n") + gzip.compress(b"") * 1_100, "people.csv.gz")
    assert "empty members" in caught.value.errors[0].message


def test_endless_empty_lines_are_stopped(make: Make) -> None:
    upload = run(make(b"external_id\n1\n" + b"\n" * 1_000_001 + b"2\n"))
    assert upload.state == "failed" and "empty lines" in upload.error
    assert upload.created == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_byte_order_marks_tell_the_encoding(make: Make, encoding: str) -> None:
    assert run(make(CSV.replace(",", "\t").encode(encoding), "people.txt")).created == 2
    assert cities() == ["Köln", "Pune"]


def test_utf_16_that_is_cut_refuses_its_last_line_alone(make: Make) -> None:
    upload = run(make((CSV + "3,c@example.test,Lyon").encode("utf-16")[:-1]))
    assert (upload.encoding, upload.created, upload.rejected) == ("utf-16", 2, 1)
    assert "not in UTF-16" in refused(upload)[1]


@pytest.mark.parametrize(
    ("encoding", "city"), [("windows-1252", "Café"), ("windows-1250", "Łódź"), ("windows-1251", "Пермь")]
)
def test_other_encodings_are_read_when_they_are_named(make: Make, encoding: str, city: str) -> None:
    run(make(f"external_id,city\n1,{city}\n".encode(encoding), encoding=encoding))
    assert cities() == [city]


def test_latin_1_is_refused_until_it_is_named(make: Make) -> None:
    raw = "external_id,city\n1,Köln\n2,Düren\n3,Würzburg\n".encode("latin-1")
    with pytest.raises(Invalid) as caught:
        make(raw)
    (error,) = caught.value.errors
    assert error.code == "unusable_file" and "encoding=windows-1252" in str(error.hint)
    run(make(raw, encoding="latin-1"))
    assert cities() == ["Köln", "Düren", "Würzburg"]


def test_lines_in_another_encoding_are_refused_and_the_others_read(make: Make) -> None:
    lines = ["1,Köln", "2,Düren", "3,Pune", "4,Würzburg", "5,Łódź"]
    raw = b"\n".join(line.encode("latin-1" if number in (1, 3) else "utf-8") for number, line in enumerate(lines))
    upload = run(make(b"external_id,city\n" + raw))
    assert (upload.created, upload.rejected) == (3, 2)
    assert [line.split(",")[:2] for line in refused(upload)[1:]] == [["3", "invalid_utf8"], ["5", "invalid_utf8"]]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_delimiters_are_told_from_the_header(make: Make, delimiter: str) -> None:
    assert run(make(CSV.replace(",", delimiter))).created == 2


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("people.csv", CSV)
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("people.csv"))
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (zipped(), "people.csv", "ZIP archive"),
        (zipped(), "people.zip", "ZIP archive"),
        (zipped(), "people.xlsx", "Save a workbook as CSV"),
        (b"BZh91AY", "people.csv.bz2", "bzip2"),
        (b"\x28\xb5\x2f\xfd\0\0", "people.csv.zst", "zstd"),
        (gzip.compress(gzip.compress(CSV.encode())), "people.csv.gz", "twice"),
        (gzip.compress(zipped()), "people.csv.gz", "ZIP archive"),
        (tarred(), "people.csv.gz", "tar archive"),
        (gzip.compress(b""), "people.csv.gz", "empty"),
        (CSV.encode(), "people.parquet", "no Parquet"),
        (b"PAR1", "people.csv", "can't be read"),
        (b"%PDF-1.7", "people.csv", "PDF"),
        (b"\n\n\n", "people.csv", "empty"),
        (b"external_id,na\0me\n1,x\n", "people.csv", "NUL character"),
        (CSV.encode("utf-16-le"), "people.csv", "encoding=utf-16"),
        (CSV.replace("\n", "\r").encode(), "people.csv", "carriage return alone"),
        (b"x," * 2_000, "people.csv", "at most 1,000 columns"),
        (b"x" * 1_100_000, "people.csv", "header is longer"),
    ],
)
def test_what_can_not_be_read_is_refused_with_a_hint(make: Make, content: bytes, name: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        make(content, name)
    (error,) = caught.value.errors
    assert error.field == "file" and says in error.message


def test_an_unknown_encoding_is_refused(make: Make) -> None:
    with pytest.raises(Invalid) as caught:
        make(CSV, encoding="ebcdic")
    assert [(one.field, one.code) for one in caught.value.errors] == [("encoding", "unknown_choice")]


@pytest.mark.parametrize("piece", ["x" * 100, "x" * 99 + "\n", "x" * 19 + "\n"], ids=["one line", "many", "short ones"])
def test_a_cell_of_10_mb_is_one_refused_row(make: Make, piece: str) -> None:
    cell = piece * (10_000_000 // len(piece))
    upload = run(make(f'external_id,city\n1,Pune\n2,"{cell}"\n3,Lyon\n'))
    assert (upload.rows_read, upload.created, upload.rejected) == (3, 2, 1)
    assert Path(upload.rejected_file.path).stat().st_size < 10_000


def test_a_row_of_endless_short_cells_is_refused_and_the_others_read(make: Make) -> None:
    """Each cell has a line break in it, so that no line ends the row."""
    upload = run(make('external_id,city\n1,Pune\n"2\n' + '","\n' * 264_000 + "3,Lyon\n"))
    assert upload.state == "finished" and Contact.objects.filter(external_id__in=["1", "3"]).count() == 2
    assert refused(upload)[1].split(",")[:2] == ["3", "too_long"]


def test_a_header_of_endless_short_cells_is_refused(make: Make) -> None:
    with pytest.raises(Invalid) as caught:
        make('"a\n' + '","\n' * 300_000)
    assert "header is longer than 1 MiB" in caught.value.errors[0].message


def test_the_end_of_an_open_quote_is_sought_in_little_memory() -> None:
    lines = Lines(open_text(io.BytesIO(b'"\n' + b"\n" * 100_000), compression="", encoding="utf-8"))
    lines.next()
    tracemalloc.start()
    try:
        lines.close_quote()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (lines.position, lines.line) == (2, 1), "there is none, so nothing has been read"
    assert peak < 1_000_000


def test_a_wrong_header_is_answered_with_the_mapping_that_may_be_meant(make: Make) -> None:
    with pytest.raises(Invalid) as caught:
        make("E-mail address;Phone number;First name\na@example.test;+491701234567;Ana\n")
    (error,) = caught.value.errors
    assert "No column says who a line is about" in error.message
    assert '{"E-mail address":"email","Phone number":"phone"}' in str(error.hint)


def test_of_very_many_refused_rows_the_first_are_kept_and_all_are_counted(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audiences.rejected_file.MAX_KEPT", 7)
    monkeypatch.setattr("audiences.imports.CHUNK_ROWS", 5)
    upload = run(make("external_id,email\n" + "1,nope\n" * 23))
    assert (upload.rejected, upload.rejected_kept, upload.rows_read) == (23, 7, 23)
    assert [line.split(",")[0] for line in refused(upload)[1:]] == [str(line) for line in range(2, 9)]


def test_what_a_killed_server_was_receiving_goes_after_a_day(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    folder = tmp_path / "incoming"
    folder.mkdir()
    for name, age in (("old", 25), ("new", 23)):
        path = folder / f"{name}.upload"
        path.touch()
        then = time.time() - age * 3600
        os.utime(path, (then, then))
    clear_left_behind()
    assert [path.name for path in folder.iterdir()] == ["new.upload"]


def test_a_received_file_leaves_nothing_behind(make: Make, settings: Settings) -> None:
    with pytest.raises(Invalid):
        make("city\nPune\n")
    make(CSV)
    assert list((Path(settings.MEDIA_ROOT) / "incoming").iterdir()) == []


def test_a_file_whose_upload_can_not_be_written_is_not_kept(
    make: Make, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **details: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("audiences.uploads._record", broken)
    with pytest.raises(RuntimeError):
        make(CSV)
    assert [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()] == []
