"""The one contract between the delivery engine and every provider.

An adapter belongs to one event loop, keeps its connections between calls and is closed with `close()`.
`Adapter.send` settles each message exactly once and returns when all are settled; trouble on the network
is a verdict, never an exception.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from providers.mime import Email

RESPONSE_LIMIT = 500
USUAL_CHUNK = 500
UNTOUCHED = 0
HANDED_OVER = 1
OUTCOME_OFFSET = 16
FINISH_SECONDS = 1.0
"""A message that is begun at the deadline may be finished for so long: taking it back can cost the connection."""


class Verdict(enum.IntEnum):
    """What became of one handover."""

    SENT = 1
    FAILED = 2  # permanent; `reason` is `rejected` or `invalid_token`
    RETRY = 3  # transient: park the recipient, an attempt is spent
    THROTTLED = 4  # park and slow down; no attempt is spent
    UNAVAILABLE = 5  # the provider took nothing; no attempt is spent
    UNKNOWN = 6  # handed over, never answered
    UNSTARTED = 7  # not begun before the deadline


# Not frozen: a frozen dataclass costs a microsecond more a message.
@dataclass(slots=True)
class Message:
    """One recipient's message; `index` is its place in the chunk and its byte in the journal.

    `content` is an email in MIME form, the whole message as JSON, or its rendered parts: what the kind takes.
    """

    index: int
    delivery_id: str
    address: str
    content: Email | bytes | Mapping[str, Any]
    execution_id: int | None = None
    app_id: str | None = None


class Result(NamedTuple):
    """`response` holds the provider's words (≤ 500 characters); `retry_after` is in seconds."""

    verdict: Verdict
    reason: str | None = None
    response: str | None = None
    retry_after: float | None = None
    dead_address: bool = False


REASONS = {
    Verdict.SENT: None,
    Verdict.FAILED: "rejected",
    Verdict.RETRY: "temporary",
    Verdict.THROTTLED: "throttled",
    Verdict.UNAVAILABLE: "provider_unavailable",
    Verdict.UNKNOWN: "no_answer",
    Verdict.UNSTARTED: None,
}


def trouble(verdict: Verdict, words: str) -> Result:
    """A result that no reply gave: what happened, in our words."""
    return Result(verdict, REASONS[verdict], words[:RESPONSE_LIMIT])


class Journal(Protocol):
    """One byte per message of the chunk: a bytearray, a writable memoryview or an mmap."""

    def __setitem__(self, index: int, value: int, /) -> None: ...
    def __len__(self) -> int: ...


Settle = Callable[[int, Result], None]


class ProbeResult(NamedTuple):
    """Answer to *Test connection*: a sentence for a person, and what was seen on the way."""

    ok: bool
    message: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A provider as its adapter sees it; `type` is what it will carry, `credentials` are already decrypted."""

    type: str
    kind: str
    name: str
    workspace_id: int
    connections: int = 4
    config: Mapping[str, Any] = field(default_factory=dict)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)


class ConfigError(ValueError):
    """A provider's configuration is unusable; `errors` maps field to message."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{name}: {message}" for name, message in self.errors.items()))


class Adapter(Protocol):
    @property
    def chunk(self) -> int:
        """How many messages it likes to be given at once."""

    @property
    def grace(self) -> float:
        """Seconds that `send` may outlast its deadline while it waits for answers: the lease must cover them."""

    async def send(self, messages: Sequence[Message], *, journal: Journal, deadline: float, settle: Settle) -> None:
        """Begins messages until `deadline` (the loop's clock), and hands none over FINISH_SECONDS after it.

        `journal[message.index]` becomes HANDED_OVER before the write that may make the receiver accept the
        message, and `outcome_code(verdict)` when it is settled. When cancelled, it first settles everything:
        UNKNOWN what was handed over, UNSTARTED what was not.
        """

    async def probe(self) -> ProbeResult:
        """Connects and authenticates; sends nothing."""

    async def close(self) -> None:
        """Ends all connections; the adapter is not used afterwards."""


def outcome_code(verdict: Verdict) -> int:
    """The journal's byte for a settled message; UNSTARTED and UNAVAILABLE leave it untouched."""
    return _CODES[verdict]


def outcome_of(code: int) -> Verdict | None:
    """The verdict that a journal's byte stands for; None for UNTOUCHED and HANDED_OVER."""
    return Verdict(code - OUTCOME_OFFSET) if code > OUTCOME_OFFSET else None


_CODES = [
    UNTOUCHED,
    *(
        UNTOUCHED if verdict in (Verdict.UNSTARTED, Verdict.UNAVAILABLE) else OUTCOME_OFFSET + verdict
        for verdict in Verdict
    ),
]
