"""A column for what a clock on a wall shows, wherever the wall is."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _Field = models.Field[Any, Any]
else:
    _Field = models.Field


class WallClockField(_Field):
    """`timestamp without time zone`; in Python a naive datetime, which Django's own field would take for an instant."""

    def db_type(self, connection: Any) -> str:
        return "timestamp"

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, datetime) and value.tzinfo is not None:
            raise ValueError(f"{value} is an instant, and this column holds what a clock on a wall shows.")
        return super().get_prep_value(value)
