"""A consent as it was said. Pure."""

from datetime import datetime
from typing import NamedTuple


class Said(NamedTuple):
    """`consent`, who says so, and since when."""

    consent: str
    source: str
    at: datetime | None
