"""A triggered campaign can be launched by hand as well."""

import pytest

from executions.models import Execution
from tests.api_client import Api
from tests.executions.triggering.events import activate, make_triggered
from tests.executions.work import counts, deliver
from tests.factories import make_contact, make_template
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)
LINK = '<a href="{{ unsubscribe_url }}">No more</a>'


@pytest.mark.parametrize(
    ("subject", "outcome"), [("You left {{ event.sku }}", "skipped"), ("{{ event.sku | default: 'it' }}", "sent")]
)
def test_who_lacks_the_event_is_skipped_unless_there_is_a_default(
    subject: str, outcome: str, api: Api, workspace: Workspace
) -> None:
    content = {"subject": subject, "html": LINK, "text": "{{ unsubscribe_url }}"}
    campaign = make_triggered(workspace, campaign={"template": make_template(workspace, content=content)})
    activate(campaign)
    make_contact(workspace)
    answer = api.post(f"/api/v1/campaigns/{campaign.pk}/execute", {"audience": {"type": "all"}})
    assert answer.status_code == 200, answer.content
    execution = deliver(Execution.objects.get(pk=answer.json()["execution_id"]))
    assert counts(execution) == {outcome: 1}
