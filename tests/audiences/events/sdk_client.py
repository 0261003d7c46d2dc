"""A caller of the tracking API, as SDKs are."""

import base64
import json
from typing import Any

from django.test import Client

from workspaces.models import WriteKey


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


class Sdk:
    """`sdk.send("track", {...})` answers the response; 5xx answers are returned, not raised."""

    def __init__(self, key: WriteKey | None) -> None:
        self.key = key
        self.client = Client(raise_request_exception=False)

    def send(
        self,
        path: str,
        body: Any,
        *,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Any:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"Authorization": basic(self.key.key)} if self.key else {}
        return self.client.generic(
            "POST", f"/v1/{path}", sent, content_type=content_type, headers={**named, **(headers or {})}
        )

    def kept(self, path: str, body: Any, **more: Any) -> Any:
        answer = self.send(path, body, **more)
        assert answer.status_code == 200, answer.content
        return answer.json()
