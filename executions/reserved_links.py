"""The links that a message has when nobody is sent to: in dry runs."""

from django.conf import settings

from audiences.unsubscribe import unsubscribe_token
from executions.content import Content

_NAMES = ("unsubscribe_url", "preferences_url")


def reserved_links(content: Content, *, contact_id: int = 0, address_id: int = 0) -> dict[str, str]:
    """Of execution 0, so that nothing happens through them; only those that the content uses."""
    token = unsubscribe_token(execution_id=0, contact_id=contact_id, address_id=address_id)
    return {name: f"{settings.BASE_URL}/u/{token}" for name in _NAMES if name in content.fields}
