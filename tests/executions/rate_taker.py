"""A process that takes tokens as a worker would: `python -m tests.executions.rate_taker PROVIDER RATE SECONDS`.

Says `ready`, begins when it reads a line, and prints `before after tokens` for each grant, by the machine's clock.
"""

import asyncio
import sys
import time

import django


async def take(provider_id: int, rate: int, seconds: float) -> None:
    from executions.delivery import rates
    from executions.delivery.breaker import Available
    from executions.delivery.rates import Rates
    from providers.contract import ProviderSettings

    rates.TIMEOUT_SECONDS = 30.0  # on its own account it would take a share that others have been granted
    settings = ProviderSettings(type="email", kind="sandbox", name="relay", workspace_id=1)
    asked, way = Available(provider_id, settings, rate, probing=False), Rates()
    await way.slowed(asked)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    ends = time.monotonic() + seconds
    while (now := time.monotonic()) < ends:
        taken = await way.take(asked, 7)
        if taken.granted:
            sys.stdout.write(f"{now} {time.monotonic()} {taken.granted}\n")
        await asyncio.sleep(0.001)
    await way.close()


if __name__ == "__main__":
    django.setup()
    asyncio.run(take(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
