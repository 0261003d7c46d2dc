from uuid import uuid4

from executions.delivery.batches import Claim
from executions.delivery.fates import Fate, parked, skipped
from executions.delivery.window import Window, record, unsettled, with_reasons
from executions.states import Outcome, SkipReason
from providers.contract import Message


def window(size: int = 4) -> Window:
    made = Window.of(Claim(1, uuid4(), 1, 1, size, 0, 0, "running"))
    made.marked_to = size
    made.recipients = {place: (place + 100, place + 200) for place in range(size)}
    return made


def messages(size: int = 4) -> list[Message]:
    return [Message(place, f"1-{place}", "a@example.test", {}) for place in range(size)]


SENT = Fate(Outcome.SENT, attempts=1, at=10.0)


def test_places_are_settled_up_to_the_first_open_one() -> None:
    made = window()
    made.fates = {0: SENT, 1: SENT, 3: SENT}
    assert made.settled_to == 2


def test_what_was_recorded_while_the_rest_was_sent_is_not_sent_again() -> None:
    made = window()
    made.fates = {0: SENT, 1: SENT, 3: SENT}
    made.forget(2)
    assert [message.index for message in unsettled(messages(), made)] == [2]


def test_rows_counts_and_reasons_agree() -> None:
    made = window()
    made.fates = {
        0: SENT,
        1: skipped(SkipReason.SUPPRESSED),
        2: Fate(Outcome.FAILED, "rejected", attempts=1, dead_address=True),
        3: parked("retry", 60, attempts=1),
    }
    recorded = record(made, stop=4, clock=1_000_000_000, now=11.5)
    assert [(row.contact_id, row.address_id, row.outcome, row.sent_at) for row in recorded.rows] == [
        (100, 200, 1, 998_500_000),
        (101, 201, 2, None),
        (102, 202, 3, None),
    ]
    assert recorded.counts == {"sent": 1, "skipped": 1, "failed": 1, "parked": 1}
    assert [(one.contact_id, one.attempt, one.reason) for one in recorded.parked] == [(103, 1, "retry")]
    assert recorded.dead_addresses == [202]
    before = {"skipped": {"suppressed": 1}}
    assert with_reasons(before, recorded) == {"skipped": {"suppressed": 2}, "failed": {"rejected": 1}}


def test_a_reservation_is_freed_unless_something_was_handed_over() -> None:
    made = window()
    made.reserved = {100, 101, 102}
    made.fates = {
        0: SENT,
        1: Fate(Outcome.FAILED, "rejected"),
        2: Fate(Outcome.UNKNOWN, attempts=1),
        3: parked("retry", 1, attempts=1),
    }
    assert record(made, stop=4, clock=0, now=0).freed == {101}
