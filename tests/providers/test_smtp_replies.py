import pytest

from providers.contract import REASONS, Verdict
from providers.email.smtp_replies import Stage, judge

FAILED, RETRY, THROTTLED, UNAVAILABLE = Verdict.FAILED, Verdict.RETRY, Verdict.THROTTLED, Verdict.UNAVAILABLE


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("250 2.0.0 Ok: queued as 4Xy7Zq1", Verdict.SENT),
        ("421 4.7.0 Too many messages", THROTTLED),
        ("421 Service shutting down", THROTTLED),
        ("450 4.7.28 Our system has detected an unusual rate", THROTTLED),
        ("450 4.7.1 Greylisted, try again in 300 s", RETRY),
        ("450 4.2.0 Recipient address rejected: Greylisted", RETRY),
        ("450 Requested mail action not taken: mailbox unavailable", RETRY),
        ("450 Too many messages from you", THROTTLED),
        ("451 4.7.650 The mail server has been temporarily rate limited", THROTTLED),
        ("451 4.3.0 Temporary lookup failure", RETRY),
        ("451 4.4.1 Connection timed out", RETRY),
        ("452 4.2.2 The recipient's inbox is out of storage space", RETRY),
        ("452 4.3.1 Insufficient system storage", THROTTLED),
        ("452 4.5.3 Too many recipients", THROTTLED),
        ("454 Throttling failure: Maximum sending rate exceeded", THROTTLED),
        ("454 4.7.0 Temporary authentication failure", THROTTLED),
        ("471 4.7.1 strange", RETRY),
        ("530 5.7.0 Must issue a STARTTLS command first", UNAVAILABLE),
        ("535 5.7.8 Authentication credentials invalid", UNAVAILABLE),
        ("550 5.7.1 Message rejected as spam", FAILED),
        ("550 5.7.26 Unauthenticated email is not accepted", FAILED),
        ("552 5.2.2 Mailbox full", FAILED),
        ("552 5.3.4 Message too big", FAILED),
        ("554 5.7.1 Relay access denied", FAILED),
        ("555 5.5.4 Unsupported parameter", FAILED),
        ("599 strange", FAILED),
        ("300 strange", RETRY),
    ],
)
def test_what_a_reply_means(reply: str, verdict: Verdict) -> None:
    result = judge(reply, Stage.RCPT)
    assert (result.verdict, result.reason, result.response) == (verdict, REASONS[verdict], reply)
    assert not result.dead_address


@pytest.mark.parametrize(
    "reply",
    [
        "550 5.1.1 <x@y.test>: Recipient address rejected: User unknown",
        "550-5.1.1 The email account that you tried to reach does not exist.",
        "550 5.1.2 Bad destination system",
        "553 5.1.3 Bad address syntax",
        "550 5.1.6 Mailbox has moved",
        "556 5.1.10 Recipient address has null MX",
        "550 5.2.1 Mailbox disabled",
        "550 No such user here",
        "550 Unknown user",
        "550 mailbox not found",
        "551 User not local",
    ],
)
def test_addresses_that_are_dead(reply: str) -> None:
    result = judge(reply, Stage.RCPT)
    assert (result.verdict, result.reason, result.dead_address) == (FAILED, "rejected", True)


@pytest.mark.parametrize(
    "reply", ["550 5.1.8 Bad sender", "550 5.1.7 Bad sender syntax", "550 Unknown user", "553 No such user"]
)
def test_a_refused_sender_says_nothing_about_the_recipient(reply: str) -> None:
    assert judge(reply, Stage.MAIL)[4] is False


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("try again in 300 seconds", 300),
        ("Retry after 5 minutes", 300),
        ("wait 1 hour", 3600),
        ("try again later", None),
    ],
)
def test_the_wait_that_a_server_asks_for(words: str, seconds: float | None) -> None:
    assert judge(f"451 4.7.1 {words}", Stage.RCPT).retry_after == seconds


def test_a_long_reply_is_cut() -> None:
    assert len(judge("550 " + "x" * 2000, Stage.RCPT).response or "") == 500
