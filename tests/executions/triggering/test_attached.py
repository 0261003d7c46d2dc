"""What somebody did before they said who they are triggers too, once, when they say it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from audiences.events.models import Event, TriggerHit
from audiences.events.sdk.accepting import accept_messages
from audiences.models import Contact
from executions.models import TriggerActivation
from tests.executions.triggering.events import EVENT, activate, activated, make_triggered, work
from tests.executions.work import counts
from tests.factories import make_app
from workspaces.models import App, Workspace

pytestmark = pytest.mark.django_db(transaction=True)
SOMEBODY = "visitor-1"


@pytest.fixture
def app(workspace: Workspace) -> App:
    return make_app(workspace)


def track(app: App, **properties: Any) -> None:
    message = {"type": "track", "event": EVENT, "anonymousId": SOMEBODY, "properties": properties}
    assert accept_messages(app=app, messages=[message]).accepted == 1


def identify(app: App) -> None:
    traits = {"email": "ana@example.test"}
    message = {"type": "identify", "userId": "user-1", "anonymousId": SOMEBODY, "traits": traits}
    assert accept_messages(app=app, messages=[message]).accepted == 1


def sent(activation: TriggerActivation) -> list[dict[str, int]]:
    return [counts(execution) for execution in work(activation)]


def test_an_event_before_the_identify_triggers_when_it_comes(workspace: Workspace, app: App) -> None:
    activation = activated(workspace)
    track(app, sku="A1")
    assert sent(activation) == []
    identify(app)
    assert sent(activation) == [{"sent": 1}]
    identify(app)
    assert sent(activation) == [{"sent": 1}]


def test_its_conditions_are_asked(workspace: Workspace, app: App) -> None:
    wanted = {"name": "sku", "value_type": "text", "operator": "equals", "value": "A1"}
    activation = activated(workspace, conditions=[wanted])
    track(app, sku="B2")
    track(app, sku="A1")
    identify(app)
    assert sent(activation) == [{"sent": 1}]


def test_what_came_before_the_activation_triggers_nothing(workspace: Workspace, app: App) -> None:
    campaign = make_triggered(workspace)
    track(app)
    activation = activate(campaign)
    identify(app)
    assert sent(activation) == []


def test_what_happened_long_ago_triggers_nothing(workspace: Workspace, app: App) -> None:
    activation = activated(workspace)
    track(app)
    Event.objects.update(at=F("at") - timedelta(days=2))
    identify(app)
    assert sent(activation) == []


def test_the_delay_counts_from_the_event(workspace: Workspace, app: App) -> None:
    activated(workspace, delay_seconds=3_600)
    track(app)
    identify(app)
    [event, _identify] = Event.objects.order_by("id")
    hit = TriggerHit.objects.get()
    assert hit.due_at == event.received_at + timedelta(hours=1)
    assert (hit.contact_id, hit.event_id) == (Contact.objects.get().pk, event.id)
