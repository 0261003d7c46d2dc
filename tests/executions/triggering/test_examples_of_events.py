"""Previews and test sends have the event of the template's sample."""

import pytest

from common.authorship import SYSTEM
from executions.launching.preview import preview_launch
from executions.launching.template_preview import preview_template
from executions.launching.test_sends import send_test
from providers.models import SandboxMessage
from tests.executions.triggering.events import CONTENT, EVENT, make_triggered
from tests.factories import make_contact, make_template
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)

SAMPLE = {"event": {"sku": "A1"}}


def test_a_preview_shows_the_samples_event(workspace: Workspace) -> None:
    template = make_template(workspace, content=CONTENT, sample=SAMPLE)
    campaign = make_triggered(workspace, campaign={"template": template})
    for seen in (
        preview_launch(campaign=campaign, contact=make_contact(workspace), personalization={}),
        preview_template(template=template, contact=None, personalization={}),
    ):
        assert seen["content"]["subject"] == "You left A1"
    launched = preview_launch(campaign=campaign, contact=None, personalization={})
    assert f"<p>{EVENT} A1</p>" in launched["content"]["html"]


def test_a_test_send_has_the_samples_event(workspace: Workspace) -> None:
    template = make_template(workspace, content=CONTENT, sample=SAMPLE)
    campaign = make_triggered(workspace, campaign={"template": template})
    [sent] = send_test(
        campaign=campaign, addresses=["ana@example.test"], contact=None, personalization={}, actor=SYSTEM
    )
    assert sent.ok
    assert SandboxMessage.objects.get(address="ana@example.test").content["subject"] == "[Test] You left A1"
