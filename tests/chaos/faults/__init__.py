"""The crash matrix: one module per family of faults. Importing it enters them all, in the order of the rows."""

from tests.chaos.faults import workers  # isort: skip
from tests.chaos.faults import planners  # isort: skip
from tests.chaos.faults import broker, database  # isort: skip
from tests.chaos.faults import sockets, relays, services  # isort: skip
from tests.chaos.faults import people, clocks  # isort: skip
from tests.chaos.faults import events, schedules, imports  # isort: skip
from tests.chaos.scene import FAULTS

__all__ = [
    "FAULTS",
    "broker",
    "clocks",
    "database",
    "events",
    "imports",
    "people",
    "planners",
    "relays",
    "schedules",
    "services",
    "sockets",
    "workers",
]
