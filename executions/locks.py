"""The lock under which an ended or running execution is changed by hand."""

from common.errors import NotFound
from executions.models import Execution


def lock_execution(*, execution_id: int, workspace_id: int) -> Execution:
    """Until the transaction ends; workers, who only refer to the row, are not kept waiting. Raises NotFound."""
    rows = Execution.objects.select_for_update(no_key=True)
    found = rows.filter(pk=execution_id, workspace_id=workspace_id).first()
    if found is None:
        raise NotFound("This workspace has no such execution.")
    return found
