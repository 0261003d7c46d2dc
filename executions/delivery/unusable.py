"""Content that can't be made ready, though it could when it was launched: said on the execution, and logged, once."""

import logging

from executions.models import Execution
from executions.states import State
from providers.mime_address import AddressError
from templates_registry.liquid import TemplateError

UNUSABLE = (TemplateError, AddressError)
logger = logging.getLogger(__name__)


def say_unusable(execution_id: int, error: Exception) -> None:
    reason = {"code": "unusable_content", "message": str(error)[:500], "retry_at": None}
    waiting = Execution.objects.filter(pk=execution_id, state__in=[State.RUNNING, State.CANCELLING])
    if waiting.exclude(state_reason=reason).update(state_reason=reason):
        logger.error("execution %s can't be prepared: %s", execution_id, error)
