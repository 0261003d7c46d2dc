"""A relay that answers as a fault's script says, and logs each message that it accepts, as our other receiver does."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos.background import Background
from tests.providers.receiver import PIPELINED, Accepted, Act, Receiver, Reply

Answer = Callable[[str, str, int], Reply | None]


class Scripted(Receiver):
    """`in_doubt` counts the messages that it took without saying so."""

    in_doubt = 0

    def log_to(self, path: Path) -> None:
        self.accepted = _Logged(path)


class _Logged(list[Accepted]):
    """Writes before the reply is written."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("a", buffering=1)

    def append(self, message: Accepted, /) -> None:
        self._file.write("".join(f"{recipient}\n" for recipient in message.recipients))


class Allowance:
    """What a relay takes within a second of its clock."""

    def __init__(self, *, per_second: int) -> None:
        self._per_second = per_second
        self._second = 0
        self._taken = 0
        self.refusals = 0

    def take(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._taken = second, 0
        self._taken += 1
        self.refusals += self._taken > self._per_second
        return self._taken <= self._per_second


@contextlib.contextmanager
def scripted_relay(script: Answer, log: Path) -> Iterator[Scripted]:
    """Speaks PIPELINING, so one message a connection is in flight at most."""
    relay = Scripted(PIPELINED)

    def answer(verb: str, argument: str, n: int) -> Reply | None:
        reply = script(verb, argument, n)
        relay.in_doubt += verb == "END" and isinstance(reply, Act)
        return reply

    relay.script = answer
    relay.log_to(log)
    with Background() as background:
        listening = relay.listening()
        background.call(listening.__aenter__())
        try:
            yield relay
        finally:
            background.call(listening.__aexit__(None, None, None))


def now_and_then(dice: random.Random, share: float, answers: dict[str, tuple[Reply, ...]]) -> Answer:
    """By the dice, one of the answers for the verb; otherwise the usual reply."""

    def script(verb: str, argument: str, n: int) -> Reply | None:
        return dice.choice(answers[verb]) if verb in answers and dice.random() < share else None

    return script
