"""A caller of the API over real HTTP, with nothing of Volley in it."""

import json
import urllib.error
import urllib.request
from typing import Any

from tests.waiting import PATIENCE, wait_until

ENDED = ("finished", "cancelled", "failed", "rejected")


class Answer:
    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Authorization": self.key, "Content-Type": "application/json", **headers}
        request = urllib.request.Request(f"{self.url}{path}", sent, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON of a 200; anything else fails the test with the answer."""
        answer = self.request(method, path, body, **headers)
        assert answer.status == 200, f"{method} {path}: {answer.status} {answer.body[:2000]!r}"
        return answer.json()

    def create(self, **fields: Any) -> int:
        return int(
            self.ok("POST", "/api/v1/campaigns", {"type": "email", "name": "Spring news", **fields})["campaign_id"]
        )

    def execute(self, campaign_id: int, audience: dict[str, Any], **fields: Any) -> int:
        body = {"audience": audience, **fields}
        return int(self.ok("POST", f"/api/v1/campaigns/{campaign_id}/execute", body)["execution_id"])

    def execution(self, execution_id: int) -> Any:
        return self.ok("GET", f"/api/v1/executions/{execution_id}")

    def wait_for(self, execution_id: int, *states: str, within: float = PATIENCE) -> Any:
        """The execution once it is in one of the states; in any that ends it when none is named."""
        wanted = states or ENDED

        def arrived() -> Any:
            found = self.execution(execution_id)
            return found if found["state"] in wanted else None

        return wait_until(arrived, f"execution {execution_id} is {' or '.join(wanted)}", within=within)

    def deliveries(self, execution_id: int) -> list[Any]:
        """Every ledger row, page by page."""
        rows: list[Any] = []
        path: str | None = f"/api/v1/executions/{execution_id}/deliveries?limit=1000"
        while path:
            page = self.ok("GET", path)
            rows += page["results"]
            path = page["next"].removeprefix(self.url) if page["next"] else None
        return rows
