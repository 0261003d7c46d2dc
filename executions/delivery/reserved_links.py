"""The links that a message has when nobody is sent to: in dry runs."""

from audiences.unsubscribe import preferences_url, unsubscribe_token, unsubscribe_url
from executions.delivery.content import Content

_LINKS = {"unsubscribe_url": unsubscribe_url, "preferences_url": preferences_url}


def reserved_links(content: Content, *, contact_id: int = 0, address_id: int = 0) -> dict[str, str]:
    """Of execution 0, so that nothing happens through them; only those that the content uses."""
    token = unsubscribe_token(execution_id=0, contact_id=contact_id, address_id=address_id)
    return {name: link(token) for name, link in _LINKS.items() if name in content.fields}
