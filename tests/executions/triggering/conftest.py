from datetime import UTC, datetime, timedelta

import pytest

from executions.triggering import promoting


@pytest.fixture(autouse=True)
def one_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that runs while an hour ends is in one hour all the same: in the next one, whose executions are open."""
    coming = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    found = promoting._hour
    monkeypatch.setattr(promoting, "_hour", lambda uses, now: max(found(uses, now), coming))
