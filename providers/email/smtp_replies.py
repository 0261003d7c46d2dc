"""What an SMTP server's refusal means for the recipient: the one table of codes (RFC 5321 4.2, RFC 3463, RFC 4954).

Rows are tried in order; the first that fits decides. A row fits by stage, by the reply's code (a prefix), by its
enhanced status (a prefix of whole numbers) and by the words in its text.
"""

import enum
import re
from typing import NamedTuple

from providers.contract import REASONS, RESPONSE_LIMIT, Result, Verdict


class Stage(enum.IntEnum):
    RSET = 0
    MAIL = 1
    RCPT = 2
    DATA = 3
    BODY = 4  # the answer to the end of the message


class Row(NamedTuple):
    code: str
    enhanced: str
    verdict: Verdict
    dead: bool = False
    stage: Stage | None = None
    words: re.Pattern[str] | None = None


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_GREYLISTED = _words(r"gr[ea]y-?list")
_RATE = _words(r"rate|throttl|too (?:many|fast|much)|quota exceeded|slow down|limit")
_NOBODY = _words(
    r"(?:user|mailbox|recipient|address|account)(?: \S+){0,3} (?:unknown|not found|disabled|does(?: not|n't) exist)"
    r"|(?:unknown|no such|invalid|bad) (?:\w+ )?(?:user|mailbox|recipient|address|account|person)"
    r"|does(?: not|n't) (?:have|exist)"
)

ROWS = (
    # The provider refuses us, not the recipient: wait, and let a person see why.
    Row("530", "", Verdict.UNAVAILABLE),
    Row("534", "", Verdict.UNAVAILABLE),
    Row("535", "", Verdict.UNAVAILABLE),
    Row("538", "", Verdict.UNAVAILABLE),
    # Too fast.
    Row("421", "", Verdict.THROTTLED),
    Row("4", "", Verdict.RETRY, words=_GREYLISTED),
    Row("450", "4.7", Verdict.THROTTLED),
    Row("451", "4.7", Verdict.THROTTLED),
    Row("454", "", Verdict.THROTTLED),
    Row("452", "4.2.2", Verdict.RETRY),  # this mailbox is full
    Row("452", "", Verdict.THROTTLED),
    Row("450", "", Verdict.THROTTLED, words=_RATE),
    Row("451", "", Verdict.THROTTLED, words=_RATE),
    Row("4", "", Verdict.RETRY),
    # Nobody is there.
    Row("5", "5.1.1", Verdict.FAILED, dead=True),
    Row("5", "5.1.2", Verdict.FAILED, dead=True),
    Row("5", "5.1.3", Verdict.FAILED, dead=True, stage=Stage.RCPT),
    Row("5", "5.1.6", Verdict.FAILED, dead=True),
    Row("5", "5.1.10", Verdict.FAILED, dead=True),  # null MX, RFC 7505
    Row("5", "5.2.1", Verdict.FAILED, dead=True),
    Row("551", "", Verdict.FAILED, dead=True, stage=Stage.RCPT),
    Row("550", "5.", Verdict.FAILED),  # any other status says that it is not the address
    Row("550", "", Verdict.FAILED, dead=True, stage=Stage.RCPT, words=_NOBODY),
    Row("553", "", Verdict.FAILED, dead=True, stage=Stage.RCPT, words=_NOBODY),
    Row("5", "", Verdict.FAILED),
)

_ENHANCED = re.compile(r"\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})(?!\d)")
_WAIT = re.compile(r"(?:again|retry|wait)\D{0,20}(\d{1,6}) ?(s|m|h)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def accepted(reply: bytes) -> Result:
    return Result(Verdict.SENT, None, reply[:RESPONSE_LIMIT].decode("utf-8", "replace"))


def judge(reply: str, stage: Stage) -> Result:
    """`reply` is the server's, all lines of it; what is neither 2xx nor 4xx nor 5xx counts as transient."""
    if reply[0] == "2":
        return Result(Verdict.SENT, None, reply[:RESPONSE_LIMIT])
    match = _ENHANCED.match(reply)
    row = _row(reply, match[1] if match else "", stage)
    wait = None if row.verdict is Verdict.FAILED else _WAIT.search(reply)
    return Result(
        row.verdict,
        REASONS[row.verdict],
        reply[:RESPONSE_LIMIT],
        float(int(wait[1]) * _SECONDS[wait[2].lower()]) if wait else None,
        row.dead,
    )


def _row(reply: str, enhanced: str, stage: Stage) -> Row:
    for row in ROWS:
        if (
            reply.startswith(row.code)
            and (not row.enhanced or f"{enhanced}.".startswith(f"{row.enhanced.rstrip('.')}."))
            and (row.stage is None or row.stage is stage)
            and (row.words is None or row.words.search(reply))
        ):
            return row
    return Row("", "", Verdict.RETRY)
