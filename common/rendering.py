"""Answers as JSON: UTF-8, times in UTC with a Z and whole seconds."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS


class ORJSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else dump(data)


def dump(data: Any) -> bytes:
    try:
        return orjson.dumps(data, default=_plain, option=_OPTIONS)
    except TypeError as error:
        if "64-bit" not in str(error):
            raise
        # Stored attributes may hold whole numbers that the quick encoder can't write.
        return json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False).encode()


def _plain(value: Any) -> Any:
    """What the encoder does not know: subclasses (enums, error details), decimals, lazy text."""
    if isinstance(value, str | Promise):
        return str.__str__(value) if isinstance(value, str) else str(value)
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} can't be put in an answer")
