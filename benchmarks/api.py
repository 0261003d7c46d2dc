"""A caller of the API over HTTP, with nothing of Volley in it."""

import json
import time
import urllib.request
from typing import Any

ENDED = ("finished", "cancelled", "failed", "rejected")


class Api:
    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Raises HTTPError for anything but a 2xx."""
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}{path}", sent, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def create(self, template_id: int, *, purpose: str = "marketing") -> int:
        body = {"type": "email", "name": "Benchmark", "template_id": template_id, "purpose": purpose}
        return int(self.call("POST", "/api/v1/campaigns", body)["campaign_id"])

    def execute(self, campaign_id: int, list_id: int) -> int:
        body = {"audience": {"type": "list", "id": list_id}}
        return int(self.call("POST", f"/api/v1/campaigns/{campaign_id}/execute", body)["execution_id"])

    def execution(self, execution_id: int) -> Any:
        return self.call("GET", f"/api/v1/executions/{execution_id}")

    def cancel(self, execution_id: int) -> None:
        self.call("POST", f"/api/v1/executions/{execution_id}/cancel", {})

    def wait(self, execution_id: int, *, every: float, within: float = 3600.0) -> Any:
        """The execution once it has ended. Raises TimeoutError."""
        ends = time.monotonic() + within
        while time.monotonic() < ends:
            found = self.execution(execution_id)
            if found["state"] in ENDED:
                return found
            time.sleep(every)
        raise TimeoutError(f"Execution {execution_id} did not end within {within:g} s.")
