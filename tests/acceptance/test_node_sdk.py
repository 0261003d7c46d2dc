"""Segment's SDK for Node, unchanged but for the host."""

import json
import subprocess

import pytest

from audiences.models import Address, Contact, Event
from tests.factories import make_app, make_write_key
from tests.running import npm
from tests.running.processes import Stack
from workspaces.models import Workspace

pytestmark = pytest.mark.node


def run(stack: Stack, key: str) -> list[str]:
    command = ["node", "server.mjs", stack.url, key]
    done = subprocess.run(command, cwd=npm.install(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    errors: list[str] = json.loads(done.stdout)
    return errors


def test_every_call_arrives(stack: Stack, workspace: Workspace) -> None:
    assert run(stack, make_write_key(make_app(workspace, "shop-server")).key) == []
    contact = Contact.objects.get(workspace=workspace)
    assert contact.external_id == "user-1"
    assert contact.attributes == {"first_name": "Zoë", "group_id": "acme"}
    assert Address.objects.get(contact=contact).value == "ana@example.test"
    events = {event.name: event for event in Event.objects.filter(workspace_id=workspace.pk)}
    expected = {"visited", "identify", "order_placed", "page", "screen", "group", "alias"}
    assert set(events) == expected | {f"counted {number}" for number in range(40)}
    assert {event.contact_id for event in events.values()} == {contact.pk}
    assert events["order_placed"].properties == {"total": 49.9}


def test_a_wrong_key_is_an_error_that_the_sdk_is_told(stack: Stack, workspace: Workspace) -> None:
    errors = run(stack, "wk_wrong")
    assert errors
    assert all("401" in error for error in errors)
