"""The audit finds what it is there to find."""

from collections import Counter

from tests.chaos.audit import Expected, Row, judge_caps, judge_outcomes, judge_receiver


def judged(accepted: dict[str, int], told: dict[str, int], counts: dict[str, int], expected: Expected) -> Row:
    row = Row(counts=Counter(counts))
    judge_receiver(Counter(accepted), Counter(told), expected, row)
    judge_outcomes(expected, row)
    return row


def test_books_that_agree_are_in_order() -> None:
    row = judged({"a": 1, "b": 1}, {"a": 1, "?b": 1, "?c": 1}, {"sent": 1, "unknown": 2}, Expected(unknown_at_most=2))
    assert row.ok
    assert (row.lost, row.duplicates) == (0, 0)


def test_two_messages_to_one_are_found() -> None:
    row = judged({"a": 2}, {"a": 1}, {"sent": 1}, Expected())
    assert row.duplicates == 1
    assert not row.ok


def test_two_executions_may_send_to_one_twice_but_not_three_times() -> None:
    expected = Expected(each_at_most=2)
    assert judged({"a": 2}, {"a": 2}, {"sent": 2}, expected).ok
    assert judged({"a": 3}, {"a": 2}, {"sent": 2}, expected).duplicates == 1


def test_one_called_sent_whom_nobody_accepted_is_lost() -> None:
    row = judged({}, {"a": 1}, {"sent": 1}, Expected())
    assert row.lost == 1
    assert not row.ok


def test_one_accepted_whom_the_ledger_calls_skipped_is_found() -> None:
    assert not judged({"a": 1}, {}, {"skipped": 1}, Expected(skipped=1)).ok


def test_more_in_doubt_than_can_be_is_found() -> None:
    assert not judged({}, {"?a": 1, "?b": 1}, {"unknown": 2}, Expected(unknown_at_most=1)).ok


def test_failures_nobody_expects_are_found() -> None:
    assert not judged({}, {}, {"failed": 1}, Expected()).ok
    assert judged({}, {}, {"failed": 1}, Expected(failed=1)).ok


def test_a_late_recovery_is_found() -> None:
    assert judged({}, {}, {}, Expected(recovery=14.9)).ok
    assert not judged({}, {}, {}, Expected(recovery=15.1)).ok


def capped(uses: dict[int, list[int]], reached: dict[int, set[int]]) -> list[str]:
    row = Row()
    judge_caps(1, uses, reached, row)
    return row.wrong


def test_caps_that_count_whoever_was_sent_to_are_in_order() -> None:
    assert capped({1: [7], 2: []}, {1: {7}}) == []


def test_a_cap_that_is_exceeded_or_forgets_somebody_or_counts_too_many_is_found() -> None:
    assert "over the cap" in capped({1: [7, 8]}, {1: {7, 8}})[0]
    assert "not counted" in capped({}, {1: {7}})[0]
    assert "not sent to" in capped({1: [7]}, {})[0]
