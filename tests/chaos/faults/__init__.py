"""The crash matrix: one module per family of faults. Importing it enters them all."""

from tests.chaos.faults import broker, database, workers
from tests.chaos.scene import FAULTS

__all__ = ["FAULTS", "broker", "database", "workers"]
