"""A client that speaks the API the way a server does: JSON both ways, a key in the header."""

import json
from typing import Any

from django.test import Client

from tests.factories import make_key
from workspaces.models import Workspace


class Api:
    """`api.post("/api/v1/campaigns", {...})`; `headers` as on the wire. 5xx answers are returned, not raised."""

    def __init__(self, key: str | None) -> None:
        self.key = key
        self.client = Client(raise_request_exception=False)

    @classmethod
    def of(cls, workspace: Workspace, *scopes: str) -> "Api":
        """A client with a new key of the workspace; all scopes unless some are named."""
        return cls((make_key(workspace, scopes) if scopes else make_key(workspace)).plain)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """`body` is sent as it is when bytes, as JSON otherwise. The answer has `.json()` and `.status_code`."""
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        named = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return self.client.generic(method, path, sent, content_type=content_type, headers={**named, **(headers or {})})

    def get(self, path: str, **more: Any) -> Any:
        return self.request("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.request("POST", path, {} if body is None else body, **more)

    def patch(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.request("PATCH", path, {} if body is None else body, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> Any:
        return self.request("PUT", path, {} if body is None else body, **more)

    def delete(self, path: str, **more: Any) -> Any:
        return self.request("DELETE", path, **more)
