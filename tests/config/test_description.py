"""`/api/schema/` and `/api/docs/`."""

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from config import api_description
from config.problem_pages import PAGES
from tests.api.routes import every_route


@pytest.fixture(scope="module")
def schema() -> Any:
    return Client().get("/api/schema/").json()


def operations(schema: Any) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_is_openapi_31_without_a_warning() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_it_names_the_version(schema: Any) -> None:
    assert schema["openapi"].startswith("3.1")


def test_it_is_made_once_however_many_ask_at_once_and_in_nobodys_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """drf-spectacular's first two at once break each other."""
    made: list[object] = []
    parse: Any = SchemaGenerator.parse

    def counted(self: SchemaGenerator, *args: Any) -> Any:
        made.append(self)
        return parse(self, *args)

    monkeypatch.setattr(SchemaGenerator, "parse", counted)
    monkeypatch.setattr(api_description, "_made", {})
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: Client().get("/api/schema?version=other&lang=de"), range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert (len(made), answers[0].json()["info"]["version"]) == (1, "1")


def test_it_describes_every_route_once(schema: Any) -> None:
    assert set(schema["paths"]) == {"/" + route.path for route in every_route()}


def test_every_operation_has_a_summary_examples_and_problems(schema: Any) -> None:
    for name, operation in operations(schema):
        assert operation.get("summary"), name
        assert {"401", "403", "422"} <= operation["responses"].keys(), name
        for status, answer in operation["responses"].items():
            json_answer = answer.get("content", {}).get("application/json")
            if status.startswith("2") and json_answer is not None:
                assert json_answer.get("examples"), name
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        assert body is None or body.get("examples"), name


def test_every_operation_is_opened_by_a_key(schema: Any) -> None:
    for name, operation in operations(schema):
        assert operation["security"] == [{"apiKey": []}], name


def test_every_post_that_makes_something_takes_an_idempotency_key(schema: Any) -> None:
    for name, operation in operations(schema):
        if name.startswith("post") and not name.endswith(("/preview", "/test", "/count")):  # those make nothing
            assert "Idempotency-Key" in [one["name"] for one in operation.get("parameters", [])], name


@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/"])
def test_the_reference_needs_nothing_from_outside(path: str) -> None:
    page = Client().get(path).content.decode()
    assert "swagger-ui" in page
    assert "//" not in page.replace("https://volley", "").split("<body>")[0].replace("<!DOCTYPE", "")


@pytest.mark.parametrize("code", PAGES)
def test_every_problem_has_a_page(code: str) -> None:
    page = Client().get(f"/api/docs/problems/{code}").content.decode()
    assert PAGES[code].title.split("'")[0] in page


def test_problems_are_listed_and_unknown_ones_are_not_found() -> None:
    assert "validation_error" in Client().get("/api/docs/problems/").content.decode()
    assert Client().get("/api/docs/problems/nothing").status_code == 404
