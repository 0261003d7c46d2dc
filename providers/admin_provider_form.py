"""The form of a provider: the fields of its kind, and secrets that go in and never come out."""

import json
from typing import Any

from cryptography.fernet import InvalidToken
from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from common.channels import Type
from common.encryption import decrypt, encrypt
from providers.admin_http_fields import HTTP_FIELDS, HTTP_KINDS, HttpFields, http_settings, same_service
from providers.contract import ConfigError, ProviderSettings
from providers.domain_rates import parse_domain_rates, show_domain_rates
from providers.email.smtp_config import Security
from providers.models import Kind, Provider
from providers.registry import can_send, check_settings
from workspaces.admin_forms import ScopedModelForm

_SECURITY = (
    (Security.STARTTLS, "STARTTLS, required"),
    (Security.TLS, "TLS from the first byte (port 465)"),
    (Security.OPPORTUNISTIC, "STARTTLS where it is offered"),
    (Security.NONE, "None: everything goes in clear"),
)
_CONFIG = ("host", "port", "security", "verify", "username")
_SECRETS: dict[str, tuple[str, ...]] = {
    Kind.SMTP: ("password",),
    Kind.HTTP: ("token", "signing_secret"),
    Kind.HTTP_BATCH: ("token", "signing_secret"),
}
_CALLED = {"password": "password", "token": "token", "signing_secret": "secret"}


class ProviderForm(HttpFields, ScopedModelForm):
    type = forms.ChoiceField(
        required=False,
        choices=[("", "Every type that its kind can send"), *Type.choices],
        widget=UnfoldAdminSelectWidget(),
    )
    host = forms.CharField(required=False, max_length=255, widget=UnfoldAdminTextInputWidget())
    port = forms.IntegerField(
        required=False, initial=587, min_value=1, max_value=65535, widget=UnfoldAdminIntegerFieldWidget()
    )
    security = forms.ChoiceField(
        required=False, choices=_SECURITY, initial=Security.STARTTLS, widget=UnfoldAdminSelectWidget()
    )
    verify = forms.BooleanField(
        required=False, initial=True, label="Check its certificate", widget=UnfoldBooleanSwitchWidget()
    )
    username = forms.CharField(required=False, max_length=255, widget=UnfoldAdminTextInputWidget())
    password = forms.CharField(
        required=False,
        max_length=1000,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Stored encrypted and never shown. Leave it empty to keep the one that is stored.",
    )
    forget_password = forms.BooleanField(
        required=False, label="Forget the stored password", widget=UnfoldBooleanSwitchWidget()
    )

    rate_per_second = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        label="Messages a second",
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="At most, all workers together. Empty: as fast as it takes. Where it answers that this is too much, "
        "the rate is halved, and grows again slowly.",
    )
    domain_rates = forms.CharField(
        required=False,
        label="Rates of recipient domains",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "placeholder": "gmail.com 20"}),
        help_text="For email: one a line, a domain and messages a second; * stands for every other domain. "
        "Who is over waits without holding up the others.",
    )

    class Meta:
        model = Provider
        fields = ("workspace", "name", "kind", "type", "enabled", "connections", "rate_per_second")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["domain_rates"] = show_domain_rates(self.instance.domain_rates)
        config = self.instance.config
        for name in (*_CONFIG, *HTTP_FIELDS):
            if name in config and name in self.fields:
                self.fields[name].initial = config[name]
        if "verify" in config and "verify_https" in self.fields:
            self.fields["verify_https"].initial = config["verify"]

    def clean_domain_rates(self) -> dict[str, float]:
        try:
            return parse_domain_rates(self.cleaned_data["domain_rates"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        kind = cleaned.get("kind") or self.instance.kind
        if not kind:
            return cleaned
        if cleaned.get("type") and not can_send(kind, cleaned["type"]):
            self.add_error("type", f"{Kind(kind).name.capitalize()} can't send this type.")
        if not self.errors:
            self._check(kind, cleaned)
        return cleaned

    def _check(self, kind: str, cleaned: dict[str, Any]) -> None:
        self.instance.config = self._config(kind, cleaned)
        credentials = self._credentials(kind, cleaned)
        if self.errors:
            return
        settings = ProviderSettings(
            type=cleaned.get("type") or "",
            kind=kind,
            name=cleaned.get("name") or "",
            workspace_id=self.instance.workspace_id or 0,
            connections=cleaned.get("connections") or 1,
            config=self.instance.config,
            credentials=credentials,
        )
        try:
            check_settings(settings)
        except ConfigError as error:
            for key, message in error.errors.items():
                name = "verify_https" if key == "verify" and kind in HTTP_KINDS else key
                self.add_error(name if name in self.fields else None, message)
            return
        self.instance.credentials = encrypt(json.dumps(credentials)) if credentials else ""

    def _config(self, kind: str, cleaned: dict[str, Any]) -> dict[str, Any]:
        """What the form does not show stays as it was."""
        if kind in HTTP_KINDS:
            return http_settings(kind, cleaned, self.instance.config)
        if kind != Kind.SMTP:
            return dict(self.instance.config)
        given = {name: cleaned[name] for name in _CONFIG if cleaned.get(name) not in (None, "")}
        given["verify"] = bool(cleaned.get("verify"))
        kept = {name: value for name, value in self.instance.config.items() if name not in _CONFIG}
        return {**kept, **given}

    def _credentials(self, kind: str, cleaned: dict[str, Any]) -> dict[str, str]:
        if cleaned.get("forget_password" if kind == Kind.SMTP else "forget_secrets"):
            return {}
        typed = {name: cleaned[name] for name in _SECRETS.get(kind, ()) if cleaned.get(name)}
        missing = [name for name in _SECRETS.get(kind, ()) if name not in typed]
        if not self.instance.credentials or not missing:
            return typed
        return {**self._stored(kind, cleaned, missing), **typed}

    def _stored(self, kind: str, cleaned: dict[str, Any], names: list[str]) -> dict[str, str]:
        """Whoever may change the host must not learn a secret by having it sent to a host of their own."""
        try:
            stored = dict(json.loads(decrypt(self.instance.credentials)))
        except InvalidToken:
            self.add_error(names[0], "Enter it again: the key that it was encrypted with is no longer configured.")
            return {}
        kept = {name: stored[name] for name in names if name in stored}
        if self._moved(kind, cleaned):
            for name in kept:
                again = f"Enter the {_CALLED[name]} again: the stored one belongs to the host that was set before."
                self.add_error(name, again)
        return kept

    def _moved(self, kind: str, cleaned: dict[str, Any]) -> bool:
        if kind == Kind.SMTP:
            return bool(cleaned.get("host") != self.fields["host"].initial)
        return not same_service(cleaned.get("url") or "", self.fields["url"].initial or "")
