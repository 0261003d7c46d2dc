"""Parquet: values keep their types, and a hostile file ends the child that reads it and nothing else."""

import datetime
import math
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from audiences.files import parquet_table, streams
from audiences.imports import import_upload
from audiences.models import Address, Contact
from common.errors import Invalid
from tests.audiences.uploading import Make, parquet_of, refused, run


def attributes() -> list[Any]:
    return [contact.attributes for contact in Contact.objects.order_by("external_id")]


def test_values_keep_their_types(make: Make) -> None:
    day = datetime.date(2026, 1, 31)
    at = datetime.datetime(2026, 1, 31, 9, 30, tzinfo=datetime.UTC)
    nanoseconds = pyarrow.array([1769851800123456789, None], pyarrow.timestamp("ns", tz="UTC"))
    upload = run(
        make(
            parquet_of(
                {
                    "external_id": [17, 18],
                    "email": ["a@example.test", None],
                    "age": [40.5, float("nan")],
                    "vip": [True, None],
                    "born": [day, None],
                    "seen": [at, None],
                    "exact": nanoseconds,
                    "price": [Decimal("12.50"), None],
                    "tags": [["a", "b"], []],
                    "home": [{"city": "Köln"}, None],
                    "city": pyarrow.array(["Pune", "Pune"]).dictionary_encode(),
                    "raw": [b"text", b"\xff"],
                }
            ),
            "people.parquet",
        )
    )
    assert (upload.format, upload.created, upload.rejected) == ("parquet", 2, 0)
    assert upload.bytes_read == upload.bytes_total
    first, second = attributes()
    assert first == {
        "age": 40.5,
        "vip": True,
        "born": "2026-01-31",
        "seen": "2026-01-31T09:30:00+00:00",
        "exact": "2026-01-31T09:30:00.123456+00:00",
        "price": 12.5,
        "tags": ["a", "b"],
        "home": {"city": "Köln"},
        "city": "Pune",
        "raw": "text",
    }
    assert second["city"] == "Pune" and "age" not in second and "vip" not in second
    assert Address.objects.get().value == "a@example.test"


def test_ids_that_became_floats_are_ids_again(make: Make) -> None:
    run(make(parquet_of({"external_id": [17.0, 18.0], "n": [1.5, 2.0]}), "people.parquet"))
    assert set(Contact.objects.values_list("external_id", flat=True)) == {"17", "18"}


def test_columns_are_mapped_and_given_types(make: Make) -> None:
    content = parquet_of({"nr": [1], "points": ["1.234,5"], "zip": [1234], "secret": ["x"]})
    mapping = {
        "nr": "external_id",
        "points": {"field": "attributes.points", "type": "number", "decimal": ","},
        "zip": {"field": "attributes.zip", "type": "text"},
        "secret": "",
    }
    run(make(content, "people.parquet", mapping=mapping))
    assert attributes() == [{"points": 1234.5, "zip": "1234"}]


def test_refused_rows_come_back_as_csv_that_can_be_mended(make: Make) -> None:
    content = parquet_of({"external_id": ["1", "2"], "email": ["a@example.test", "nope"], "n": [1, 2]})
    upload = run(make(content, "people.parquet"))
    assert str(upload.rejected_file.name).endswith(".csv")
    assert refused(upload)[1] == '2,invalid_address,email,"""nope"" has no @.",2,nope,2'
    mended = run(make("\n".join(refused(upload)).replace("nope", "b@example.test")))
    assert (mended.created, mended.rejected) == (1, 0)


def test_a_cell_of_10_mb_is_one_refused_row(make: Make) -> None:
    content = parquet_of({"external_id": ["1", "2", "3"], "city": ["Pune", "x" * 10_000_000, "Lyon"]})
    upload = run(make(content, "people.parquet"))
    assert (upload.created, upload.rejected) == (2, 1)
    assert refused(upload)[1].startswith("2,too_long,")


