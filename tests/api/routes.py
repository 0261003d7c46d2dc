"""Every address of the API, as the URL resolver knows them: what is added is walked without being named."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

PREFIXES = ("api/v1/", "campaign/")
_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Route:
    """`path` has no slash at its end, and a `{name}` for each parameter."""

    path: str
    methods: tuple[str, ...]
    parameters: tuple[str, ...]

    def filled(self, ids: dict[str, Any]) -> str:
        return "/" + self.path.format(**{name: ids[name] for name in self.parameters})


def every_route() -> list[Route]:
    return sorted(_unslashed(get_resolver().url_patterns, ""), key=lambda route: route.path)


def pairs(*methods: str) -> list[Any]:
    """(route, method) of every route that takes one of the methods, with a name for each case."""
    import pytest

    return [
        pytest.param(route, method, id=f"{method} {route.path}")
        for route in every_route()
        for method in route.methods
        if method in methods
    ]


def _unslashed(patterns: Any, prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _unslashed(pattern.url_patterns, address)
        elif isinstance(pattern, URLPattern) and address.startswith(PREFIXES) and not address.endswith("/"):
            parameters = tuple(name for _, name in _PARAMETER.findall(address))
            yield Route(_PARAMETER.sub(r"{\2}", address), _methods(pattern.callback), parameters)


def _methods(callback: Any) -> tuple[str, ...]:
    if actions := getattr(callback, "actions", None):
        return tuple(sorted(method.upper() for method in actions))
    names = ("get", "post", "put", "patch", "delete")
    return tuple(sorted(name.upper() for name in names if hasattr(callback.cls, name)))
