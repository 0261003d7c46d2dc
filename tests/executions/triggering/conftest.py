from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.conf import settings

from common import alarms
from executions.triggering import promoting


@pytest.fixture(autouse=True)
def one_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that runs while an hour ends is in one hour all the same: in the next one, whose executions are open."""
    coming = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    found = promoting._hour
    monkeypatch.setattr(promoting, "_hour", lambda uses, now: max(found(uses, now), coming))


@pytest.fixture(autouse=True)
def patient_alarms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A busy machine is no silent Valkey, and one that another test found silent is asked again."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    script = client.register_script(alarms.SET_ALARM)
    monkeypatch.setattr(alarms, "_client", lambda: client)
    monkeypatch.setattr(alarms, "_script", lambda: script)
    monkeypatch.setattr(alarms, "_silent_until", 0.0)
    yield
    client.close()
