"""How long a provider is given messages before its answers are counted: as short as it is quick.

What was begun and not handed over a second after a round's end is taken back, over SMTP by closing the connection.
So to a provider whose first answer takes longer, short rounds hand over nothing, again and again.
"""

from dataclasses import dataclass

from providers.contract import FINISH_SECONDS

ROUND_SECONDS = 0.5
LONGEST_ROUND_SECONDS = 8.0
TOO_SLOW = f"It took no message within {LONGEST_ROUND_SECONDS + FINISH_SECONDS:.0f} seconds."


@dataclass(slots=True)
class Round:
    """Of one provider in one process; it outlasts turns, as finding it out costs a few rounds."""

    seconds: float = ROUND_SECONDS

    def learn(self, *, first: float | None, lasted: float) -> bool:
        """`first`: seconds until the first answer, None where there was none. False: no round is long enough."""
        if first is not None:
            self.seconds = min(max(first - FINISH_SECONDS, ROUND_SECONDS), LONGEST_ROUND_SECONDS)
        elif lasted >= self.seconds:
            hopeless = self.seconds >= LONGEST_ROUND_SECONDS
            self.seconds = min(self.seconds * 2, LONGEST_ROUND_SECONDS)
            return not hopeless
        return True
