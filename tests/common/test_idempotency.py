"""What can't be shown by one client alone: two at once, and forgetting."""

from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.db.models.functions import Now

from campaigns.models import Campaign
from common.idempotency import lock_number
from common.models import IdempotencyKey
from common.tasks import tidy
from tests.api_client import Api
from workspaces.models import Workspace

URL = "/api/v1/campaigns"


@pytest.mark.django_db
def test_a_key_at_work_answers_409_at_once(workspace: Workspace, api: Api) -> None:
    scope = {"workspace_id": workspace.pk, "method": "POST", "path": URL, "key": "k1"}
    with psycopg.connect(**connection.get_connection_params() | {"context": None, "cursor_factory": None}) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [lock_number(scope)])
        answer = api.post(URL, {"type": "email"}, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.json()["code"]) == (409, "key_in_progress")
    assert answer["Retry-After"] == "1"
    assert not Campaign.objects.exists()
    assert api.post(URL, {"type": "email"}, headers={"Idempotency-Key": "k1"}).status_code == 200


@pytest.mark.django_db
def test_keys_older_than_two_days_are_forgotten(api: Api) -> None:
    for key in ("old", "new"):
        api.post(URL, {"type": "email"}, headers={"Idempotency-Key": key})
    IdempotencyKey.objects.filter(key="old").update(created_at=Now() - timedelta(hours=49))
    tidy()
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["new"]
