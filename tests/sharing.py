"""A pytest plugin: which process of `make test` runs which tests, with `--dist loadgroup`.

What runs a real stack stays together in one process, and begins first: it waits more than it works, and lasts longest.
All else goes file by file, so that what a file sets up once is set up once. pytest-xdist's own groups would need
`item._nodeid`, which pytest no longer reads since 9.2.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

GROUPS = {"tests/acceptance/": "running", "tests/browser/": "running", "tests/stack/": "stack"}
FIRST = (
    "running",
    "stack",
    "tests/executions/test_worker.py",
    "tests/executions/test_pace.py",
    "tests/executions/test_ledger_machine.py",
    "tests/executions/triggering/test_alarms.py",
    "tests/audiences/segments/test_rules_mean_the_same.py",
)


def unit_of(nodeid: str) -> str:
    """The name of what is given to a process as a whole."""
    return next((name for folder, name in GROUPS.items() if nodeid.startswith(folder)), nodeid.partition("::")[0])


class Sharing(LoadScopeScheduling):  # type: ignore[misc]
    """The longest units first, so that no process is left with one at the end."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

    def _assign_work_unit(self, node: Any) -> None:
        waiting = [name for name in FIRST if name in self.workqueue]
        if waiting:
            # Folder by folder: what a folder starts, such as the browser, is started once.
            unit = self.workqueue[waiting[0]]
            self.workqueue[waiting[0]] = dict(sorted(unit.items(), key=lambda test: test[0].split("/")[1]))
            self.workqueue.move_to_end(waiting[0], last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing | None:
    return Sharing(config, log) if config.getvalue("dist") == "loadgroup" else None
