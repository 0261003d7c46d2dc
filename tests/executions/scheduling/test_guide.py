"""The calls of the guide's page on scheduling are run, and answer what it says."""

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns.models import Campaign
from tests.api_client import Api
from tests.factories import make_campaign, make_contact
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
WRITTEN_FOR = date(2026, 12, 24)


def _soon(text: str) -> str:
    """With its days so many weeks later that they are to come: schedules refuse what is past."""
    weeks = (date.today() + timedelta(days=31) - WRITTEN_FOR).days // 7 + 1  # noqa: DTZ011
    return re.sub(
        r"\d{4}-\d\d-\d\d(?=[T\"])", lambda day: str(date.fromisoformat(day[0]) + timedelta(weeks=weeks)), text
    )


PAGE = _soon((Path(__file__).parents[3] / "docs" / "guide" / "scheduling.md").read_text())
CALLS: list[tuple[Any, Any]] = [
    (json.loads(body), json.loads(answer))
    for body, answer in re.findall(r"CAMPAIGN/execute\".*?-d '(\{.*?\})'\n```.*?```json\n(.*?)```", PAGE, re.DOTALL)
]


@pytest.fixture
def campaign(workspace: Workspace) -> Campaign:
    for zone in ("Asia/Tokyo", "", ""):
        make_contact(workspace, timezone=zone)
    return make_campaign(workspace)


def test_the_page_has_calls() -> None:
    assert len(CALLS) == 3


@pytest.mark.parametrize(("body", "expected"), CALLS)
def test_a_call_answers_what_the_page_says(
    api: Api, campaign: Campaign, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    answer = api.post(f"/api/v1/campaigns/{campaign.pk}/execute", body)
    assert answer.status_code == 200, answer.content
    assert {name: answer.json().get(name) for name in expected} == expected
