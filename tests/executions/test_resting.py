"""The alarm clock: a thread of the worker's main process, which forks children at any moment."""

import os
import threading

import pytest
import redis
from django.conf import settings

from executions.delivery import resting
from executions.delivery.rates import ALARMS
from executions.delivery.resting import start_alarm_clock

LONG_SECONDS = 60.0


@pytest.fixture
def due_alarm() -> None:
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete(ALARMS)
    client.zadd(ALARMS, {"7": 0})
    client.close()


@pytest.mark.usefixtures("due_alarm")
def test_a_child_is_never_forked_while_an_alarm_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "SOCKET_SECONDS", LONG_SECONDS)  # an answer that is given up takes the alarm with it
    rings, go_on = threading.Event(), threading.Event()
    rung: list[int] = []
    forked = threading.Event()

    def ring(execution_id: int) -> None:
        rings.set()
        go_on.wait(LONG_SECONDS)
        rung.append(execution_id)

    def fork() -> None:
        pid = os.fork()
        if not pid:
            os._exit(0 if rung == [7] else 1)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        forked.set()

    statuses: list[int] = []
    stopped = start_alarm_clock({ALARMS: ring})
    assert rings.wait(LONG_SECONDS)
    threading.Thread(target=fork, daemon=True).start()
    go_on.set()
    assert forked.wait(LONG_SECONDS)
    stopped.set()
    assert statuses == [0]
