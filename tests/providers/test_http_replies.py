"""The table of HTTP statuses, row by row."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import REASONS, Verdict
from providers.http.http_replies import LONGEST_WAIT_SECONDS, Answer, judge, judge_each

SENT, FAILED, RETRY = Verdict.SENT, Verdict.FAILED, Verdict.RETRY
THROTTLED, UNAVAILABLE, UNKNOWN = Verdict.THROTTLED, Verdict.UNAVAILABLE, Verdict.UNKNOWN


def error(code: str, message: str | None = None) -> bytes:
    return orjson.dumps({"error": {"code": code, **({"message": message} if message else {})}})


@pytest.mark.parametrize(
    ("statuses", "verdict"),
    [
        ((200, 201, 202, 204, 299), SENT),
        ((300, 301, 302, 303, 307, 308), UNAVAILABLE),
        ((401, 402, 403, 404, 405, 406, 407, 410, 411, 414, 415, 417, 421, 426, 431, 501, 505, 511), UNAVAILABLE),
        ((408, 425, 429, 503), THROTTLED),
        ((409, 423, 424), RETRY),
        ((400, 412, 413, 416, 418, 422, 428, 451, 499), FAILED),
        ((500, 506, 507, 508, 519), RETRY),
        ((502, 504, 520, 524, 599), UNKNOWN),
        ((600, 999), UNKNOWN),
    ],
)
def test_what_a_bare_status_means(statuses: tuple[int, ...], verdict: Verdict) -> None:
    for status in statuses:
        result = judge(Answer(status))
        assert (status, result.verdict, result.reason) == (status, verdict, REASONS[verdict])
        assert not result.dead_address


@pytest.mark.parametrize(
    ("status", "code", "verdict", "reason", "dead"),
    [
        (400, "invalid_token", FAILED, "invalid_token", True),
        (404, "invalid_token", FAILED, "invalid_token", True),
        (422, "invalid_address", FAILED, "rejected", True),
        (422, "spam", FAILED, "rejected", False),
        (404, "no_such_user", FAILED, "rejected", False),
        (410, "unregistered", FAILED, "invalid_token", True),
        (400, "rate_limited", THROTTLED, "throttled", False),
        (422, "temporary", RETRY, "temporary", False),
    ],
)
def test_what_a_named_error_means(status: int, code: str, verdict: Verdict, reason: str, dead: bool) -> None:
    result = judge(Answer(status, error(code, "so it is")))
    assert (result.verdict, result.reason, result.dead_address) == (verdict, reason, dead)
    assert result.response is not None and result.response.endswith(f": {code}: so it is")


@pytest.mark.parametrize("status", [401, 403, 429, 503, 500, 502])
def test_an_error_in_the_body_changes_nothing_where_the_status_is_about_us(status: int) -> None:
    """RFC 6750 names a token of ours that has expired `invalid_token` too."""
    assert judge(Answer(status, error("invalid_token"))).verdict is judge(Answer(status)).verdict
    assert not judge(Answer(status, error("invalid_token"))).dead_address


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"error": "gone"}', b'{"error": {"code": 7}}', b"{", b"\xff"])
def test_only_a_documented_error_speaks_of_the_recipient(body: bytes) -> None:
    assert judge(Answer(410, body)).verdict is UNAVAILABLE


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"30", 30.0),
        (b" 7 ", 7.0),
        (b"0", None),
        (b"", None),
        (b"-5", None),
        (b"1.5", None),
        (b"soon", None),
        (b"Thu, 01 Jan 99999999999999999999999 00:00:00 GMT", None),
        (b"Thu, 01 Jan 2026 00:00:00 +99999999999999999999", None),
        (b"\xff", None),
        (b"999999999999999", LONGEST_WAIT_SECONDS),
        (b"Sun, 06 Nov 1994 08:49:37 GMT", None),
        (b"Sun, 06 Nov 2094 08:49:37 GMT", LONGEST_WAIT_SECONDS),
        (b"Sun, 99 Nov 2094 08:49:37 GMT", None),
    ],
)
def test_retry_after(value: bytes, seconds: float | None) -> None:
    assert judge(Answer(429, retry_after=value)).retry_after == seconds
    assert judge(Answer(422, retry_after=value)).retry_after is None


def test_retry_after_as_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True).encode()
    wait = judge(Answer(503, retry_after=date)).retry_after
    assert wait is not None and 3000 < wait <= 3600


def test_the_words_are_the_providers_in_one_line() -> None:
    assert judge(Answer(422, b"No\r\n such\0 thing\n")).response == "422 Unprocessable Content: No such thing"
    assert judge(Answer(299, b"")).response == "299"
    assert len(judge(Answer(400, b"x" * 2000)).response or "") == 500
    assert judge(Answer(400, b"\xff\xfe")).response == "400 Bad Request: ��"


def test_a_redirect_is_not_followed_and_says_where_to() -> None:
    response = judge(Answer(301, b"moved", location=b"https://new.test/v2")).response
    assert response == "301 Moved Permanently: it redirects to https://new.test/v2; set that URL"


def each(answer: Answer, *ids: str) -> list[tuple[Verdict, str | None, bool]] | None:
    results = judge_each(answer, list(ids))
    return None if results is None else [(one.verdict, one.reason, one.dead_address) for one in results]


def results(*rows: object) -> bytes:
    return orjson.dumps({"results": rows})


def test_results_name_each_message() -> None:
    body = results(
        {"id": "c", "status": "rejected", "error": {"code": "spam", "message": "no"}},
        {"id": "a", "status": "accepted"},
        {"id": "b", "status": "rejected", "error": {"code": "invalid_token"}},
        {"id": "d", "status": "rejected", "error": {"code": "rate_limited", "retry_after": 9}},
        {"id": "e", "status": "rejected", "error": {"code": "temporary"}},
        {"id": "f", "status": "rejected"},
        {"id": "nobody", "status": "accepted"},
    )
    assert each(Answer(200, body), *"abcdef") == [
        (SENT, None, False),
        (FAILED, "invalid_token", True),
        (FAILED, "rejected", False),
        (THROTTLED, "throttled", False),
        (RETRY, "temporary", False),
        (FAILED, "rejected", False),
    ]
    found = judge_each(Answer(200, body), ["c", "d"])
    assert found is not None and (found[0].response, found[1].retry_after) == ("rejected: spam: no", 9.0)


@pytest.mark.parametrize("status", [200, 400, 422])
def test_results_count_whatever_the_status(status: int) -> None:
    assert each(Answer(status, results({"id": "a", "status": "accepted"})), "a") == [(SENT, None, False)]


def test_a_message_that_the_results_pass_over_is_in_doubt() -> None:
    body = results({"id": "a", "status": "accepted"}, {"id": "c", "status": "queued?"}, "b", None)
    assert each(Answer(200, body), *"abc") == [
        (SENT, None, False),
        (UNKNOWN, "no_answer", False),
        (UNKNOWN, "no_answer", False),
    ]


@pytest.mark.parametrize(
    "body", [b'{"results": [', b'{"results": {"a": "accepted"}}', b'["results"]', b'{"results": 3}']
)
def test_results_that_cannot_be_read_leave_all_in_doubt_where_the_status_is_good(body: bytes) -> None:
    assert each(Answer(200, body), "a", "b") == [(UNKNOWN, "no_answer", False)] * 2
    assert each(Answer(400, body), "a", "b") is None


@pytest.mark.parametrize("body", [b"", b"OK", b"{}", b'{"accepted": 2}', b"\xff"])
def test_an_answer_without_results_speaks_for_the_whole_batch(body: bytes) -> None:
    assert each(Answer(202, body), "a", "b") is None


names = st.sampled_from(["id", "status", "error", "code", "message", "retry_after", "results"])
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=20,
)


@given(st.integers(200, 999), st.binary(max_size=200) | json_values.map(orjson.dumps), st.binary(max_size=40))
def test_no_answer_breaks_the_table(status: int, body: bytes, retry_after: bytes) -> None:
    answer = Answer(status, body, retry_after, retry_after)
    for result in [judge(answer), *(judge_each(answer, ["a", "b"]) or [])]:
        assert result.verdict in set(Verdict) - {Verdict.UNSTARTED}
        assert len(result.response or "") <= 500 and "\0" not in (result.response or "")
        assert result.retry_after is None or 0 < result.retry_after <= LONGEST_WAIT_SECONDS


@given(st.dictionaries(st.sampled_from(["id", "status", "error"]), json_values), st.integers(200, 299))
def test_no_result_breaks_the_table(row: dict[str, object], status: int) -> None:
    row["id"] = "a"
    found = judge_each(Answer(status, results(row)), ["a"])
    assert found is not None and (row.get("status") == "accepted") == (found[0].verdict is SENT)
