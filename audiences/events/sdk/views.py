"""Segment's HTTP tracking API. Source: segment.com/docs/connections/sources/catalog/libraries/server/http-api.

Plain views: browsers send `text/plain` to escape a preflight, keys come as Basic or in the body, and every answer,
refusals too, must be readable from any origin.
"""

import base64
import binascii
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from audiences.events.sdk.accepting import Accepted, accept_messages
from audiences.events.sdk.body import MAX_BATCH_BYTES, read_body
from audiences.events.sdk.message import KINDS
from audiences.events.sdk.overload import room, spend
from audiences.upsert import Rejection
from common.errors import Conflict, DomainError, FieldError, Invalid, NotFound
from common.problems import CONTENT_TYPE, as_domain_error, problem
from common.rendering import dump
from common.routing import either
from workspaces.models import WriteKey
from workspaces.write_keys import find_write_key, touch_write_key

logger = logging.getLogger(__name__)
View = Callable[..., HttpResponse]
_DAY = "86400"


class NoWriteKey(DomainError):
    status, code, title = 401, "unauthenticated", "The request needs a valid write key."


class Refused(Invalid):
    """SDKs take 400 for a message that will never do, and drop it; they would retry some other codes."""

    status = 400


def open_to_browsers(method: str) -> Callable[[View], View]:
    """CORS for any origin, as a write key is public and there is nothing to read.

    With credentials, of which none is looked at: `sendBeacon` always sends cookies along, and browsers would hold the
    message back from a server that does not allow them.
    """

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def run(request: HttpRequest, **named: Any) -> HttpResponse:
            answer = (
                _preflight(request, method) if request.method == "OPTIONS" else _answer(view, request, method, named)
            )
            _share(answer, request.headers.get("Origin"))
            return answer

        return run

    return decorate


def _share(answer: HttpResponse, origin: str | None) -> None:
    answer["Access-Control-Allow-Origin"] = origin or "*"
    if origin:
        answer["Access-Control-Allow-Credentials"] = "true"
    answer["Access-Control-Expose-Headers"] = "Retry-After, X-Request-Id"
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    patch_vary_headers(answer, ["Origin"])


def _preflight(request: HttpRequest, method: str) -> HttpResponse:
    answer = HttpResponse(status=204)
    answer["Allow"] = answer["Access-Control-Allow-Methods"] = f"{method}, OPTIONS"
    asked = request.headers.get("Access-Control-Request-Headers", "")
    names = [name.strip() for name in asked[:1000].split(",")]
    tokens = [name for name in names if name and name.replace("-", "").replace("_", "").isalnum() and name.isascii()]
    answer["Access-Control-Allow-Headers"] = ", ".join(tokens or ["Authorization", "Content-Type"])
    answer["Access-Control-Max-Age"] = _DAY
    if "Access-Control-Request-Private-Network" in request.headers:
        answer["Access-Control-Allow-Private-Network"] = "true"
    return answer


def _answer(view: View, request: HttpRequest, method: str, named: dict[str, Any]) -> HttpResponse:
    try:
        if request.method == method:
            return view(request, **named)
        error = DomainError(f"Send {method}.", code="method_not_allowed", title="This address takes no such method.")
        error.status, error.headers = 405, {"Allow": f"{method}, OPTIONS"}
    except Exception as exc:
        # Whatever it is, the answer must carry the headers that let a browser's SDK read it.
        error = _worth_another_try(as_domain_error(exc))
        if error.status >= 500:
            logger.error("%s failed", request.path, exc_info=exc)
    return _problem(error, request)


def _worth_another_try(error: DomainError) -> DomainError:
    """SDKs throw away what is answered 409, and send again what is answered 503."""
    if isinstance(error, Conflict):
        error.status, error.headers = 503, {"Retry-After": "1"}
    return error


def _problem(error: DomainError, request: HttpRequest) -> HttpResponse:
    """With `message`, as Segment's errors have: RudderStack's SDK for Python takes one without it for a failure of the
    network, and tries in vain for hours."""
    first = f" {error.errors[0].field}: {error.errors[0].message}" if error.errors else ""
    told = {**problem(error, request), "message": f"{error.detail or error.title}{first}"}
    return HttpResponse(dump(told), status=error.status, content_type=CONTENT_TYPE, headers=error.headers)


