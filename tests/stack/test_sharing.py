"""Which process of a run gets which tests."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.sharing import FIRST, Sharing, unit_of


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        ("tests/acceptance/test_faults.py::test_a[x::y]", "running"),
        ("tests/browser/test_live.py::test_b", "running"),
        ("tests/stack/test_up.py::test_c", "stack"),
        ("tests/admin/test_lists.py::TestOne::test_d[tests/stack/]", "tests/admin/test_lists.py"),
    ],
)
def test_what_runs_the_real_stack_stays_together_and_the_rest_goes_by_file(nodeid: str, unit: str) -> None:
    assert unit_of(nodeid) == unit


class Node:
    """A process that is told what to run, and runs it."""

    gateway = SimpleNamespace(id="gw")
    shutting_down = False

    def __init__(self) -> None:
        self.told: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.told += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def shared(collection: list[str]) -> list[list[str]]:
    """What each of two processes is given, in its order, when both are equally fast."""
    option = SimpleNamespace(tx=["2*popen"], loadscopereorder=True)
    sharing: Any = Sharing(SimpleNamespace(option=option, getvalue=lambda name: getattr(option, name)), None)
    nodes = [Node(), Node()]
    for node in nodes:
        sharing.add_node(node)
        sharing.add_node_collection(node, collection)
    sharing.schedule()
    for turn in range(len(collection)):
        for node in nodes:
            if turn < len(node.told):
                sharing.mark_test_complete(node, node.told[turn])
    return [[collection[index] for index in node.told] for node in nodes]


def test_the_long_ones_begin_first_and_each_test_is_run_once() -> None:
    many = [f"tests/api/test_every_route.py::test_{n}" for n in range(20)]
    running = [
        "tests/browser/test_live.py::test_b",
        "tests/acceptance/test_faults.py::test_d",
        "tests/browser/test_a.py::test_e",
    ]
    collection = [*many, "tests/stack/test_up.py::test_a", *running, f"{FIRST[2]}::test_c"]
    one, two = shared(collection)
    assert sorted(one + two) == sorted(collection)
    assert [unit_of(one[0]), unit_of(two[0]), unit_of(two[1])] == list(FIRST[:3])
    assert [test.split("/")[1] for test in one[:3]] == ["acceptance", "browser", "browser"]
    assert many in (one[3:], two[2:])
