"""Activating beside changes of the campaign: one of the two is refused."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from campaigns.services import archive_campaign, update_campaign
from common.authorship import SYSTEM
from common.errors import Conflict
from tests.executions.triggering.events import activate, make_triggered
from tests.waiting import PATIENCE, wait_until
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def somebody_waits() -> bool:
    """For a lock that this transaction holds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("change", "fields"), [(archive_campaign, {}), (update_campaign, {"trigger": {"event": "other"}})]
)
def test_a_change_waits_for_the_activation_and_is_refused(
    change: Callable[..., Any], fields: dict[str, Any], workspace: Workspace
) -> None:
    campaign, refused = make_triggered(workspace), []

    def attempt() -> None:
        try:
            change(campaign_id=campaign.pk, workspace_id=workspace.pk, actor=SYSTEM, **fields)
        except Conflict as error:
            refused.append(error.code)
        finally:
            connection.close()

    thread = threading.Thread(target=attempt)
    with transaction.atomic():
        activate(campaign)
        thread.start()
        wait_until(somebody_waits, "the change waits for the activation")
    thread.join(PATIENCE)
    assert refused == ["active"]
    campaign.refresh_from_db()
    assert campaign.state == "draft"
