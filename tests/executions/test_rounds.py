import pytest

from executions.delivery.rounds import LONGEST_ROUND_SECONDS, ROUND_SECONDS, Round


def test_a_quick_provider_has_short_rounds() -> None:
    this = Round()
    assert this.learn(first=0.01, lasted=0.5)
    assert this.seconds == ROUND_SECONDS


def test_a_slow_one_is_given_twice_as_long_until_it_takes_something() -> None:
    this = Round()
    found = []
    for _ in range(4):
        assert this.learn(first=None, lasted=9.5)
        found.append(this.seconds)
    assert found == [1.0, 2.0, 4.0, 8.0]


def test_the_next_round_lasts_until_its_first_message_can_be_handed_over() -> None:
    this = Round(4.0)
    this.learn(first=3.0, lasted=7.0)
    assert this.seconds == 2.0
    this.learn(first=3.0, lasted=4.5)
    assert this.seconds == 2.0
    this.learn(first=0.2, lasted=2.0)
    assert this.seconds == ROUND_SECONDS


def test_it_is_never_longer_than_the_lease_allows() -> None:
    this = Round(LONGEST_ROUND_SECONDS)
    this.learn(first=30.0, lasted=31.0)
    assert this.seconds == LONGEST_ROUND_SECONDS


@pytest.mark.parametrize("seconds", [ROUND_SECONDS, LONGEST_ROUND_SECONDS])
def test_a_round_that_was_cut_short_teaches_nothing(seconds: float) -> None:
    this = Round(seconds)
    assert this.learn(first=None, lasted=seconds / 2)
    assert this.seconds == seconds


def test_a_provider_that_takes_nothing_in_the_longest_round_is_hopeless() -> None:
    this = Round(LONGEST_ROUND_SECONDS)
    assert not this.learn(first=None, lasted=LONGEST_ROUND_SECONDS + 1)
