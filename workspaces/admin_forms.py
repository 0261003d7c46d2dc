"""Forms of the admin: nothing crosses workspaces, and what a service refuses is shown at its field."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Model, QuerySet
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest

from common.errors import DomainError, Invalid

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelForm = forms.ModelForm

TOO_LARGE = 1_000_000


class ScopedModelForm(_ModelForm):
    """Presets the workspace of somebody who has one, and refuses to join things of two workspaces."""

    request: HttpRequest
    preset_workspace_id: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.preset_workspace_id is not None and hasattr(self.instance, "workspace_id"):
            self.instance.workspace_id = self.instance.workspace_id or self.preset_workspace_id

    def _get_validation_exclusions(self) -> set[str]:
        # A unique constraint over these is checked here, and not left to the database.
        return set(super()._get_validation_exclusions()) - {"workspace", "is_default"}  # type: ignore[misc]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        chosen = cleaned.get("workspace")
        workspace_id = chosen.pk if chosen is not None else getattr(self.instance, "workspace_id", None)
        for name, value in list(cleaned.items()):
            if workspace_id is not None and crosses_workspaces(value, workspace_id):
                self.add_error(name, "This belongs to another workspace.")
        return cleaned

    def save_m2m(self) -> None:
        """Nothing, in a form that a service saves; where Django saves, it puts its own in this place."""


def crosses_workspaces(value: Any, workspace_id: int) -> bool:
    if isinstance(value, QuerySet):
        return any(crosses_workspaces(item, workspace_id) for item in value)
    return isinstance(value, Model) and getattr(value, "workspace_id", workspace_id) != workspace_id


def show_errors(form: Any, error: DomainError, fields: dict[str, str] | None = None) -> None:
    """Puts each error of a service at the field of the form that it is about; `fields` renames those that differ."""
    if not isinstance(error, Invalid):
        form.add_error(None, error.detail)
        return
    for each in error.errors:
        root = each.field.partition("[")[0].partition(".")[0]
        name = (fields or {}).get(root, root)
        text = f"{each.message} {each.hint}" if each.hint else each.message
        form.add_error(name if name in form.fields else NON_FIELD_ERRORS, ValidationError(text, code=each.code))


class JSONObject(forms.JSONField):
    """A JSON object of key-value pairs; what PostgreSQL can't store is refused here."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > TOO_LARGE:
            raise ValidationError("This is too long: at most 1,000,000 characters.")
        if isinstance(value, str) and value.strip() == "":
            return {}
        try:
            parsed = super().to_python(value)
            text = json.dumps(parsed, allow_nan=False)
        except (RecursionError, ValueError) as error:
            raise ValidationError('Write a JSON object, for example {"offer": "10%"}.') from error
        if not isinstance(parsed, dict):
            raise ValidationError('Write a JSON object, for example {"offer": "10%"}.')
        if "\\u0000" in text or ("\\ud" in text.lower() and not _storable(text)):
            raise ValidationError("It contains a character that can't be stored.")
        return parsed

    def prepare_value(self, value: Any) -> Any:
        return json.dumps(value, ensure_ascii=False, indent=2) if isinstance(value, dict) else value

    def bound_data(self, data: Any, initial: Any) -> Any:
        """As it was typed: Django would parse it here without a net, and show it parsed."""
        return InvalidJSONInput(data) if isinstance(data, str) else data

    def clean(self, value: Any) -> Any:
        # An empty object is a value, not a missing one.
        return self.to_python(value)


def _storable(text: str) -> bool:
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
