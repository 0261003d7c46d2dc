"""Roles of staff and scopes of API keys: what each may do, in one table."""

from django.db import models


class Role(models.TextChoices):
    """A role may do all that the one before it may."""

    VIEWER = "viewer", "Viewer: sees everything, changes nothing"
    EDITOR = "editor", "Editor: makes templates, campaigns and lists"
    LAUNCHER = "launcher", "Launcher: launches, pauses and cancels too"
    ADMIN = "admin", "Admin: members, keys, providers and caps too"

    def includes(self, other: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


class Scope(models.TextChoices):
    CAMPAIGNS_READ = "campaigns:read", "Read campaigns"
    CAMPAIGNS_WRITE = "campaigns:write", "Create and change campaigns"
    EXECUTIONS_READ = "executions:read", "Read executions and deliveries"
    EXECUTIONS_LAUNCH = "executions:launch", "Execute, pause, resume, cancel, retry and settle"
    CONTACTS_READ = "contacts:read", "Read contacts, lists, uploads and suppressions"
    CONTACTS_WRITE = "contacts:write", "Change contacts, lists, uploads and suppressions"
    EVENTS_READ = "events:read", "Read events"
    EVENTS_WRITE = "events:write", "Send events"
    TEMPLATES_READ = "templates:read", "Read and preview templates"
    CAPS_READ = "caps:read", "Read frequency caps"
    CAPS_WRITE = "caps:write", "Change frequency caps"
    QUIET_HOURS_READ = "quiet_hours:read", "Read quiet hours"
    QUIET_HOURS_WRITE = "quiet_hours:write", "Change quiet hours"
