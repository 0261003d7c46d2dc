"""What a dry run has found out so far."""

from collections import Counter
from dataclasses import dataclass, field

from executions.launching.dry_run_pages import Candidate
from executions.states import SkipReason

CUT_OFF = SkipReason.CUT_OFF.value
QUIET = SkipReason.QUIET_HOURS.value


@dataclass(slots=True)
class Forecast:
    """Counts of recipients. `exact` is False when not everybody was rendered."""

    contacts: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    would_send: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    capped: Counter[int] = field(default_factory=Counter)
    render_errors: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    samples: list[Candidate] = field(default_factory=list)
    exact: bool = True

    @property
    def size(self) -> int:
        return self.would_send + sum(self.skipped.values())

    @property
    def missing_share(self) -> float:
        """Of those who were rendered."""
        missing = sum(self.missing.values())
        return missing / self._rendered if self._rendered else 0.0

    @property
    def late_share(self) -> float:
        """Of those whom nothing else rules out before they are rendered."""
        late = self.skipped[CUT_OFF]
        return late / (late + self._rendered) if late else 0.0

    @property
    def quiet_share(self) -> float:
        """Of those whose message was rendered, and had all that it needs."""
        quiet = self.skipped[QUIET]
        return quiet / (self._rendered - sum(self.missing.values())) if quiet else 0.0

    @property
    def _rendered(self) -> int:
        held_back = self.skipped[SkipReason.FREQUENCY_CAP.value] + self.skipped[QUIET]
        return self.would_send + held_back + sum(self.missing.values())
