"""Files of contacts, while whoever takes or imports them is killed."""

import contextlib
import http.client
import time
from collections import Counter
from typing import Any
from uuid import UUID

from tests.chaos.audit import Expected, Row, judge_outcomes
from tests.chaos.campaign import Campaign, new_log
from tests.chaos.holding import table_held
from tests.chaos.rig import end_process
from tests.chaos.scene import Scene, fault
from tests.waiting import wait_until

ROWS = 12_000
CHUNK = 5_000
KILLS = 2


@fault("web killed while it takes a file, SIGKILL to who imports it: each row is imported once", short=False)
def import_kills(scene: Scene) -> Row:
    campaign = Campaign.made(scene.rig, people=1, log=new_log(scene.rig))
    file = _file()
    _half_sent(scene, campaign, file)
    upload = _upload(campaign, file)
    worst = 0.0
    for n in range(KILLS):
        with table_held(scene.rig, "audiences_contact") as held_up:
            end_process(wait_until(held_up, "a worker is in the middle of a chunk", within=120))
            if n == 0:
                scene.rig.stack.web.kill()
            token = _token(scene, upload["upload_id"])
        worst = max(worst, _taken_on(scene, upload["upload_id"], token))
    scene.rig.stack.web.start()
    scene.rig.stack.wait_for_web()
    done = wait_until(lambda: _ended(campaign, upload), "the import ends", within=240)
    return _audit(campaign, file, done, worst)


def _file() -> bytes:
    lines = (f"row{n},row{n}@example.test" for n in range(ROWS))
    return "\n".join(["external_id,email", *lines]).encode()


def _half_sent(scene: Scene, campaign: Campaign, file: bytes) -> None:
    """A client that never gets an answer, as web is killed while it sends."""
    connection = http.client.HTTPConnection("127.0.0.1", scene.rig.stack.port, timeout=60)
    connection.putrequest("POST", "/api/v1/uploads")
    for name, value in _headers(campaign, len(file)).items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(file[: scene.dice.randrange(1, len(file))])
    scene.rig.stack.web.kill()
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection.send(file)
    connection.close()
    scene.rig.stack.web.start()
    scene.rig.stack.wait_for_web()


def _headers(campaign: Campaign, length: int) -> dict[str, str]:
    return {"Authorization": campaign.client.key, "Content-Type": "text/csv", "Content-Length": str(length)}


def _upload(campaign: Campaign, file: bytes) -> Any:
    """Twice, as a client does that had no answer the first time: it is the same upload."""
    answers = [campaign.client.request("POST", "/api/v1/uploads", file, **{"Content-Type": "text/csv"}) for _ in "12"]
    first, second = (answer.json() for answer in answers)
    assert (first["repeated"], second["repeated"]) == (False, True), answers
    assert first["upload_id"] == second["upload_id"]
    return first


def _token(scene: Scene, upload_id: int) -> UUID | None:
    """Whose the import is."""
    found: list[tuple[UUID | None]] = scene.rig.ask(_TOKEN, [upload_id])
    return found[0][0]


_TOKEN = "SELECT lease_token FROM audiences_upload WHERE id = %s"


def _taken_on(scene: Scene, upload_id: int, token: UUID | None) -> float:
    """Seconds until another goes on with it."""
    begun = time.monotonic()
    wait_until(
        lambda: _token(scene, upload_id) not in (None, token),
        "the import goes on",
        within=240,
        explain=scene.rig.stack.worker.tail,
    )
    return time.monotonic() - begun


def _ended(campaign: Campaign, upload: Any) -> Any:
    answer = campaign.client.request("GET", upload["url"])
    return answer.json() if answer.status == 200 and answer.json()["state"] in ("finished", "failed") else None


def _audit(campaign: Campaign, file: bytes, done: Any, worst: float) -> Row:
    """Each row of the file is one contact with its address, and the upload's counts say so."""
    there = Counter(value for (value,) in campaign.rig.ask(_THERE, [campaign.world.workspace_id]))
    wanted = {line.partition(",")[2] for line in file.decode().splitlines()[1:]}
    row = Row(audience=len(wanted), recovery=worst, note=f"{KILLS} kills, {done['rows_read']} rows read")
    row.lost = len(wanted - there.keys())
    row.duplicates = sum(times - 1 for times in there.values())
    row.require(row.lost == 0, f"{row.lost} rows of the file are nobody")
    row.require(row.duplicates == 0, f"{row.duplicates} people are there twice")
    counts = {name: done[name] for name in ("state", "rows_read", "created", "updated", "rejected_count")}
    expected = {"state": "finished", "rows_read": ROWS, "created": ROWS, "updated": 0, "rejected_count": 0}
    row.require(counts == expected, f"the upload says {counts}")
    judge_outcomes(Expected(recovery=worst), row)
    return row


_THERE = "SELECT value FROM audiences_address WHERE workspace_id = %s AND value LIKE 'row%%'"