@open_to_browsers("POST")
def track(request: HttpRequest, kind: str) -> HttpResponse:
    """`kind` is a type of message, or `batch`. Who sends slowly takes nobody's place meanwhile."""
    raw = request.read(MAX_BATCH_BYTES + 1)
    with room():
        body = read_body(raw, request.headers.get("Content-Encoding", ""))
        key = _write_key(request, body)
        messages = _messages(kind, body)
        spend(key.pk, len(messages))
        accepted = accept_messages(
            app=key.app,
            messages=messages,
            kind=None if kind == "batch" else kind,
            sent_at=body.get("sentAt"),
            context=body.get("context") if kind == "batch" else None,
        )
        touch_write_key(key)
    return _told(accepted, len(messages), "batch" if kind == "batch" else "")


def _messages(kind: str, body: dict[str, Any]) -> list[Any]:
    if kind != "batch":
        return [body]
    found = body.get("batch")
    if not isinstance(found, list):
        raise Refused(
            [FieldError("batch", "wrong_type", "batch must be an array of messages.")], detail="Nothing kept."
        )
    return found


def _told(accepted: Accepted, received: int, prefix: str) -> HttpResponse:
    """Refused only when nothing was kept: otherwise an SDK would send the good ones again, or drop them."""
    if received and not accepted.accepted + accepted.duplicates:
        raise Refused([_field_error(one, prefix) for one in accepted.rejected[:100]], detail="No message was kept.")
    answer: dict[str, Any] = {"success": True}
    if accepted.rejected:
        answer["rejected"] = [one.as_wire() for one in accepted.rejected[:100]]
    return HttpResponse(dump(answer), content_type="application/json")


def _field_error(one: Rejection, prefix: str) -> FieldError:
    place = f"{prefix}[{one.index}].{one.field}".rstrip(".") if prefix else one.field
    return FieldError(place, one.code, one.message)


def _write_key(request: HttpRequest, body: dict[str, Any]) -> WriteKey:
    """From Basic, as SDKs on servers send it, else from the body, as browsers do."""
    given = _basic(request.headers.get("Authorization", "")) or body.get("writeKey")
    key = find_write_key(given) if isinstance(given, str) else None
    if key is not None:
        return key
    if isinstance(given, str) and given.startswith("vk_"):
        raise NoWriteKey("This is an API key, which is secret: never put one in an app. Use a write key of the app.")
    raise NoWriteKey("Send the app's write key, as the user name of Basic authentication or as writeKey in the body.")


def _basic(header: str) -> str | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode().partition(":")[0] or None
    except (binascii.Error, ValueError):
        return None


@open_to_browsers("GET")
def project_settings(request: HttpRequest, write_key: str) -> HttpResponse:
    """What Segment's SDK for browsers asks its CDN for, where `cdnURL` is Volley: send everything here.

    And no figures about the SDK itself, which would go to Segment.
    """
    if find_write_key(write_key) is None:
        raise NotFound("There is no such write key.")
    scheme, _, host = settings.BASE_URL.partition("://")
    target = {"apiKey": write_key, "apiHost": f"{host}/v1", "protocol": scheme}
    told = {"integrations": {"Segment.io": target}, "metrics": {"sampleRate": 0}}
    return HttpResponse(dump(told), content_type="application/json")


def routes() -> list[URLPattern]:
    """`/v1/track` and `/v1/t`, for each type of message and for `batch`; none of them redirects."""
    found = []
    for kind in KINDS:
        for name in (kind, kind[0]):
            found += _route(name, kind)
    found += _route("batch", "batch") + _route("b", "batch")
    return found


def _route(name: str, kind: str) -> list[URLPattern]:
    def view(request: HttpRequest) -> HttpResponse:
        return track(request, kind=kind)

    return either(f"v1/{name}", csrf_exempt(view), name=f"sdk_{name}")
