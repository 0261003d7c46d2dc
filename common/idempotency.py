"""`Idempotency-Key`: a retried POST answers what the first one answered, and does nothing again.

The answer is stored in the transaction of the write, so there is never one without the other. An advisory
lock tells that the same key is at work: a row alone would make the second caller wait instead of answering 409.
"""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate

import orjson
from django.db import connection, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import Conflict, DomainError, FieldError, Invalid
from common.models import IdempotencyKey
from common.rendering import dump
from common.serializers import NoFields, read_or_refuse

HEADER = "Idempotency-Key"
KEY_LENGTH = 255
REPLAYED = "Idempotent-Replayed"

Handler = Callable[Concatenate[Any, Request, ...], Response]


def idempotent(handler: Handler) -> Handler:
    """Runs a view's POST handler in one transaction, once per key; without the header it is only the transaction.

    2xx answers are stored; a refusal is an exception, which rolls back and stores nothing.
    """

    @wraps(handler)
    def run(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = read_key(request)
        body_hash = _body_hash(request)  # also where there is no key: it refuses what can't be read
        with transaction.atomic():
            if key is None:
                return handler(view, request, *args, **kwargs)
            scope = _scope(request, key)
            _lock(scope)
            stored = IdempotencyKey.objects.filter(**scope).first()
            if stored is not None:
                return _replay(stored, body_hash)
            answer = handler(view, request, *args, **kwargs)
            if 200 <= answer.status_code < 300:
                text = dump(answer.data).decode()
                IdempotencyKey.objects.create(**scope, body_hash=body_hash, status=answer.status_code, answer=text)
            return answer

    return run


def bodiless(handler: Handler) -> Handler:
    """`idempotent` for an action whose address says it all: a field in the body is one too many."""

    @wraps(handler)
    def run(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        read_or_refuse(NoFields, request.data)
        return handler(view, request, *args, **kwargs)

    return idempotent(run)


def read_key(request: Request) -> str | None:
    """None where the header is absent; raises `Invalid` for one that is no key."""
    key: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if 1 <= len(key) <= KEY_LENGTH and key.isascii() and key.isprintable():
        return key
    message = f"The header {HEADER} holds 1 to {KEY_LENGTH} printable ASCII characters; this has {len(key)}."
    raise Invalid(
        [FieldError(HEADER, "invalid", message, key[:60], KEY_LENGTH, "A UUID per logical request does well.")],
        detail="Nothing was done.",
    )


def _scope(request: Request, key: str) -> dict[str, Any]:
    caller: Any = request.user
    return {
        "workspace_id": caller.workspace_id,
        "method": request.method,
        "path": request.path.rstrip("/"),
        "key": key,
    }


def lock_number(scope: dict[str, Any]) -> int:
    digest = hashlib.blake2b(orjson.dumps(list(scope.values())), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def _lock(scope: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_number(scope)])
        (locked,) = cursor.fetchone()
    if not locked:
        raise _in_progress()


def _in_progress() -> DomainError:
    error = Conflict(
        "A request with this Idempotency-Key is still at work. Ask again in a second.",
        code="key_in_progress",
        title="The same request is in progress.",
    )
    error.headers["Retry-After"] = "1"
    return error


def _replay(stored: IdempotencyKey, body_hash: bytes) -> Response:
    if bytes(stored.body_hash) != body_hash:
        message = "This Idempotency-Key was used with another body."
        hint = "Send the same body to get its answer, or a new key for a new request."
        raise Invalid([FieldError(HEADER, "key_reused", message, stored.key, None, hint)], detail="Nothing was done.")
    return Response(orjson.Fragment(stored.answer), status=stored.status, headers={REPLAYED: "true"})


def _body_hash(request: Request) -> bytes:
    """Of what the body says, not of its spelling: white space and the order of names do not matter."""
    digest = hashlib.sha256()
    given: Any = request.data
    plain = {name: value for name, value in given.items() if name not in request.FILES}
    digest.update(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS))
    for name, file in sorted(request.FILES.items()):
        digest.update(name.encode())
        # It was hashed as it came (settings.FILE_UPLOAD_HANDLERS): a large one is not read again.
        digest.update(file.sha256.encode())
    return digest.digest()
