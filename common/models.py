from django.db import models
from django.db.models.functions import Now


class IdempotencyKey(models.Model):
    """A stored 2xx answer; committed in the same transaction as the write that it answers.

    `workspace_id` is a bare column: `common` imports no other app.
    """

    workspace_id = models.BigIntegerField()
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=500)
    key = models.CharField(max_length=255)
    body_hash = models.BinaryField(max_length=32)
    status = models.SmallIntegerField()
    answer = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace_id", "method", "path", "key"], name="idempotency_key_once")
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_age")]
