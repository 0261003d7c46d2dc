import logging
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import DataError, IntegrityError, OperationalError
from django.http import Http404
from django.test import Client
from rest_framework import exceptions
from rest_framework.test import APIRequestFactory

from common.errors import Conflict, RateLimited
from common.problems import exception_handler


def answer(exc: Exception) -> Any:
    request = APIRequestFactory().post("/api/v1/things")
    return exception_handler(exc, {"request": request, "view": None})


@pytest.mark.parametrize(
    ("exc", "status", "code"),
    [
        (Http404(), 404, "not_found"),
        (exceptions.NotFound(), 404, "not_found"),
        (PermissionDenied(), 403, "forbidden"),
        (exceptions.PermissionDenied(), 403, "forbidden"),
        (exceptions.AuthenticationFailed("no"), 401, "unauthenticated"),
        (exceptions.NotAuthenticated(), 401, "unauthenticated"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.NotAcceptable(), 406, "not_acceptable"),
        (exceptions.UnsupportedMediaType("text/xml"), 415, "unsupported_media_type"),
        (exceptions.ParseError("bad"), 400, "unreadable"),
        (exceptions.Throttled(wait=2.5), 429, "rate_limited"),
        (exceptions.ValidationError({"name": ["bad"]}), 422, "validation_error"),
        (Conflict("no"), 409, "wrong_state"),
        (RateLimited(retry_after=7), 429, "rate_limited"),
        (DataError("value too long"), 422, "unusable_value"),
        (IntegrityError("duplicate key"), 409, "conflict"),
        (OperationalError("connection refused"), 503, "unavailable"),
        (RuntimeError("secret in the message"), 500, "internal_error"),
    ],
)
def test_every_exception_is_a_problem_of_one_shape(exc: Exception, status: int, code: str) -> None:
    found = answer(exc)
    assert (found.status_code, found.data["status"], found.data["code"]) == (status, status, code)
    assert found.data["type"] == f"/api/docs/problems/{code}"
    assert found.data["instance"] == "/api/v1/things"
    assert found.content_type == "application/problem+json"
    assert {"title", "detail", "request_id"} <= found.data.keys()


def test_what_is_unforeseen_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        found = answer(RuntimeError("the password is hunter2"))
    assert "hunter2" not in str(found.data)
    assert "hunter2" in caplog.text


def test_waiting_is_told_in_seconds() -> None:
    assert answer(RateLimited(retry_after=7)).headers["Retry-After"] == "7"
    assert answer(exceptions.Throttled(wait=2.5)).headers["Retry-After"] == "3"


def test_nested_details_become_paths() -> None:
    detail: Any = {"contacts": [{}, {"email": ["No @."]}], "non_field_errors": ["Both can't be."]}
    found = answer(exceptions.ValidationError(detail)).data["errors"]
    assert [(one["field"], one["message"]) for one in found] == [
        ("contacts[1].email", "No @."),
        ("", "Both can't be."),
    ]


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/campaigns/x/y", "/campaign/nothing", "/v1/nothing"])
def test_an_unknown_address_of_the_api_is_a_problem(path: str) -> None:
    found = Client().get(path)
    assert (found.status_code, found["Content-Type"]) == (404, "application/problem+json")


def test_an_unknown_address_elsewhere_is_a_page() -> None:
    assert "text/html" in Client().get("/nothing")["Content-Type"]
