"""The files that workers leave behind: whose they are, and who may read them."""

import pytest

from executions.delivery import journal as journals
from executions.delivery.journal import Journal, open_dead, remove_stale
from executions.delivery.sweeping import tidy_journals

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_journal_that_may_not_be_read_is_not_believed() -> None:
    journal = Journal()
    journal.abandon()
    journal._path.unlink()
    journal._path.mkdir()
    assert open_dead(journal.name) is None


def test_a_journal_of_another_boot_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal()
    journal.abandon()
    monkeypatch.setattr(journals, "_here", lambda: "elsewhere:boot")
    assert open_dead(journal.name) is None


def test_a_locked_journal_is_not_opened_by_another_process() -> None:
    journal = Journal()
    assert open_dead(journal.name) is None
    journal.abandon()
    dead = open_dead(journal.name)
    assert dead is not None and dead.marks[:3] == bytes(3)
    dead.close(remove=True)
    assert open_dead(journal.name) is None


def test_journals_that_nobody_needs_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "STALE_SECONDS", -1)
    alive, dead, needed = Journal(), Journal(), Journal()
    dead.abandon()
    needed.abandon()
    remove_stale({needed.name})
    assert open_dead(dead.name) is None
    kept = open_dead(needed.name)
    assert kept is not None
    kept.close(remove=True)
    alive.remove()
    tidy_journals()
