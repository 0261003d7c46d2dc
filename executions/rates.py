"""How fast a provider may be asked: a token bucket that all workers share."""

from executions.breaker import Available


async def take_tokens(provider: Available, want: int) -> tuple[int, float]:
    """(tokens, seconds until the next one if there were none)."""
    return want, 0.0
