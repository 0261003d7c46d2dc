from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import override_settings
from pytest_django import DjangoDbBlocker

from executions.delivery.heartbeat import COMPONENTS

SEEN = """
INSERT INTO executions_heartbeat (component, instance, capacity, seen_at)
VALUES (%s, 'here', 1, clock_timestamp() - make_interval(secs => %s))
"""


def seen(component: str, *, seconds_ago: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SEEN, [component, seconds_ago])


@pytest.mark.parametrize("path", ["/healthz", "/healthz/"])
def test_healthz_asks_nothing_of_the_database(path: str) -> None:
    assert Client().get(path).content == b"ok\n"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/readyz", "/readyz/"])
def test_readyz_is_200_while_everything_is_heard_of(path: str) -> None:
    for component in COMPONENTS:
        seen(component, seconds_ago=5)
    answer = Client().get(path)
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "silent": [], "problems": []})


@pytest.mark.django_db
@pytest.mark.parametrize("silent", COMPONENTS)
def test_readyz_names_who_has_been_silent(silent: str) -> None:
    for component in COMPONENTS:
        seen(component, seconds_ago=40 if component == silent else 5)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["silent"]) == (503, [silent])
    assert answer.json()["problems"] == [f"{silent} has been silent for more than 30 s."]


@pytest.mark.django_db
def test_readyz_names_a_migration_that_is_not_applied() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'common'")
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert "common.0001_initial" in answer.json()["problems"][0]


@pytest.fixture
def no_database(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A port at which nobody listens."""
    port = connection.settings_dict["PORT"]
    with django_db_blocker.unblock():
        connection.close()
        connection.settings_dict["PORT"] = "1"
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict["PORT"] = port


def test_readyz_names_postgresql_when_it_does_not_answer(no_database: None) -> None:
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["silent"]) == (503, ["postgresql"])


@override_settings(ALLOWED_HOSTS=["volley.example"])
def test_a_host_that_is_not_ours_is_refused_with_a_problem() -> None:
    answer = Client().get("/api/v1/campaigns", headers={"Host": "evil.example"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("host", ["10.0.0.7", "10.0.0.7:8000", "[::1]", "evil.example", "not a host"])
@override_settings(ALLOWED_HOSTS=["volley.example"])
def test_load_balancers_may_probe_by_any_host_and_nobody_else(host: str) -> None:
    client = Client(headers={"host": host})
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert host not in str(answer.headers)
    assert client.head("/healthz").status_code == 200
    for path in ("/", "/healthz/x", "/healthzx", "/admin/login/", "/api/v1/campaigns"):
        assert client.get(path).status_code == 400, path


@override_settings(SECURE_SSL_REDIRECT=True)
def test_a_probe_is_not_sent_to_https() -> None:
    assert Client().get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_is_only_read(path: str) -> None:
    assert Client().post(path).status_code == 405
