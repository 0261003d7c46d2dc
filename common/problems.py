"""Errors as answers: `application/problem+json` (RFC 9457), the same shape for every one."""

import logging
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from common.errors import Conflict, DomainError, FieldError, Invalid, NotFound, Unreadable
from common.field_errors import field_errors
from common.parsing import too_large
from common.rendering import dump

CONTENT_TYPE = "application/problem+json"
API_PREFIXES = ("/api/", "/campaign/", "/v1/")
logger = logging.getLogger(__name__)


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """REST framework's EXCEPTION_HANDLER: every exception becomes a problem, also one that nobody foresaw."""
    request = context["request"]
    set_rollback()
    error = as_domain_error(exc)
    if error.status == 415:
        error.detail = f"{error.detail} Send Content-Type: {_media_types(context['view'])}."
    if error.status >= 500:
        logger.error("%s %s failed", request.method, request.path, exc_info=exc)
    return Response(
        problem(error, request), status=error.status, content_type=CONTENT_TYPE, headers=dict(error.headers)
    )


def _media_types(view: Any) -> str:
    return " or ".join(parser.media_type for parser in view.parser_classes) if view else "application/json"


def problem(error: DomainError, request: Any) -> dict[str, Any]:
    """The wire shape; `errors` is there only where fields are to blame."""
    found: dict[str, Any] = {
        "type": f"/api/docs/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "instance": request.path,
        "request_id": getattr(request, "request_id", None),
    }
    if error.errors:
        found["errors"] = [field.as_wire() for field in error.errors]
    return found


def as_domain_error(exc: Exception) -> DomainError:
    """The refusal that an exception stands for; anything unforeseen is a 500 that tells nothing."""
    if isinstance(exc, DomainError):
        return exc
    if isinstance(exc, exceptions.APIException):
        return _from_framework(exc)
    if isinstance(exc, RequestDataTooBig):
        return too_large()
    if isinstance(exc, Http404):
        return NotFound()
    if isinstance(exc, PermissionDenied):
        return _refusal(403, "forbidden", "This is not allowed.", str(exc))
    if isinstance(exc, SuspiciousOperation | MultiPartParserError | UnicodeDecodeError):
        return Unreadable("The request can't be read.")
    return _from_database(exc)


def _from_framework(exc: exceptions.APIException) -> DomainError:
    if isinstance(exc, exceptions.ValidationError):
        return Invalid(field_errors(exc.detail))
    if isinstance(exc, exceptions.NotFound):
        return NotFound()
    if isinstance(exc, exceptions.ParseError):
        return Unreadable(str(exc.detail))
    code, title = _FRAMEWORK.get(exc.status_code, ("internal_error", "Something went wrong on our side."))
    error = _refusal(exc.status_code, code, title, f"{exc.detail} {_REMEDIES.get(exc.status_code, '')}".strip())
    if challenge := getattr(exc, "auth_header", None):
        error.headers["WWW-Authenticate"] = challenge
    if wait := getattr(exc, "wait", None):
        error.headers["Retry-After"] = str(ceil(wait))
    return error


_FRAMEWORK = {
    400: ("unreadable", "The body can't be read."),
    401: ("unauthenticated", "The request needs a valid API key."),
    403: ("forbidden", "The API key does not allow this."),
    405: ("method_not_allowed", "This address does not take that method."),
    406: ("not_acceptable", "This can't be answered in the format asked for."),
    415: ("unsupported_media_type", "The body has a media type that is not read here."),
    429: ("rate_limited", "Too many requests."),
}


_REMEDIES = {
    405: "The Allow header names the methods that work.",
    406: "Accept application/json.",
}


def _from_database(exc: Exception) -> DomainError:
    if isinstance(exc, DataError) or (isinstance(exc, ValueError) and "NUL" in str(exc)):
        logger.warning("the database refused a value that should have been refused earlier", exc_info=exc)
        detail = "A value is of a kind that can't be stored: too large, out of range, or with a NUL character."
        return _refusal(422, "unusable_value", "A value can't be used.", detail)
    if isinstance(exc, IntegrityError):
        logger.warning("a constraint refused a change", exc_info=exc)
        return Conflict("It clashes with something made meanwhile. Read it again, then retry.", code="conflict")
    if isinstance(exc, OperationalError | InterfaceError):
        error = _refusal(503, "unavailable", "The database does not answer.", "Try again in a few seconds.")
        error.headers["Retry-After"] = "5"
        return error
    return _refusal(500, "internal_error", "Something went wrong on our side.", "It was logged under the request_id.")


def _refusal(status: int, code: str, title: str, detail: str) -> DomainError:
    error = DomainError(detail, code=code, title=title)
    error.status = status
    return error


def invalid(field: str, code: str, message: str, **more: Any) -> Invalid:
    """A single wrong field, ready to raise."""
    return Invalid([FieldError(field=field, code=code, message=message, **more)])


def refuse(errors: Sequence[FieldError], *, detail: str) -> None:
    """Raises `Invalid` if there is anything to report."""
    if errors:
        raise Invalid(errors, detail=detail)


def problem_response(error: DomainError, request: HttpRequest) -> HttpResponse:
    """A problem from outside REST framework: middleware and the handlers below."""
    return HttpResponse(
        dump(problem(error, request)), status=error.status, content_type=CONTENT_TYPE, headers=error.headers
    )


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(API_PREFIXES)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.page_not_found(request, exception)
    return problem_response(NotFound(f"There is nothing at {request.path}. See /api/docs/."), request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not _is_api(request):
        return defaults.bad_request(request, exception)
    return problem_response(as_domain_error(exception), request)


def server_error(request: HttpRequest) -> HttpResponse:
    if not _is_api(request):
        return defaults.server_error(request)
    return problem_response(as_domain_error(RuntimeError()), request)
