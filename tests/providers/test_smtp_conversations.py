"""Awkward servers: what each refusal, silence and break-off means for each recipient."""

import pytest

from providers.contract import HANDED_OVER, Result, Verdict
from tests.providers.emails import emails
from tests.providers.receiver import CHUNKED, PIPELINED, Act, Receiver, Reply
from tests.providers.relay import ANSWER_TIMEOUT, WAYS, deliver, deliver_in_vain, end, every_way, script


@every_way
@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_a_refused_recipient_leaves_its_neighbours_alone(way: str, verb: str) -> None:
    receiver = Receiver(WAYS[way], script(verb, "550 5.1.1 no such user", at=3))
    sent = deliver(receiver, emails(6))
    assert sent.verdicts == [Verdict.SENT] * 2 + [Verdict.FAILED] + [Verdict.SENT] * 3
    assert sent.results[2] == Result(Verdict.FAILED, "rejected", "550 5.1.1 no such user", None, dead_address=True)
    assert receiver.recipients == [f"user{index}@example.test" for index in (0, 1, 3, 4, 5)]
    assert all(len(message.recipients) == 1 for message in receiver.accepted)


@every_way
def test_every_recipient_gets_their_own_message_after_refusals(way: str) -> None:
    receiver = Receiver(WAYS[way], script("RCPT", "450 4.2.0 greylisted", about="user1"))
    deliver(receiver, emails(20))
    for message in receiver.accepted:
        assert f"\r\nTo: {message.recipients[0]}\r\n".encode() in message.payload


@pytest.mark.parametrize("way", ["lockstep", "pipelined"])
def test_data_refused(way: str) -> None:
    receiver = Receiver(WAYS[way], script("DATA", "451 4.3.0 try later", at=2))
    sent = deliver(receiver, emails(4))
    assert sent.verdicts == [Verdict.SENT, Verdict.RETRY, Verdict.SENT, Verdict.SENT]
    assert len(receiver.accepted) == 3
    assert HANDED_OVER not in sent.journal.history[1]


def test_data_invited_although_the_recipient_was_refused_gets_an_empty_message() -> None:
    def answer(verb: str, argument: str, n: int) -> Reply | None:
        if verb == "RCPT" and n == 2:
            return "550 5.1.1 nobody"
        return "354 go ahead anyway" if verb == "DATA" else None

    receiver = Receiver(PIPELINED, answer)
    sent = deliver(receiver, emails(4))
    assert sent.verdicts == [Verdict.SENT, Verdict.FAILED, Verdict.SENT, Verdict.SENT]
    assert receiver.recipients == ["user0@example.test", "user2@example.test", "user3@example.test"]
    assert HANDED_OVER not in sent.journal.history[1]


@every_way
@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("554 5.7.1 spam", Verdict.FAILED),
        ("452 4.3.1 out of space", Verdict.THROTTLED),
        ("451 4.3.0 disk", Verdict.RETRY),
        ("354 what", Verdict.UNKNOWN),
    ],
)
def test_the_message_itself_is_refused(way: str, reply: str, verdict: Verdict) -> None:
    receiver = Receiver(WAYS[way], script(end(way), reply, at=2))
    sent = deliver(receiver, emails(4))
    assert sent.verdicts == [Verdict.SENT, verdict, Verdict.SENT, Verdict.SENT]
    assert sent.results[1].response == reply


@every_way
@pytest.mark.parametrize("act", [Act.CLOSE, Act.RESET])
def test_a_connection_lost_after_the_message_leaves_it_in_doubt(way: str, act: Act) -> None:
    receiver = Receiver(WAYS[way], script(end(way), act, at=2))
    sent = deliver(receiver, emails(4), depth=1)
    assert sent.verdicts == [Verdict.SENT, Verdict.UNKNOWN, Verdict.SENT, Verdict.SENT]
    assert sorted(set(receiver.recipients)) == [f"user{index}@example.test" for index in range(4)]


