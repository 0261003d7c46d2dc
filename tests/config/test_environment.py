"""Settings out of the environment: what can't be meant is refused when Volley starts."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.environment import at_least

NAME = "VOLLEY_A_NUMBER"


@pytest.mark.parametrize(("given", "says"), [("0", "is 0; it is at least 1"), ("11", "is 11; it is at most 10")])
def test_a_number_out_of_its_bounds_is_refused(given: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, given)
    with pytest.raises(ImproperlyConfigured, match=says):
        at_least(NAME, 5, least=1, most=10)


def test_a_number_within_its_bounds_is_taken_and_none_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert at_least(NAME, 5, least=1, most=10) == 5
    monkeypatch.setenv(NAME, "10")
    assert at_least(NAME, 5, least=1, most=10) == 10
