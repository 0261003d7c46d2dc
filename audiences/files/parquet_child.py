"""Reads a Parquet file in a process of its own, with limits on memory: a hostile file ends this, and nothing else.

    python -m audiences.files.parquet_child MEGABYTES FILE FIRST_ROW PLACE_OF_COLUMN …

The process imports no Django and gets no environment. On its output stand lines: first the file as a JSON object
(`rows`, `names`, `kinds`), then each row as a JSON array of the columns asked for, and an empty line now and then while
rows are skipped. A row that is too long is a JSON string that says so; so is what is wrong with the file, in an object
with `error`.
"""

import contextlib
import math
import resource
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

MAX_ROW_BYTES = 1024 * 1024
MAX_COLUMNS = 1_000
_MAX_ROW_GROUPS = 100_000
_BATCH_ROWS = 2_048
_SMALL_BYTES = 8 * 1024 * 1024
_BUFFER = 1024 * 1024
_OUT = 256 * 1024


def main() -> None:
    megabytes, path, first, *places = sys.argv[1:]
    try:
        import pyarrow
        from pyarrow import parquet

        _limit(int(megabytes) * 1024 * 1024)
        pyarrow.set_cpu_count(1)
        pyarrow.set_io_thread_count(1)
        # Page checksums are there to be used; metadata is bounded, as every byte of it becomes an object.
        file = parquet.ParquetFile(
            path,
            buffer_size=_BUFFER,
            pre_buffer=False,
            memory_map=False,
            page_checksum_verification=True,
            thrift_string_size_limit=64 * 1024 * 1024,
            thrift_container_size_limit=1_000_000,
        )
        _write([_dump(_about(file))])
        if places:
            _rows(file, int(first), [file.schema_arrow.names[int(place)] for place in places])
    except MemoryError:
        _refuse("Reading it needs more memory than there is for a file; write it with smaller row groups and pages.")
    except BrokenPipeError:
        sys.stderr.close()
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        # What pyarrow raises for damage: ArrowInvalid is a ValueError, ArrowNotImplementedError a RuntimeError.
        _refuse(_first_line(error))


def _limit(memory: int) -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _about(file: Any) -> dict[str, Any]:
    schema = file.schema_arrow
    if file.metadata.num_row_groups > _MAX_ROW_GROUPS:
        raise ValueError(f"it has more than {_MAX_ROW_GROUPS:,} row groups")
    if len(schema.names) > MAX_COLUMNS:
        raise ValueError(f"it has {len(schema.names):,} columns; a file has at most {MAX_COLUMNS:,}")
    if sum(map(len, schema.names)) > MAX_ROW_BYTES:
        raise ValueError("the names of its columns are longer than 1 MiB together")
    return {
        "rows": file.metadata.num_rows,
        "names": schema.names,
        "kinds": [str(kind)[:200] for kind in schema.types],
    }


def _rows(file: Any, first: int, columns: Sequence[str]) -> None:
    groups, left = _behind(file.metadata, first)
    if not groups:
        return
    batches = file.iter_batches(batch_size=_BATCH_ROWS, row_groups=groups, columns=list(columns), use_threads=False)
    for batch in batches:
        if left >= batch.num_rows:
            left -= batch.num_rows
            _write([b"\n"])
            continue
        rest = batch.slice(left) if left else batch
        left = 0
        by_name = {name: rest.column(place) for place, name in enumerate(rest.schema.names)}
        _write(_lines([by_name[name] for name in columns]))


def _behind(metadata: Any, first: int) -> tuple[list[int], int]:
    """The row groups from row `first` on, and how many rows of the first of them are before it."""
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if first < rows:
            return list(range(group, metadata.num_row_groups)), first
        first -= rows
    return [], 0


def _lines(columns: Sequence[Any]) -> Iterator[bytes]:
    plain = [_is_plain(column.type) for column in columns]
    for row in _values([_readable(column) for column in columns]):
        if isinstance(row, str):
            yield _dump(row)
            continue
        values = [value if as_is else _plain(value) for value, as_is in zip(row, plain, strict=True)]
        line = _dump(values)
        yield line if len(line) <= MAX_ROW_BYTES else _dump("too_long")


def _values(columns: Sequence[Any]) -> Iterator[Sequence[Any] | str]:
    """All of a small batch at once, as that is fast; of another a row at a time, as a value may be huge."""
    if sum(column.nbytes for column in columns) <= _SMALL_BYTES:
        with contextlib.suppress(ValueError, OverflowError):
            yield from zip(*[column.to_pylist() for column in columns], strict=True)
            return
    for row in zip(*columns, strict=True):
        try:
            yield [value.as_py() for value in row]
        except (ValueError, OverflowError) as error:
            yield f"unreadable: {_first_line(error)}"


def _is_plain(kind: Any) -> bool:
    from pyarrow import types

    tests = (types.is_string, types.is_large_string, types.is_integer, types.is_boolean, types.is_date)
    return any(test(kind) for test in tests)


def _readable(column: Any) -> Any:
    """Python knows no nanoseconds; a dictionary is small where its values are not."""
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(column.type):
        return _readable(column.dictionary_decode())
    if types.is_timestamp(column.type) and column.type.unit == "ns":
        return column.cast(pyarrow.timestamp("us", tz=column.type.tz), safe=False)
    return column.cast(pyarrow.time64("us"), safe=False) if str(column.type) == "time64[ns]" else column


def _plain(value: Any) -> Any:
    """As JSON has it; orjson writes days and times in ISO 8601 by itself."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**63 else float(value)
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return value


def _text(value: bytes) -> str:
    with contextlib.suppress(UnicodeDecodeError):
        return value.decode()
    return b64encode(value).decode()


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError as error:
        return orjson.dumps(f"unreadable: {error}"[:200], option=orjson.OPT_APPEND_NEWLINE)


def _write(lines: Any) -> None:
    waiting, size = [], 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= _OUT:
            sys.stdout.buffer.write(b"".join(waiting))
            waiting, size = [], 0
    sys.stdout.buffer.write(b"".join(waiting))
    sys.stdout.buffer.flush()


def _refuse(reason: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        _write([orjson.dumps({"error": reason}, option=orjson.OPT_APPEND_NEWLINE)])


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


if __name__ == "__main__":
    main()
