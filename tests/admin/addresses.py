"""Every address of the admin, as the URL resolver knows them: what is added is walked without being named."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver

PREFIX = "admin/"
_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Address:
    """`model` is the `app.model` whose page it belongs to, if any; each parameter takes a key of it."""

    path: str
    model: str | None
    parameters: tuple[str, ...]

    def filled(self, key: Any) -> str:
        return "/" + self.path.format(**dict.fromkeys(self.parameters, key))


def every_address() -> list[Address]:
    return sorted(set(_walk(get_resolver().url_patterns, "")), key=lambda address: address.path)


def of_rows() -> list[Address]:
    return [address for address in every_address() if address.model and address.parameters]


def of_lists() -> list[Address]:
    return [address for address in every_address() if not address.parameters]


def _walk(patterns: Any, prefix: str) -> Iterator[Address]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern).replace("^", "").replace("$", "").replace(r"\Z", "")
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern) and path.startswith(PREFIX) and "(?P" not in path:
            names = tuple(name for _, name in _PARAMETER.findall(path))
            yield Address(_PARAMETER.sub(r"{\2}", path), _model(path), names)


def _model(path: str) -> str | None:
    parts = path.split("/")
    label = ".".join(parts[1:3])
    return label if label in {model._meta.label_lower for model in admin.site._registry} else None
