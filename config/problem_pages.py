"""What each problem's `type` address shows: what it means, and what to do."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render


@dataclass(frozen=True, slots=True)
class ProblemPage:
    status: int
    title: str
    meaning: str
    remedy: str


PAGES: dict[str, ProblemPage] = {
    "unreadable": ProblemPage(
        400,
        "The body can't be read",
        "The body is not a JSON object in UTF-8, or holds what can't be stored: a NUL character, NaN, a whole number "
        "beyond 64 bits, more than 32 levels of nesting.",
        "The detail names the line and the column. Mend the body and send it again.",
    ),
    "unauthenticated": ProblemPage(
        401,
        "The request needs a valid API key",
        "There is no key in Authorization, or the key is unknown, expired or revoked.",
        "Send Authorization: Bearer <key>. Keys are made in the admin, under API keys, and shown once.",
    ),
    "forbidden": ProblemPage(
        403,
        "The API key does not allow this",
        "Each key has scopes; the detail names the one that is missing.",
        "Use a key that has the scope, or have one made.",
    ),
    "not_found": ProblemPage(
        404,
        "There is no such thing in this workspace",
        "The id in the address names nothing in the key's workspace. What belongs to others is answered the same way.",
        "List what there is, and check that the key opens the workspace you mean.",
    ),
    "method_not_allowed": ProblemPage(
        405,
        "This address does not take that method",
        "For example, templates are only read by the API: they are made in the admin.",
        "The Allow header lists the methods that work.",
    ),
    "not_acceptable": ProblemPage(
        406,
        "This can't be answered in the format asked for",
        "The Accept header leaves out every format that the address can answer.",
        "Accept application/json.",
    ),
    "wrong_state": ProblemPage(
        409,
        "Its state does not allow this",
        "For example, an archived campaign can't be executed, and a finished execution can't be paused.",
        "Read it again: an execution lists the actions that are possible now.",
    ),
    "already_executed": ProblemPage(
        409,
        "The campaign may be executed once, and it was",
        "The campaign was made with once: true.",
        "Make another campaign, or change once to false.",
    ),
    "conflict": ProblemPage(
        409,
        "It clashes with something made meanwhile",
        "Two requests at the same time wanted the same thing.",
        "Read it again, then retry.",
    ),
    "in_use": ProblemPage(
        409,
        "It is in use",
        "Something that is not over refers to it; the detail says what.",
        "Cancel that or wait until it is finished, then delete again.",
    ),
    "already_imported": ProblemPage(
        409,
        "The same file was imported already",
        "An upload of the same bytes, read in the same way into the same list, was started; the detail names it.",
        "Use that one, or start this one with force=true: it changes only what has changed since.",
    ),
    "key_in_progress": ProblemPage(
        409,
        "The same request is in progress",
        "A request with the same Idempotency-Key has not been answered yet.",
        "Wait a second and send it again: it is answered what the first one was answered.",
    ),
    "too_large": ProblemPage(
        413,
        "The body is too large",
        "A body has at most 16 MiB.",
        "Split it into several requests, or upload a file.",
    ),
    "unsupported_media_type": ProblemPage(
        415,
        "The body has a media type that is not read here",
        "Bodies are JSON unless the address says otherwise.",
        "Send Content-Type: application/json.",
    ),
    "validation_error": ProblemPage(
        422,
        "Fields are wrong",
        "Every wrong field is listed in errors: what was sent, the limit, and how to mend it. Nothing was changed.",
        "Mend all of them and send the request again.",
    ),
    "audience_empty": ProblemPage(
        422,
        "There is nobody in the audience",
        "The sources that the audience names hold no contact.",
        "Name a source with contacts in it, or import some first.",
    ),
    "too_slow": ProblemPage(
        422,
        "The question takes too long",
        "Finding who fits a rule took longer than the limit that the detail names, so it was stopped.",
        "Narrow the rule: name fewer events, a shorter window, or a list to begin with.",
    ),
    "unusable_value": ProblemPage(
        422,
        "A value can't be used",
        "A value is out of the range that can be stored.",
        "Check numbers, times and text for extremes.",
    ),
    "rate_limited": ProblemPage(
        429, "Too many requests", "The limit of requests was reached.", "Wait as long as Retry-After says."
    ),
    "internal_error": ProblemPage(
        500,
        "Something went wrong on our side",
        "The request was understood, and carrying it out failed. Nothing was changed half.",
        "Retry with the same Idempotency-Key. If it stays, give the request_id to whoever runs this installation.",
    ),
    "unavailable": ProblemPage(
        503,
        "The database does not answer",
        "PostgreSQL is restarting or can't be reached.",
        "Retry with the same Idempotency-Key after some seconds.",
    ),
}


def problem_page(request: HttpRequest, code: str) -> HttpResponse:
    page = PAGES.get(code)
    if page is None:
        raise Http404
    return render(request, "docs/problem.html", {"code": code, "page": page})


def problem_index(request: HttpRequest) -> HttpResponse:
    return render(request, "docs/problems.html", {"pages": PAGES})