def test_reading_goes_on_in_the_middle_of_a_row_group(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audiences.imports.CHUNK_ROWS", 100)
    monkeypatch.setattr("audiences.imports._SLOW_OPENING_SECONDS", math.inf)
    count = 350
    content = parquet_of({"external_id": list(map(str, range(count)))}, row_group_size=300)
    upload = make(content, "people.parquet")
    slices = 1
    while import_upload(upload_id=upload.pk, seconds=0):
        slices += 1
    upload.refresh_from_db()
    assert (upload.created, upload.unchanged, upload.rows_read, slices) == (count, 0, count, 5)


def damaged(at: float) -> bytes:
    content = bytearray(parquet_of({"external_id": [f"{n * 7919 % 100_003}" for n in range(50_000)]}))
    place = int(len(content) * at)
    content[place : place + 64] = b"\xa5" * 64
    return bytes(content)


def test_a_damaged_footer_is_refused_at_once(make: Make) -> None:
    with pytest.raises(Invalid) as caught:
        make(damaged(0.999), "people.parquet")
    assert "Parquet file can't be read" in caught.value.errors[0].message


def test_a_damaged_page_fails_the_import_with_the_reason(make: Make) -> None:
    upload = run(make(damaged(0.5), "people.parquet"))
    assert upload.state == "failed" and "Parquet" in upload.error


def test_names_of_columns_may_be_strange(make: Make) -> None:
    strange = {" external_id ": ["1"], "home.city": ["Pune"], "x" * 5_000: ["y"], "--help": ["z"], "home": ["w"]}
    upload = run(make(parquet_of(strange), "people.parquet", mapping={"x" * 5_000: ""}))
    assert upload.created == 1
    assert attributes() == [{"home.city": "Pune", "--help": "z", "home": "w"}]


def test_names_of_columns_that_would_fill_the_memory_are_refused(make: Make) -> None:
    with pytest.raises(Invalid) as caught:
        make(parquet_of({"external_id": ["1"], "x" * 2_000_000: ["y"]}), "people.parquet")
    assert "longer than 1 MiB" in caught.value.errors[0].message


def test_columns_of_one_name_are_refused(make: Make) -> None:
    table = pyarrow.table([pyarrow.array(["1"]), pyarrow.array(["2"])], names=["external_id", "external_id"])
    out = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, out)
    with pytest.raises(Invalid) as caught:
        make(out.getvalue().to_pybytes(), "people.parquet")
    assert "several columns" in caught.value.errors[0].message


def test_rows_that_come_of_nothing_are_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """One value a million times takes no room in the file."""
    content = parquet_of({"external_id": pyarrow.array(["x"] * 1_000_000).dictionary_encode()})
    assert len(content) < 10_000
    monkeypatch.setattr(streams, "FREE_ROWS", 100_000)
    with pytest.raises(Invalid) as caught:
        make(content, "people.parquet")
    assert "rows when it is unpacked" in caught.value.errors[0].message


def test_cells_that_come_of_nothing_are_stopped(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    city = pyarrow.array(["x" * 1_000] * 3_000).dictionary_encode()
    content = parquet_of({"external_id": ["1"] * 3_000, "city": city})
    monkeypatch.setattr(streams, "FREELY_INFLATED", 100_000)
    upload = run(make(content, "people.parquet"))
    assert upload.state == "failed" and "when it is unpacked" in upload.error


def test_a_file_that_needs_too_much_memory_ends_the_child_alone(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_table, "MEMORY_MEGABYTES", 32)
    huge = pyarrow.array(["x" * 40_000_000], pyarrow.large_string())
    content = parquet_of({"external_id": ["1"], "city": huge}, use_dictionary=False, compression="zstd")
    assert len(content) < 1_000_000
    upload = run(make(content, "people.parquet"))
    assert upload.state == "failed" and "memory" in upload.error


def test_a_child_that_falls_silent_is_ended(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 3600\n")
    silent.chmod(0o700)
    monkeypatch.setattr(parquet_table, "sys", SimpleNamespace(executable=str(silent)))
    monkeypatch.setattr(parquet_table, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(Invalid) as caught:
        make(parquet_of({"external_id": ["1"]}), "people.parquet")
    assert "gave no row" in caught.value.errors[0].message


def test_a_deep_type_is_judged_as_an_attribute_is(make: Make) -> None:
    value: Any = "x"
    for _ in range(12):
        value = {"a": value}
    upload = run(make(parquet_of({"external_id": ["1"], "deep": [value]}), "people.parquet"))
    assert upload.rejected == 1 and refused(upload)[1].startswith("1,too_deep,")
