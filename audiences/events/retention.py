"""Months of events: made ahead, and dropped whole when the youngest event in them has been kept long enough."""

import logging
import time
from datetime import date, timedelta

from django.conf import settings
from django.db import OperationalError

from audiences.events.models import TriggerHit
from audiences.events.recording import TABLE
from common.partitions import database_today, drop_partition, make_partitions, month_after, months_kept

logger = logging.getLogger(__name__)
# While it waits for those who read the table, those who write to it wait too: shortly, and rather more often.
WAIT_MS = 200
TRIES = 20
PAUSE_SECONDS = 1.0


def tend_months(today: date | None = None) -> list[date]:
    """Which months were dropped. One with an event that is still to be sent upon stays; one while the table is
    read all the time stays until the next time."""
    today = today or database_today()
    make_partitions([TABLE], today)
    oldest = today - timedelta(days=settings.EVENT_RETENTION_DAYS)
    waiting = set(TriggerHit.objects.values_list("received_month", flat=True).distinct())
    old = [month for month in months_kept(TABLE) if month_after(month) <= oldest and month not in waiting]
    return [month for month in old if _drop(month)]


def _drop(month: date) -> bool:
    for left in reversed(range(TRIES)):
        try:
            drop_partition(TABLE, month, wait_ms=WAIT_MS)
            break
        except OperationalError as busy:
            if not left:
                logger.warning("events of %s are kept a little longer: %s", month, busy)
                return False
            time.sleep(PAUSE_SECONDS)
    logger.info("events of %s were dropped: they are older than %s days", month, settings.EVENT_RETENTION_DAYS)
    return True
