from common.authorship import Actor
from workspaces.models import User


def actor_of_user(user: User) -> Actor:
    """A person of the staff, as services and the audit trail know them."""
    return Actor(kind="user", id=user.pk, name=user.get_full_name() or user.get_username(), author_id=user.pk)
