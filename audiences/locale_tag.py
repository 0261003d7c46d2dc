"""Language tags (BCP 47: language, script, region, variants) and IANA time zones."""

import re
from functools import lru_cache

from audiences.bad_value import BadValue, clean_text, shown
from common.wall_clock import zone_names

_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)\Z",
    re.IGNORECASE,
)


def parse_locale(value: object) -> str:
    """`pt_br` becomes `pt-BR`; null and the empty string clear it."""
    if value is None or value == "":
        return ""
    text = clean_text(value, name="A locale", limit=35)
    tag = _canonical(text)
    if tag is None:
        raise BadValue("invalid_locale", f"{shown(text)} is not a language tag like en or pt-BR.")
    return tag


@lru_cache(maxsize=1_000)
def _canonical(text: str) -> str | None:
    match = _TAG.match(text.strip().replace("_", "-"))
    if not match:
        return None
    parts = [match["language"].lower()]
    if match["script"]:
        parts.append(match["script"].title())
    if match["region"]:
        parts.append(match["region"].upper())
    return "-".join(parts) + match["variants"].lower()


def parse_timezone(value: object) -> str:
    """An IANA name; null and the empty string clear it."""
    if value is None or value == "":
        return ""
    text = clean_text(value, name="A timezone", limit=64).strip()
    if text not in zone_names():
        raise BadValue("invalid_timezone", f"{shown(text)} is not a time zone like America/Sao_Paulo.")
    return text
