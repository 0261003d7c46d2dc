"""A walk over every address of the API and every method: what is foreign stays so, and no input breaks anything."""

import copy
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator

from tests.api.routes import Route, every_route, pairs
from tests.api.rows import make_one_of_each
from tests.api_client import Api
from tests.factories import make_key, make_workspace
from workspaces import authentication
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db
ALL = ("GET", "POST", "PUT", "PATCH", "DELETE")
WRITES = ("POST", "PUT", "PATCH")
MARK = "XyzzyOther"


class Full(NamedTuple):
    """A workspace with one of each, and a key of it."""

    workspace_id: int
    key: str
    ids: dict[str, Any]


@pytest.fixture(scope="module")
def full(shared_rows: None) -> Full:
    workspace = make_workspace()
    return Full(workspace.pk, make_key(workspace).plain, make_one_of_each(workspace, MARK))


@pytest.fixture(scope="module")
def empty(shared_rows: None) -> str:
    """A key of a workspace with nothing in it."""
    return make_key(make_workspace()).plain


@pytest.fixture(autouse=True)
def uses_are_noted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of the database stands still in the file's transaction: after a minute each use would be noted anew."""
    monkeypatch.setattr(authentication, "LAST_USED_EVERY", timedelta(days=1))


@pytest.fixture
def ids(full: Full) -> dict[str, Any]:
    return dict(full.ids)


@pytest.fixture
def api(full: Full) -> Api:
    return Api(full.key)


@pytest.fixture
def workspace(full: Full) -> Workspace:
    return Workspace.objects.get(pk=full.workspace_id)


@pytest.fixture
def stranger(empty: str) -> Api:
    """Somebody to whom all of it is foreign."""
    return Api(empty)


def test_the_walk_finds_the_api() -> None:
    paths = {route.path for route in every_route()}
    assert {"api/v1/campaigns", "api/v1/campaigns/{campaign_id}", "api/v1/templates/{template_id}/preview"} <= paths


@pytest.mark.parametrize(("route", "method"), pairs(*ALL))
def test_without_a_key_nothing_is_told(route: Route, method: str, ids: dict[str, Any]) -> None:
    answer = Api(None).request(method, route.filled(ids), {})
    assert answer.status_code == 401
    assert MARK.lower() not in answer.content.decode().lower()


@pytest.mark.parametrize(("route", "method"), pairs(*ALL))
def test_a_key_without_scopes_opens_nothing(
    route: Route, method: str, workspace: Workspace, api: Api, ids: dict[str, Any]
) -> None:
    workspace.api_keys.update(scopes=[])
    answer = api.request(method, route.filled(ids), {})
    assert answer.status_code == 403
    assert MARK.lower() not in answer.content.decode().lower()


@pytest.mark.parametrize(("route", "method"), [case for case in pairs(*ALL) if case.values[0].parameters])
def test_foreign_and_absent_ids_are_not_found_alike(
    route: Route, method: str, stranger: Api, ids: dict[str, Any]
) -> None:
    absent = dict.fromkeys(ids, 999_999_999_999_999_999)
    answers = [stranger.request(method, route.filled(asked), {}) for asked in (ids, absent)]
    assert [answer.status_code for answer in answers] == [404, 404], answers[0].content
    told = [{**answer.json(), "request_id": "", "instance": ""} for answer in answers]
    assert told[0] == told[1]


@pytest.mark.parametrize(("route", "method"), [case for case in pairs("GET") if not case.values[0].parameters])
def test_lists_tell_nothing_of_other_workspaces(route: Route, method: str, stranger: Api, full: Full) -> None:
    answer = stranger.get(f"/{route.path}")
    assert answer.status_code == 200
    assert answer.json()["results"] == []


@pytest.mark.parametrize(("route", "method"), [case for case in pairs(*ALL) if case.values[0].parameters])
def test_strange_ids_are_not_found(route: Route, method: str, api: Api) -> None:
    for strange in ("0", "9" * 18, "9" * 40, "-1", "1.5", "abc", "%00", "%FF", "١", "1%20OR%201=1"):
        path = route.filled(dict.fromkeys(route.parameters, strange))
        assert api.request(method, path, {}).status_code == 404, path


@pytest.mark.parametrize("route", every_route(), ids=lambda route: route.path)
def test_no_method_breaks_it(route: Route, api: Api, ids: dict[str, Any]) -> None:
    path = route.filled(ids)
    taken = {*route.methods, "OPTIONS", *(["HEAD"] if "GET" in route.methods else [])}
    for method in ("HEAD", "OPTIONS", "TRACE", "PROPFIND", "PUT", "GET", "POST", "PATCH", "DELETE"):
        answer = api.request(method, path)
        if method in taken:
            assert answer.status_code < 500, method
        else:
            assert answer.status_code == 405, method
            assert set(route.methods) <= set(answer["Allow"].split(", "))


@pytest.mark.parametrize(("route", "method"), pairs(*ALL))
def test_the_slash_at_the_end_changes_nothing(route: Route, method: str, api: Api) -> None:
    ids = dict.fromkeys(route.parameters, 0)
    bare, slashed = (api.request(method, route.filled(ids) + end, {}).status_code for end in ("", "/"))
    assert bare == slashed
    assert bare < 500
    assert bare not in (301, 302, 307, 308)