def test_the_doubt_of_a_chunked_group_is_no_wider_than_its_depth() -> None:
    receiver = Receiver(CHUNKED, script("BDAT", Act.CLOSE, at=6))
    sent = deliver(receiver, emails(20), depth=4)
    assert sent.verdicts.count(Verdict.UNKNOWN) == 3  # 6, 7 and 8; 5 was answered
    assert sent.verdicts.count(Verdict.SENT) == 17


@every_way
@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_a_connection_lost_before_the_message_is_taken_up_by_another(way: str, verb: str) -> None:
    receiver = Receiver(WAYS[way], script(verb, Act.CLOSE, at=3))
    sent = deliver(receiver, emails(6), depth=1)
    in_doubt = Verdict.UNKNOWN if way == "chunked" else Verdict.SENT  # its octets were already on their way
    assert sent.verdicts == [Verdict.SENT] * 2 + [in_doubt] + [Verdict.SENT] * 3
    assert len(receiver.recipients) == len(set(receiver.recipients))


@pytest.mark.parametrize("way", ["lockstep", "pipelined"])
def test_a_server_that_hangs_up_on_every_sender_takes_nothing(way: str) -> None:
    receiver = Receiver(WAYS[way], script("MAIL", Act.CLOSE))
    sent = deliver(receiver, emails(8), connections=2)
    assert set(sent.verdicts) == {Verdict.UNAVAILABLE}
    assert set(sent.journal.octets) == {0}
    assert receiver.seen["MAIL"] <= 2


@every_way
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "END"])
def test_421_slows_down_and_fails_nobody(way: str, verb: str) -> None:
    verb = end(way) if verb == "END" else verb
    receiver = Receiver(WAYS[way], script(verb, "421 4.7.0 too fast, closing", at=3))
    sent = deliver(receiver, emails(8))
    assert sent.verdicts[:3] == [Verdict.SENT, Verdict.SENT, Verdict.THROTTLED]
    assert set(sent.verdicts[3:]) == {Verdict.THROTTLED, Verdict.UNSTARTED}
    assert receiver.recipients == ["user0@example.test", "user1@example.test"]
    assert sent.results[2].response == "421 4.7.0 too fast, closing"


@every_way
def test_throttling_answers_in_a_row_end_the_chunk(way: str) -> None:
    receiver = Receiver(WAYS[way], script("MAIL", "450 4.7.0 slow down, retry in 5 minutes"))
    sent = deliver(receiver, emails(100))
    assert set(sent.verdicts) == {Verdict.THROTTLED, Verdict.UNSTARTED}
    assert {result.retry_after for result in sent.results.values()} == {300.0, None}
    assert receiver.seen["MAIL"] <= 16


@every_way
def test_a_server_that_wants_a_login_fails_nobody(way: str) -> None:
    receiver = Receiver(WAYS[way], script("MAIL", "530 5.7.0 authentication required"))
    sent = deliver(receiver, emails(30))
    assert set(sent.verdicts) == {Verdict.UNAVAILABLE}
    assert receiver.seen["MAIL"] <= 8


@every_way
def test_silence_after_the_message_leaves_it_in_doubt(way: str) -> None:
    receiver = Receiver(WAYS[way], script(end(way), Act.SILENCE, at=1))
    sent = deliver_in_vain(receiver, emails(1))
    assert sent.verdicts == [Verdict.UNKNOWN]
    assert f"gave no answer within {ANSWER_TIMEOUT:g} s" in (sent.results[0].response or "")


@pytest.mark.parametrize("way", ["lockstep", "pipelined"])
def test_silence_before_the_message_is_no_doubt(way: str) -> None:
    receiver = Receiver(WAYS[way], script("RCPT", Act.SILENCE))
    sent = deliver_in_vain(receiver, emails(1))
    assert sent.verdicts == [Verdict.UNAVAILABLE]
