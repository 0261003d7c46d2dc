"""What an authenticated API request carries, for code that may not import `workspaces`."""

from dataclasses import dataclass

from common.authorship import Actor


@dataclass(frozen=True, slots=True)
class Caller:
    """`request.user` of the API: who calls, and in which workspace."""

    actor: Actor
    workspace_id: int
    is_authenticated: bool = True
    is_active: bool = True
