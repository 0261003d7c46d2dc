"""Lists by keyset: a cursor holds the sort key of a row, so that pages neither shift nor slow down with depth."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import Model, Q, QuerySet
from django.http import QueryDict
from rest_framework.request import Request

from common.errors import FieldError, Invalid

LIMIT = 1000
DEFAULT_LIMIT = 100
CURSOR_LENGTH = 1000
_BIGINT = 2**63 - 1

Key = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`key` is None on the first page; `backwards` reads towards the start."""

    limit: int
    key: Key | None = None
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Page[Row]:
    """Rows in list order, and whether there are more on either side."""

    rows: Sequence[Row]
    before: bool
    after: bool


def read_page(query: QueryDict, *, kinds: tuple[type, ...] = (int,)) -> PageRequest:
    """`kinds` are the types of the key's parts. Raises `Invalid` for a bad `limit` and a malformed `cursor`."""
    errors: list[FieldError] = []
    limit = _read_limit(query.get("limit", ""), errors)
    cursor = query.get("cursor", "")
    found = _decode(cursor, kinds) if cursor else PageRequest(limit)
    if found is None:
        message = "This is not a cursor of this list."
        errors.append(
            FieldError("cursor", "malformed", message, cursor[:60], None, "Follow next and previous as given.")
        )
    if errors or found is None:
        raise Invalid(errors, detail="Nothing was looked up.")
    return PageRequest(limit, found.key, found.backwards)


def _read_limit(text: str, errors: list[FieldError]) -> int:
    if not text:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and 1 <= int(text[:10]) <= LIMIT:
        return int(text)
    errors.append(FieldError("limit", "out_of_range", f"A limit is 1 to {LIMIT}.", text[:60], LIMIT))
    return DEFAULT_LIMIT


def cut[Row](rows: Sequence[Row], page: PageRequest) -> Page[Row]:
    """`rows` were read in the direction of the page, one more than its limit."""
    more = len(rows) > page.limit
    rows = rows[: page.limit]
    if page.backwards:
        return Page(list(reversed(rows)), before=more, after=True)
    return Page(rows, before=page.key is not None, after=more)


def read_rows[Row: Model](queryset: QuerySet[Row], page: PageRequest, *, order: Sequence[str] = ("-id",)) -> Page[Row]:
    """`order` names fields as in `order_by`, all in one direction, together unique."""
    descending = order[0].startswith("-")
    names = [name.lstrip("-") for name in order]
    onwards_down = descending != page.backwards
    if page.key is not None:
        queryset = queryset.filter(_beyond(names, page.key, "lt" if onwards_down else "gt"))
    ordered = queryset.order_by(*(f"-{name}" if onwards_down else name for name in names))
    return cut(list(ordered[: page.limit + 1]), page)


def _beyond(names: Sequence[str], key: Key, comparison: str) -> Q:
    """(a, b) < (x, y), spelled out: a < x or (a = x and b < y)."""
    found = Q()
    for place, name in enumerate(names):
        equal = Q(**dict(zip(names[:place], key[:place], strict=True)))
        found |= equal & Q(**{f"{name}__{comparison}": key[place]})
    return found


def present[Row](
    request: Request, page: Page[Row], show: Callable[[Row], Any], *, key: Callable[[Row], Key]
) -> dict[str, Any]:
    """The wire shape of a list. `next` and `previous` are paths with the same filters."""
    rows = page.rows
    return {
        "results": [show(row) for row in rows],
        "next": _link(request, key(rows[-1]), backwards=False) if page.after and rows else None,
        "previous": _link(request, key(rows[0]), backwards=True) if page.before and rows else None,
    }


def by_id(row: Model) -> Key:
    return (int(row.pk),)


def paginated[Row: Model](
    request: Request, queryset: QuerySet[Row], show: Callable[[Row], Any], *, order: Sequence[str] = ("-id",)
) -> dict[str, Any]:
    """The whole way for lists that are sorted by id, newest first."""
    page = read_page(request.query_params)
    return present(request, read_rows(queryset, page, order=order), show, key=by_id)


def encode(key: Key, *, backwards: bool) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([int(backwards), *key])).rstrip(b"=").decode()


def _decode(cursor: str, kinds: tuple[type, ...]) -> PageRequest | None:
    if len(cursor) > CURSOR_LENGTH:
        return None
    try:
        found = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(found, list) or len(found) != len(kinds) + 1 or found[0] not in (0, 1):
        return None
    key = tuple(found[1:])
    if not all(_fits(part, kind) for part, kind in zip(key, kinds, strict=True)):
        return None
    return PageRequest(DEFAULT_LIMIT, key, bool(found[0]))


def _fits(part: object, kind: type) -> bool:
    if type(part) is not kind:
        return False
    return abs(part) <= _BIGINT if isinstance(part, int) else "\0" not in str(part)


def _link(request: Request, key: Key, *, backwards: bool) -> str:
    query = request.query_params.copy()
    query["cursor"] = encode(key, backwards=backwards)
    return f"{request.path}?{query.urlencode()}"
