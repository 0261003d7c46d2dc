"""Who did something: a person in the admin, an API key, or Volley itself."""

from dataclasses import dataclass
from typing import Literal

from django.db import models
from django.db.models.functions import Now

ActorKind = Literal["user", "api_key", "system"]


@dataclass(frozen=True, slots=True)
class Actor:
    """`author_id` is the person accountable: for a key, the user who made it."""

    kind: ActorKind
    id: int | None
    name: str
    author_id: int | None = None

    def as_wire(self) -> dict[str, str]:
        return {"kind": self.kind, "name": self.name}


SYSTEM = Actor(kind="system", id=None, name="Volley")


class Authored(models.Model):
    """Columns that remember an actor after the user or key is gone."""

    created_by_kind = models.CharField(max_length=10, default="system", editable=False)
    created_by_id = models.BigIntegerField(null=True, editable=False)
    created_by_name = models.CharField(max_length=200, default="Volley", editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True

    @property
    def created_by(self) -> dict[str, str]:
        return {"kind": self.created_by_kind, "name": self.created_by_name}


def authored_by(actor: Actor) -> dict[str, object]:
    """The keyword arguments that store an actor in an `Authored` row."""
    return {
        "created_by_kind": actor.kind,
        "created_by_id": actor.id,
        "created_by_name": actor.name,
    }
