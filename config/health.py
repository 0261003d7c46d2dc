"""`/healthz`: the web server answers. `/readyz`: everything that delivers is there, or who is missing, by name.

Load balancers probe by IP address, so both answer before anything asks whether the Host is one of ours. Neither
puts the Host into its answer; every other address refuses a foreign one as before.
"""

import logging
from collections.abc import Callable

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse

from executions.delivery.heartbeat import silent_components

logger = logging.getLogger(__name__)


class ProbeMiddleware:
    """The first of all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = _PROBES.get(request.path_info.removesuffix("/"))
        if probe is None:
            return self.get_response(request)
        return probe(request) if request.method in ("GET", "HEAD") else HttpResponseNotAllowed(["GET", "HEAD"])


def healthz(request: HttpRequest) -> HttpResponse:
    """Asks nothing of PostgreSQL or Valkey; what those lack is `/readyz`'s to say."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """200, or 503 with what is wrong: `silent` names components that were not seen for 30 s."""
    problems, silent = _problems()
    found = {"ready": not problems, "silent": silent, "problems": problems}
    return JsonResponse(found, status=503 if problems else 200, headers={"Cache-Control": "no-store"})


_PROBES = {"/healthz": healthz, "/readyz": readyz}


def _problems() -> tuple[list[str], list[str]]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if waiting := _unapplied():
            return [f"Migrations are not applied: {waiting}. Run manage.py migrate."], []
        silent = list(silent_components())
    except Error:
        logger.exception("PostgreSQL does not answer")
        return ["PostgreSQL does not answer."], ["postgresql"]
    return [f"{name} has been silent for more than 30 s." for name in silent], silent


def _unapplied() -> str:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan)
