"""The fields of an HTTP provider in the admin's form."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from providers.http.http_config import MOST_MESSAGES, Auth
from providers.models import Kind

HTTP_KINDS = (Kind.HTTP, Kind.HTTP_BATCH)
HTTP_FIELDS = (
    "url",
    "plain_http",
    "verify_https",
    "auth",
    "auth_header",
    "token",
    "signing_secret",
    "forget_secrets",
    "dedupes",
    "answer_timeout",
    "batch_size",
)
_AUTHS = (
    (Auth.BEARER, "Authorization: Bearer <token>"),
    (Auth.HEADER, "A header of its own"),
    (Auth.NONE, "None"),
)
_KEPT = "Stored encrypted and never shown. Leave it empty to keep the one that is stored."


class HttpFields(forms.Form):
    """Mixed into the provider's form; `verify_https` is `verify` in the settings, where SMTP has a field for it too."""

    url = forms.CharField(
        required=False,
        max_length=2000,
        label="URL",
        widget=UnfoldAdminTextInputWidget(),
        help_text="Messages are posted here as JSON, as docs/providers.md describes. Redirects are not followed.",
    )
    plain_http = forms.BooleanField(
        required=False,
        label="Allow http://",
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Messages and credentials then go over the network in clear.",
    )
    verify_https = forms.BooleanField(
        required=False, initial=True, label="Check its certificate", widget=UnfoldBooleanSwitchWidget()
    )
    auth = forms.ChoiceField(
        required=False, choices=_AUTHS, initial=Auth.BEARER, label="Credentials", widget=UnfoldAdminSelectWidget()
    )
    auth_header = forms.CharField(
        required=False,
        max_length=100,
        label="Header's name",
        widget=UnfoldAdminTextInputWidget(),
        help_text="For a header of its own, as in X-Api-Key.",
    )
    token = forms.CharField(
        required=False,
        max_length=5000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_KEPT,
    )
    signing_secret = forms.CharField(
        required=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=f"whsec_…: requests are then signed by the rules of Standard Webhooks. {_KEPT}",
    )
    forget_secrets = forms.BooleanField(
        required=False, label="Forget the stored token and secret", widget=UnfoldBooleanSwitchWidget()
    )
    dedupes = forms.BooleanField(
        required=False,
        label="It drops what it has seen before",
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Only if the service takes a message once, however often its id (Idempotency-Key) comes:"
        " what is in doubt after a crash or a lost connection is then sent again instead of being left unknown.",
    )
    answer_timeout = forms.IntegerField(
        required=False,
        initial=30,
        min_value=1,
        max_value=300,
        label="Seconds to wait for an answer",
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    batch_size = forms.IntegerField(
        required=False,
        initial=MOST_MESSAGES,
        min_value=1,
        max_value=MOST_MESSAGES,
        label="Messages a request",
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="Batch API only. As many are in doubt when a request is never answered.",
    )


def http_settings(kind: str, cleaned: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """The provider's settings as the form has them; what it does not show stays as it was."""
    given: dict[str, Any] = {"url": (cleaned.get("url") or "").strip(), "auth": cleaned.get("auth") or Auth.NONE.value}
    given["verify"] = bool(cleaned.get("verify_https"))
    given |= {name: True for name in ("plain_http", "dedupes") if cleaned.get(name)}
    if given["auth"] == Auth.HEADER:
        given["auth_header"] = cleaned.get("auth_header") or ""
    if cleaned.get("answer_timeout"):
        given["answer_timeout"] = cleaned["answer_timeout"]
    if kind == Kind.HTTP_BATCH and cleaned.get("batch_size"):
        given["batch_size"] = cleaned["batch_size"]
    shown = {*HTTP_FIELDS, "verify"}
    return {**{name: value for name, value in stored.items() if name not in shown}, **given}


def same_service(url: str, before: str) -> bool:
    """Whether what was meant for the one may be sent to the other: same scheme, host and port."""
    return urlsplit(url.strip())[:2] == urlsplit(before)[:2]
