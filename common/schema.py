"""What the API's description says of every operation: parameters, problems, and addresses once each."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter

from common.idempotency import HEADER, KEY_LENGTH
from common.pagination import DEFAULT_LIMIT, LIMIT

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "maxLength": KEY_LENGTH},
    OpenApiParameter.HEADER,
    description="The same key with the same body answers what the first request answered, and does nothing again.",
)
PAGE_PARAMETERS = [
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": LIMIT, "default": DEFAULT_LIMIT},
        description="How many results a page has.",
    ),
    OpenApiParameter("cursor", str, description="From `next` or `previous` of another page."),
]
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_PROBLEMS = {
    "400": "The body can't be read.",
    "401": "No API key, or one that is wrong, expired or revoked.",
    "403": "The key lacks the scope.",
    "404": "There is no such thing in this workspace.",
    "409": "Its state does not allow this, or the same Idempotency-Key is at work.",
    "413": "The body is larger than 16 MiB.",
    "415": "The body has another media type.",
    "422": "Fields are wrong: all of them are named.",
    "429": "Too many requests; `Retry-After` says when.",
}


def without_slashed(endpoints: list[Any], **kwargs: Any) -> list[Any]:
    """Preprocessing: every address is answered with a slash too, and described without."""
    return [endpoint for endpoint in endpoints if not endpoint[0].endswith("/")]


def with_problems(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Postprocessing: every operation can answer problems, and they have one shape."""
    result["components"]["schemas"]["Problem"] = PROBLEM_SCHEMA
    for address, operations in result["paths"].items():
        for method, operation in operations.items():
            for status in _possible(address, method):
                answer = {"description": _PROBLEMS[status], "content": _PROBLEM}
                operation["responses"].setdefault(status, answer)
    return result


def _possible(address: str, method: str) -> list[str]:
    found = ["401", "403", "422", "429"]
    if "{" in address:
        found.append("404")
    if method in ("post", "patch", "put"):
        found += ["400", "409", "413", "415"]
    return sorted(found)


PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `errors` names every wrong field at once.",
    "required": ["type", "title", "status", "code", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": ["string", "null"]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "value", "limit", "message", "hint"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "value": {},
                    "limit": {},
                    "message": {"type": "string"},
                    "hint": {"type": ["string", "null"]},
                },
            },
        },
    },
    "example": {
        "type": "/api/docs/problems/validation_error",
        "title": "The request has 1 error.",
        "status": 422,
        "code": "validation_error",
        "detail": "Nothing was created.",
        "instance": "/api/v1/campaigns",
        "request_id": "01JDCZ6M",
        "errors": [
            {
                "field": "tags[2]",
                "code": "too_long",
                "value": "AVeryLongTagOfThirtyCharacters",
                "limit": 25,
                "message": "A tag has at most 25 characters; this has 30.",
                "hint": "Shorten it.",
            }
        ],
    },
}
