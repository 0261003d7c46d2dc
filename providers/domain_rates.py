"""How many messages a second a recipient domain is sent: written as lines, kept as an object."""

import re
import unicodedata
from collections.abc import Mapping

from providers.buckets import WHOLE

LEAST, MOST = 0.1, 100_000.0
MOST_DOMAINS = 1_000
_DOMAIN = re.compile(r"[^\s@*]+\.[^\s@*]+\Z")


def parse_domain_rates(text: str) -> dict[str, float]:
    """A line is a domain and a number; `*` stands for every domain that is not named. ValueError names the line."""
    rates: dict[str, float] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = unicodedata.normalize("NFC", line.lower()).split()
        if not words:
            continue
        try:
            domain, rate = _parse(words)
        except ValueError as error:
            raise ValueError(f"Line {number}, {line.strip()[:80]!r}: {error}") from None
        if domain in rates:
            raise ValueError(f"Line {number}: {domain} is named twice.")
        rates[domain] = rate
    if len(rates) > MOST_DOMAINS:
        raise ValueError(f"At most {MOST_DOMAINS:,} domains; these are {len(rates):,}.")
    return rates


def _parse(words: list[str]) -> tuple[str, float]:
    if len(words) != 2:
        raise ValueError("write a domain, a space and messages a second, like “gmail.com 20”.")
    domain, written = words
    if domain != WHOLE and not _DOMAIN.match(domain):
        raise ValueError("a domain looks like gmail.com; * stands for every other one.")
    try:
        rate = float(written)
    except ValueError:
        raise ValueError(f"{written!r} is not a number.") from None
    if not LEAST <= rate <= MOST:
        raise ValueError(f"the rate is from {LEAST:g} to {MOST:,.0f} messages a second.")
    return domain, rate


def show_domain_rates(rates: Mapping[str, float]) -> str:
    """As they are written in the form, by name, the rate of all others at the end."""
    named = sorted(rates.items(), key=lambda pair: (pair[0] == WHOLE, pair[0]))
    return "\n".join(f"{domain} {rate:g}" for domain, rate in named)
