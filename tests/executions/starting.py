"""Launches as a test asks for them."""

from typing import Any

import pytest

from campaigns.models import Campaign
from common.authorship import SYSTEM, Actor
from common.errors import Invalid
from executions.launching.launch import Launched, launch
from executions.launching.request import LaunchRequest
from executions.models import Execution


def start(campaign: Campaign, audience: Any, *, actor: Actor = SYSTEM, **more: Any) -> Launched:
    return launch(campaign=campaign, request=LaunchRequest(audience=audience, **more), actor=actor)


def refused(campaign: Campaign, audience: Any, **more: Any) -> dict[str, str]:
    """The codes of a refusal by field; nothing may have been written."""
    with pytest.raises(Invalid) as raised:
        start(campaign, audience, **more)
    assert Execution.objects.filter(campaign=campaign).count() == 0
    return {error.field: error.code for error in raised.value.errors}
