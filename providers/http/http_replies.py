"""What an HTTP answer means for the recipient: the one table of statuses (RFC 9110 15, RFC 6585, RFC 8470).

Rows are tried in order; the first that fits decides. A row may ask for a documented error in the body,
`{"error": {"code": "…", "message": "…"}}`: a bare 404 speaks of our URL, one with a code speaks of the recipient.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

import orjson

from providers.contract import REASONS, RESPONSE_LIMIT, Result, Verdict

LONGEST_WAIT_SECONDS = 86_400.0


class Answer(NamedTuple):
    """`body` may be cut short, and `whole` is then false; `keep`: the connection may be used again."""

    status: int
    body: bytes = b""
    retry_after: bytes = b""
    location: bytes = b""
    whole: bool = True
    keep: bool = True


class Row(NamedTuple):
    """`named`: fits only where the body names an error, whose code then decides."""

    first: int
    last: int
    verdict: Verdict
    named: bool = False
    dead: bool = False


class Code(NamedTuple):
    verdict: Verdict
    reason: str
    dead: bool = False


def _each(verdict: Verdict, *statuses: int) -> tuple[Row, ...]:
    return tuple(Row(status, status, verdict) for status in statuses)


ROWS = (
    Row(200, 299, Verdict.SENT),
    # Redirects are not followed: a message would go where nobody configured.
    Row(300, 399, Verdict.UNAVAILABLE),
    # The service refuses us or our way of asking, not the recipient: wait, and let a person see why.
    *_each(Verdict.UNAVAILABLE, 401, 402, 403, 405, 406, 407, 411, 414, 415, 417, 421, 426, 431, 501, 505, 511),
    Row(410, 410, Verdict.FAILED, named=True, dead=True),
    Row(404, 404, Verdict.FAILED, named=True),
    *_each(Verdict.UNAVAILABLE, 404, 410),
    *_each(Verdict.THROTTLED, 408, 425, 429, 503),
    *_each(Verdict.RETRY, 409, 423, 424),  # 409: the same Idempotency-Key is being worked on
    Row(400, 499, Verdict.FAILED, named=True),
    Row(400, 499, Verdict.FAILED),
    # From something between us and the service, which can't know whether the service has taken it.
    *_each(Verdict.UNKNOWN, 502, 504),
    Row(520, 599, Verdict.UNKNOWN),
    # By our contract with the service: it has not taken what it answers so.
    Row(500, 519, Verdict.RETRY),
    Row(0, 999, Verdict.UNKNOWN),
)

CODES = {
    "invalid_token": Code(Verdict.FAILED, "invalid_token", dead=True),
    "invalid_address": Code(Verdict.FAILED, "rejected", dead=True),
    "rate_limited": Code(Verdict.THROTTLED, "throttled"),
    "temporary": Code(Verdict.RETRY, "temporary"),
}
_REJECTED = Code(Verdict.FAILED, "rejected")
_SAID = {int(status): f"{int(status)} {status.phrase}" for status in HTTPStatus}


def judge(answer: Answer) -> Result:
    if 200 <= answer.status <= 299:
        return Result(Verdict.SENT, None, words(answer))
    error = _named_error(answer.body)
    row = next(row for row in ROWS if row.first <= answer.status <= row.last and (error is not None or not row.named))
    if row.named and error is not None:
        return _by_code(error, _said(answer.status), dead=row.dead, retry_after=_wait(answer.retry_after))
    wait = _wait(answer.retry_after) if row.verdict in (Verdict.THROTTLED, Verdict.RETRY) else None
    return Result(row.verdict, REASONS[row.verdict], words(answer), wait)


def judge_each(answer: Answer, ids: list[str]) -> list[Result] | None:
    """The results of a batch's messages; None where the answer names none and speaks for the whole batch.

    Of a message that `results` passes over, or that a cut body might have named, nobody knows what became.
    """
    good = 200 <= answer.status <= 299
    if b'"results"' not in answer.body and (answer.whole or not good):
        return None
    named = _results(answer)
    if named is None:
        return [_unclear(answer)] * len(ids) if good else None
    missing = _unclear(answer)
    accepted = Result(Verdict.SENT, None, _said(answer.status))
    return [_one(named[id], accepted) if id in named else missing for id in ids]


def words(answer: Answer) -> str:
    said = _said(answer.status)
    if answer.location and 300 <= answer.status <= 399:
        return _shown(f"{said}: it redirects to {answer.location.decode('utf-8', 'replace')}; set that URL")
    if not answer.body:
        return said
    return _shown(f"{said}: {answer.body[:RESPONSE_LIMIT].decode('utf-8', 'replace')}")


def _said(status: int) -> str:
    return _SAID.get(status) or str(status)


def _shown(text: str) -> str:
    """In one line, without what a database can't hold."""
    return (text if text.isprintable() else " ".join(text.replace("\0", "").split()))[:RESPONSE_LIMIT]


def _named_error(body: bytes) -> Mapping[str, Any] | None:
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    error = read.get("error") if isinstance(read, dict) else None
    return error if isinstance(error, dict) and isinstance(error.get("code"), str) else None


def _by_code(error: Mapping[str, Any], said: str, *, dead: bool = False, retry_after: float | None = None) -> Result:
    code = CODES.get(error["code"])
    if code is None:
        code = CODES["invalid_token"] if dead else _REJECTED
    message = error.get("message")
    text = _shown(f"{said}: {error['code']}{f': {message}' if isinstance(message, str) else ''}")
    return Result(code.verdict, code.reason, text, None if code.verdict is Verdict.FAILED else retry_after, code.dead)


def _results(answer: Answer) -> dict[str, Mapping[str, Any]] | None:
    """By the message's id. None where the body holds no such list, or not all of it."""
    try:
        read = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    results = read.get("results") if isinstance(read, dict) else None
    if not isinstance(results, list):
        return None
    return {str(one.get("id")): one for one in results if isinstance(one, dict)}


def _one(said: Mapping[str, Any], accepted: Result) -> Result:
    status = said.get("status")
    if status == "accepted":
        return accepted
    if status != "rejected":
        return Result(Verdict.UNKNOWN, REASONS[Verdict.UNKNOWN], _shown(f"the status {status!r} says nothing to us"))
    error = said.get("error")
    error = error if isinstance(error, dict) and isinstance(error.get("code"), str) else {"code": "rejected"}
    wait = error.get("retry_after")
    seconds = float(wait) if isinstance(wait, int | float) and 0 < wait <= LONGEST_WAIT_SECONDS else None
    return _by_code(error, "rejected", retry_after=seconds)


def _unclear(answer: Answer) -> Result:
    return Result(
        Verdict.UNKNOWN, REASONS[Verdict.UNKNOWN], f"{_said(answer.status)}: its results don't name this message"
    )


def _wait(retry_after: bytes) -> float | None:
    """Retry-After in seconds or as a date (RFC 9110 10.2.3); None where there is none that we can read."""
    text = retry_after.decode("ascii", "replace").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()
    return min(seconds, LONGEST_WAIT_SECONDS) if seconds > 0 else None
