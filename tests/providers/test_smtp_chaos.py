"""Whatever a server does at whatever moment: nobody twice, nobody lost, nobody called sent who was not."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.contract import Verdict
from providers.email.smtp import SmtpAdapter
from providers.email.smtp_config import Security, SmtpConfig
from tests.providers.contract import Sent, closing, run, send
from tests.providers.emails import emails
from tests.providers.receiver import CHUNKED, PIPELINED, PLAIN, Act, Receiver, Reply

PEOPLE = 40
TROUBLE: tuple[Reply, ...] = (
    Act.CLOSE,
    Act.RESET,
    "421 4.3.2 closing",
    "450 4.2.0 greylisted",
    "452 4.3.1 out of space",
    "550 5.1.1 no such user",
    "550-5.7.1 no\r\n550 5.7.1 really",
    "nonsense",
)


@pytest.mark.parametrize("extensions", [PLAIN, PIPELINED, CHUNKED], ids=["lockstep", "pipelined", "chunked"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.01, 0.05, 0.3]), piecemeal=st.booleans())
def test_the_books_balance(extensions: tuple[str, ...], seed: int, share: float, piecemeal: bool) -> None:
    dice = random.Random(seed)

    def script(verb: str, argument: str, n: int) -> Reply | None:
        return dice.choice(TROUBLE) if dice.random() < share else None

    receiver = Receiver(extensions, script, piecemeal=piecemeal)

    async def scenario() -> Sent:
        async with receiver.listening():
            config = SmtpConfig("127.0.0.1", receiver.port, Security.NONE, connections=3, messages_per_connection=9)
            async with closing(SmtpAdapter(config)) as adapter:
                return await send(adapter, emails(PEOPLE))

    sent = run(scenario())
    received = receiver.recipients
    assert len(received) == len(set(received))
    for index, result in sent.results.items():
        taken = f"user{index}@example.test" in received
        if result.verdict is not Verdict.UNKNOWN:
            assert taken == (result.verdict is Verdict.SENT), result
    for message in receiver.accepted:
        assert f"\r\nTo: {message.recipients[0]}\r\n".encode() in message.payload
        assert len(message.recipients) == 1
