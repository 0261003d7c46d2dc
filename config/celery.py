"""The Celery application: `celery -A config worker` and `celery -A config beat`."""

import gc
import os
import platform
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_process_init, worker_process_shutdown, worker_ready

from common.alarms import TRIGGERS
from config import broker_channel

# New objects before the youngest are searched for cycles; a chunk of 500 messages makes some ten thousand.
GARBAGE_THRESHOLD = 50_000

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

broker_channel.mend()
app = Celery("volley")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def _worker_is_alive(sender: Any, **_: object) -> None:
    from executions.delivery.heartbeat import start_heart  # Django has no apps yet when this module is imported
    from executions.delivery.rates import ALARMS
    from executions.delivery.resting import start_alarm_clock
    from executions.enqueue import enqueue_promoting, enqueue_waking

    start_heart("worker", instance=sender.hostname, capacity=sender.controller.concurrency)
    start_alarm_clock({ALARMS: enqueue_waking, TRIGGERS: enqueue_promoting})


@beat_init.connect
def _beat_is_alive(**_: object) -> None:
    from executions.delivery.heartbeat import start_heart

    start_heart("beat", instance=platform.node())


@worker_process_init.connect
def _child_begins(**_: object) -> None:
    """Messages hold no cycles, so collecting them as often as Python does by default was a tenth of their cost."""
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)


@worker_process_shutdown.connect
def _child_ends(**_: object) -> None:
    from executions.delivery.runtime import close_runtime

    close_runtime()
