"""The sidebar: what staff do most comes first; a page shows only to those who may see it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse_lazy

# Title, icon, model, and the page of it where that is not its list.
_GROUPS: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    (
        "Send",
        (
            ("Campaigns", "campaign", "campaigns.campaign"),
            ("Executions", "rocket_launch", "executions.execution"),
            ("Schedules", "event_repeat", "executions.schedule"),
            ("Quarantine", "healing", "executions.execution", "quarantine"),
            ("Outbox", "outbox", "providers.sandboxmessage"),
        ),
    ),
    ("Content", (("Templates", "draft", "templates_registry.template"),)),
    (
        "Audience",
        (
            ("Contacts", "group", "audiences.contact"),
            ("Events", "bolt", "audiences.event"),
            ("Lists", "list_alt", "audiences.list"),
            ("Segments", "filter_alt", "audiences.segment"),
            ("Uploads", "upload_file", "audiences.upload"),
            ("Suppressions", "block", "audiences.suppression"),
        ),
    ),
    (
        "Setup",
        (
            ("Workspaces", "domain", "workspaces.workspace"),
            ("Apps", "smartphone", "workspaces.app"),
            ("Senders", "alternate_email", "providers.sender"),
            ("Providers", "dns", "providers.provider"),
            ("Frequency caps", "speed", "executions.frequencycap"),
            ("Quiet hours", "bedtime", "executions.quiethours"),
            ("API keys", "key", "workspaces.apikey"),
            ("Write keys", "vpn_key", "workspaces.writekey"),
            ("Users", "person", "workspaces.user"),
            ("Memberships", "badge", "workspaces.membership"),
        ),
    ),
    ("Record", (("Audit trail", "history", "workspaces.auditentry"),)),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    home = {"title": "Dashboard", "icon": "home", "link": reverse_lazy("admin:index")}
    groups = [{"title": title, "separator": True, "items": [_item(*row) for row in rows]} for title, rows in _GROUPS]
    return [{"items": [home]}, *[group for group in groups if group["items"]]]


def _item(title: str, icon: str, label: str, page: str = "changelist") -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{label.replace('.', '_')}_{page}"),
        "permission": _sees(label),
    }


# Pages of models that Django's admin can't have: shown to those who may see the other.
_AS = {"audiences.event": "audiences.contact"}


def _sees(label: str) -> Callable[[HttpRequest], bool]:
    label = _AS.get(label, label)

    def permission(request: HttpRequest) -> bool:
        page = next((each for model, each in admin.site._registry.items() if model._meta.label_lower == label), None)
        return page is not None and page.has_module_permission(request)

    return permission
