"""An event that was answered with 200 is there, whatever process is killed."""

import json
import threading
import urllib.error
import urllib.request
from functools import partial

from audiences.models import Event
from tests.audiences.events.sdk_client import basic
from tests.factories import make_app, make_write_key
from tests.running.processes import Stack
from tests.waiting import wait_until
from workspaces.models import Workspace

BATCH = 50
KILLS = 3


class Sender(threading.Thread):
    """Sends batch after batch, each under names of its own, and remembers those that were taken."""

    def __init__(self, url: str, key: str, name: str) -> None:
        super().__init__()
        self.url, self.key, self.label = url, key, name
        self.taken: set[str] = set()
        self.failed = 0
        self.enough = threading.Event()

    def run(self) -> None:
        number = 0
        while not self.enough.is_set():
            number += 1
            names = [f"{self.label}-{number}-{place}" for place in range(BATCH)]
            try:
                self._send(names)
            except OSError:
                self.failed += 1
                self.enough.wait(0.05)
            else:
                self.taken.update(names)

    def _send(self, names: list[str]) -> None:
        """Raises OSError for anything but a 200."""
        batch = [{"type": "track", "event": "a", "userId": "user-1", "messageId": name} for name in names]
        headers = {"Authorization": basic(self.key), "Content-Type": "application/json"}
        body = json.dumps({"batch": batch}).encode()
        request = urllib.request.Request(f"{self.url}/v1/batch", body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                raise OSError(str(refused.code)) from refused
        except Exception as broken:  # a connection can end in the middle of an answer in many ways
            raise OSError(str(broken)) from broken


def _have_taken(senders: list[Sender], goal: int) -> bool:
    return all(len(sender.taken) >= goal for sender in senders)


def _failed(senders: list[Sender]) -> int:
    return sum(sender.failed for sender in senders)


def _have_failed_since(senders: list[Sender], before: int) -> bool:
    return _failed(senders) > before


def test_no_accepted_event_is_lost_when_the_web_server_is_killed(stack: Stack, workspace: Workspace) -> None:
    key = make_write_key(make_app(workspace, "shop-web")).key
    senders = [Sender(stack.url, key, name) for name in ("a", "b", "c")]
    for sender in senders:
        sender.start()
    try:
        for kill in range(1, KILLS + 1):
            goal = kill * 5 * BATCH
            wait_until(partial(_have_taken, senders, goal), "batches are taken")
            before = _failed(senders)
            stack.web.kill()
            wait_until(partial(_have_failed_since, senders, before), "somebody has noticed")
            stack.web.start()
            stack.wait_for_web()
    finally:
        for sender in senders:
            sender.enough.set()
        for sender in senders:
            sender.join()
    taken = set.union(*(sender.taken for sender in senders))
    kept = list(Event.objects.filter(workspace_id=workspace.pk).values_list("message_id", flat=True))
    assert _failed(senders) >= KILLS
    assert taken <= set(kept)
    assert len(kept) == len(set(kept))
