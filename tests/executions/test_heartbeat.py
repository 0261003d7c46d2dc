import threading

import pytest
from pytest_django import Settings

from executions.delivery import heartbeat
from executions.delivery.heartbeat import beat, silent_components, start_heart
from executions.models import Heartbeat

pytestmark = pytest.mark.django_db(transaction=True)


def test_everything_is_silent_before_it_speaks_but_valkey_can_be_asked() -> None:
    assert silent_components() == ["worker", "beat"]


def test_a_worker_speaks_for_valkey_too() -> None:
    beat("worker", instance="one", capacity=2)
    beat("beat", instance="one")
    assert silent_components() == []
    assert Heartbeat.objects.get(component="worker").capacity == 2


def test_what_was_not_heard_of_for_half_a_minute_is_silent() -> None:
    beat("worker", instance="one")
    beat("beat", instance="one")
    Heartbeat.objects.filter(component="beat").update(seen_at="2020-01-01T00:00:00Z")
    assert silent_components() == ["beat"]


def test_a_silent_valkey_is_named(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    beat("worker", instance="one")
    assert silent_components() == ["beat", "valkey"]


def test_a_heart_beats_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.01)
    stopped = start_heart("beat", instance="here")
    while not Heartbeat.objects.filter(component="beat").exists():
        pass
    stopped.set()
    for thread in threading.enumerate():
        if thread.name == "heart":
            thread.join()
