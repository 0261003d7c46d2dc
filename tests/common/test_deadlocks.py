"""What PostgreSQL ended is begun anew, and nothing else."""

import pytest
from django.db import DatabaseError, OperationalError, connection

from common.deadlocks import retried
from tests.factories import make_workspace
from workspaces.models import Workspace

pytestmark = pytest.mark.django_db


def refuse(code: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")


@pytest.mark.parametrize("code", ["40P01", "40001"])
def test_a_victim_of_others_begins_anew_without_what_it_wrote(code: str) -> None:
    tries: list[Workspace] = []

    @retried
    def work() -> int:
        tries.append(make_workspace())
        if len(tries) < 3:
            refuse(code)
        return len(tries)

    assert work() == 3
    assert list(Workspace.objects.all()) == tries[2:]


def test_it_gives_up_at_last() -> None:
    tries: list[int] = []

    @retried
    def work() -> None:
        tries.append(1)
        refuse("40P01")

    with pytest.raises(OperationalError):
        work()
    assert len(tries) == 4


def test_other_errors_are_raised_at_once() -> None:
    tries: list[int] = []

    @retried
    def work() -> None:
        tries.append(1)
        refuse("23505")

    with pytest.raises(DatabaseError):
        work()
    assert len(tries) == 1
