"""An unsubscribing that came by a link in a message: the consent ends, and the delivery gets its receipt."""

import logging

from django.db import IntegrityError, connection, transaction

from audiences.consents import unsubscribe, unsubscribe_value
from audiences.unsubscribe import Unsubscribing
from common.deadlocks import retried

logger = logging.getLogger(__name__)


@retried
def unsubscribe_by_link(*, named: Unsubscribing, source: str) -> bool:
    """False when there was nothing left to end: asking again."""
    ended = unsubscribe(address_id=named.address_id, contact_id=named.contact_id, source=source)
    if ended is None and named.value:
        # Deleted since, and maybe back as somebody else's.
        ended = unsubscribe_value(workspace_id=named.workspace_id, type=named.type, value=named.value, source=source)
    if not ended:
        return False
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_RECEIPT, [named.contact_id, named.address_id, named.execution_id])
    except IntegrityError:
        # The month of a launch is dropped when retention has passed; its links must work for ever.
        logger.info("no receipt for execution %s: its month is gone", named.execution_id)
    return True


# A test send has execution 0: no row, so no receipt.
_RECEIPT = """
INSERT INTO executions_receipt (launched_on, execution_id, contact_id, address_id, workspace_id, kind, at)
SELECT launched_on, id, %s, %s, workspace_id, 'unsubscribed', now() FROM executions_execution WHERE id = %s
"""
