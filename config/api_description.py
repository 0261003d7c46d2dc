"""The OpenAPI description, made once a process."""

from threading import Lock
from typing import Any

from django.conf import settings
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.request import Request

_UNTYPED: Any = SchemaGenerator
_making = Lock()
_made: dict[str, Any] = {}


class _OnceGenerator(SchemaGenerator):
    """It takes a second, anybody may ask, and drf-spectacular loads its extensions without a lock: two that are first
    at once break each other. What is kept for all has nothing of the request in it."""

    def get_schema(self, request: Request | None = None, public: bool = False) -> Any:
        with _making, translation.override(settings.LANGUAGE_CODE):
            if not _made:
                _made.update(_UNTYPED().get_schema(public=True))
            return _made


class ApiDescriptionView(SpectacularJSONAPIView):
    generator_class = _OnceGenerator