UNREADABLE = {
    "malformed": b'{"type": ',
    "NUL": b'{"type": "em\\u0000ail"}',
    "raw NUL": b'{"type": "em\x00ail"}',
    "invalid UTF-8": b'{"type": "\xff\xfe"}',
    "lone surrogate": b'{"type": "\\ud800"}',
    "NaN": b'{"type": NaN}',
    "huge integer": b'{"type": 123456789012345678901234567890}',
    "deep": b'{"type": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "array": b"[1, 2, 3]",
    "text": b'"text"',
}


@pytest.mark.parametrize(("route", "method"), pairs(*WRITES))
def test_a_body_that_can_not_be_read_is_refused(route: Route, method: str, api: Api, ids: dict[str, Any]) -> None:
    path = route.filled(ids)
    found = {name: api.request(method, path, raw).status_code for name, raw in UNREADABLE.items()}
    # An address that reads no JSON says so, and one event of many that can't be kept is refused alone.
    assert set(found.values()) <= ({400, 422} if route.path == "api/v1/events" else {400, 415}), found


@pytest.mark.parametrize(("route", "method"), pairs(*WRITES))
def test_a_body_that_is_too_large_is_refused(route: Route, method: str, api: Api, ids: dict[str, Any]) -> None:
    path = route.filled(ids)
    assert api.request(method, path, b'{"a":"' + b"x" * 17_000_000 + b'"}').status_code in (413, 415)


@pytest.mark.parametrize(("route", "method"), pairs(*WRITES))
def test_a_media_type_that_is_not_read_is_refused(route: Route, method: str, api: Api, ids: dict[str, Any]) -> None:
    path = route.filled(ids)
    answer = api.request(method, path, b"<a/>", content_type="text/xml")
    assert answer.status_code == 415
    assert "Send Content-Type: " in answer.content.decode()


STRANGE: list[Any] = [
    None,
    True,
    -1,
    2**63 - 1,
    1e308,
    "",
    "x" * 70_000,
    "\x7f\u202e😀",
    [],
    {},
    [[]],
    {"a": {"b": []}},
]


@pytest.mark.parametrize(("route", "method"), pairs(*WRITES))
def test_no_value_of_any_field_breaks_it(
    route: Route, method: str, api: Api, ids: dict[str, Any], schema: dict[str, Any]
) -> None:
    """Each field of the described examples, replaced by each strange value in turn."""
    for example in examples_of(schema, route, method):
        for body in replaced(example):
            answer = api.request(method, route.filled(ids), body)
            assert answer.status_code < 500, (body, answer.content)


@pytest.mark.parametrize(("route", "method"), pairs(*WRITES))
def test_an_unknown_field_is_refused(
    route: Route, method: str, api: Api, ids: dict[str, Any], schema: dict[str, Any]
) -> None:
    if route.path.startswith("campaign/") or not takes_json(schema, route, method):
        return
    answer = api.request(method, route.filled(ids), {"no_such_field": 1})
    assert answer.status_code == 422
    assert ("no_such_field", "unknown_field") in [(one["field"], one["code"]) for one in answer.json()["errors"]]


@pytest.mark.parametrize(("route", "method"), pairs("GET"))
def test_no_query_breaks_it(route: Route, method: str, api: Api, ids: dict[str, Any], schema: dict[str, Any]) -> None:
    path = route.filled(ids)
    known = [one["name"] for one in operation(schema, route, method).get("parameters", []) if one["in"] == "query"]
    for name in {*known, "limit", "cursor", "unheard_of"}:
        for value in ("%00", "%FF", "-1", "9" * 30, "x" * 5_000, "WzAsLTFd", "WyIxIiwiMiJd", "%F0%9F%98%80", "[]", "'"):
            answer = api.get(f"{path}?{name}={value}")
            assert answer.status_code < 500, (name, value, answer.content)


@pytest.mark.parametrize(("route", "method"), [case for case in pairs("GET") if not case.values[0].parameters])
def test_a_long_list_takes_no_more_queries_than_a_short_one(
    route: Route, method: str, workspace: Workspace, api: Api
) -> None:
    api.get(f"/{route.path}")
    counts = []
    for more in ((), ("two",), ("three",)):
        for name in more:
            make_one_of_each(workspace, name)
        with CaptureQueriesContext(connection) as queries:
            answer = api.get(f"/{route.path}")
        assert answer.status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[-1] <= 8


@pytest.mark.parametrize(("route", "method"), [case for case in pairs("GET") if case.values[0].parameters])
def test_reading_one_takes_few_queries(route: Route, method: str, api: Api, ids: dict[str, Any]) -> None:
    path = route.filled(ids)
    api.get(path)
    with CaptureQueriesContext(connection) as queries:
        assert api.get(path).status_code in (200, 404)
    assert len(queries) <= 8


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


def operation(schema: dict[str, Any], route: Route, method: str) -> dict[str, Any]:
    found: dict[str, Any] = schema["paths"]["/" + route.path][method.lower()]
    return found


def takes_json(schema: dict[str, Any], route: Route, method: str) -> bool:
    body = operation(schema, route, method).get("requestBody")
    return body is None or "application/json" in body["content"]


def examples_of(schema: dict[str, Any], route: Route, method: str) -> list[dict[str, Any]]:
    content = operation(schema, route, method).get("requestBody", {}).get("content", {})
    examples = content.get("application/json", {}).get("examples", {})
    return [example["value"] for example in examples.values()]


def replaced(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in paths_in(body, ()):
        for strange in STRANGE:
            changed = copy.deepcopy(body)
            at: Any = changed
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = strange
            yield json.loads(json.dumps(changed))


def paths_in(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    steps = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, child in steps:
        yield (*path, step)
        yield from paths_in(child, (*path, step))
