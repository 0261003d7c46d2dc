"""What is wrong with a template, for the person who writes it."""

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["error", "warn"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `line` and `column` count from 1, None where no place can be named."""

    part: str
    line: int | None
    column: int | None
    code: str
    message: str
    hint: str
    level: Level = "error"

    def as_json(self) -> dict[str, object]:
        """The same as plain values, in the order of the fields."""
        return asdict(self)


def place(source: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of the character at `index`."""
    index = min(max(index, 0), len(source))
    start = source.rfind("\n", 0, index) + 1
    return source.count("\n", 0, index) + 1, index - start + 1
