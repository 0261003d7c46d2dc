"""The examples of docs/guide/events.md, run as they stand."""

import os
import re
import subprocess
from typing import Any

import pytest

from audiences.models import Event
from providers.models import SandboxMessage
from tests.factories import make_app, make_key, make_template, make_write_key
from tests.running.processes import ROOT, Stack
from tests.waiting import wait_until
from workspaces.models import Workspace

GUIDE = (ROOT / "docs" / "guide" / "events.md").read_text()


UPON_AN_EVENT = {
    "subject": "{{ event.sku }}",
    "html": '<p>{{ event.sku }}</p><a href="{{ unsubscribe_url }}">No more</a>',
    "text": "{{ event.sku }} {{ unsubscribe_url }}",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def write_key(workspace: Workspace) -> str:
    return make_write_key(make_app(workspace, "shop-web")).key


def names(workspace: Workspace) -> set[str]:
    return set(Event.objects.filter(workspace_id=workspace.pk).values_list("name", flat=True))


def test_the_calls_do_what_they_say(stack: Stack, workspace: Workspace, write_key: str) -> None:
    template = make_template(workspace, content=UPON_AN_EVENT)
    given = {
        "VOLLEY_URL": stack.url,
        "VOLLEY_API_KEY": make_key(workspace).plain,
        "VOLLEY_WRITE_KEY": write_key,
        "VOLLEY_TEMPLATE_ID": str(template.pk),
    }
    answers = []
    for block in blocks("sh"):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            env={**os.environ, **given},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, (block, done.stdout, done.stderr)
        answers.append(done.stdout)
    assert answers[0].strip() == blocks("json")[0].strip().replace('": ', '":').replace(', "', ',"')
    assert '"rejected_count":1' in answers[1]
    assert '"order_placed"' in answers[2]
    told = {"order_placed", "app_opened", "price_dropped", "cart_left", "price_fell", "identify", "cart_updated"}
    assert names(workspace) == told
    wait_until(lambda: who_got_it(workspace) == ["ana@example.test", "cleo@example.test"], "both campaigns are sent")


def who_got_it(workspace: Workspace) -> list[str]:
    return sorted(SandboxMessage.objects.filter(workspace_id=workspace.pk).values_list("address", flat=True))


def test_the_python_of_the_page_runs(stack: Stack, workspace: Workspace, write_key: str) -> None:
    (code,) = blocks("python")
    known: dict[str, Any] = {"write_key": write_key, "volley_url": stack.url}
    exec(compile(code, "docs/guide/events.md", "exec"), known)
    assert names(workspace) == {"identify", "order_placed"}
