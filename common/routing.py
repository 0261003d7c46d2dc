"""Addresses of the API: each is answered with and without a slash at its end, never by a redirect."""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path, register_converter


class IdConverter:
    """A row's id in a path. What can't be an id is not found, as a foreign one is."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(IdConverter, "id")


def either(route: str, view: Callable[..., Any], *, name: str) -> list[URLPattern]:
    """`route` has no slash at its end; `reverse(name)` gives the address without it."""
    return [path(route, view, name=name), path(f"{route}/", view)]
