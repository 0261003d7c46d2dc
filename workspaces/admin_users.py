"""Staff in the admin. An admin of a workspace looks after the people who belong to that workspace alone."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm
from unfold.widgets import UnfoldAdminSelectWidget

from workspaces.admin_scope import actor_of, workspace_ids, workspaces_of
from workspaces.audit import record
from workspaces.models import Membership, User, Workspace
from workspaces.roles import Role
from workspaces.scoped_admin import ScopedModelAdmin

if TYPE_CHECKING:
    from django.contrib.auth.forms import UserChangeForm, UserCreationForm

    _DjangoUserAdmin = DjangoUserAdmin[User]
    _NewUser = UserCreationForm[User]
    _KnownUser = UserChangeForm[User]
else:
    _DjangoUserAdmin = DjangoUserAdmin

    from unfold.forms import UserChangeForm as _KnownUser
    from unfold.forms import UserCreationForm as _NewUser


class NewUserForm(_NewUser):
    """Someone new comes with a first membership, so that whoever adds them keeps seeing them."""

    request: HttpRequest
    workspace = forms.ModelChoiceField(Workspace.objects.none(), widget=UnfoldAdminSelectWidget())
    role = forms.ChoiceField(choices=Role.choices, initial=Role.VIEWER, widget=UnfoldAdminSelectWidget())

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email")
        field_classes: dict[str, Any] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        allowed = workspaces_of(self.request, Role.ADMIN)
        field = self.fields["workspace"]
        if isinstance(field, forms.ModelChoiceField):
            field.queryset = allowed
            field.initial = allowed.first()


class KnownUserForm(_KnownUser):
    request: HttpRequest

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email", "is_active", "is_superuser")
        field_classes: dict[str, Any] = {}


@admin.register(User)
class UserAdmin(ScopedModelAdmin, _DjangoUserAdmin):
    form = KnownUserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    add_form_template = None
    workspace_path = "memberships__workspace_id"
    view_role = change_role = Role.ADMIN
    ordering = ("-pk",)
    list_display = ("username", "first_name", "last_name", "email", "is_active", "last_login")
    list_filter = ("is_active",)
    search_fields = ("username", "email")
    filter_horizontal = ()
    add_fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "email", "password1", "password2")}),
        ("What they may do", {"fields": ("workspace", "role")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        found = User.objects.order_by("-pk")
        if request.user.is_superuser:
            return found
        ids = workspace_ids(request, Role.ADMIN)
        member = Membership.objects.filter(user=OuterRef("pk"), workspace_id__in=ids)
        return found.filter(Exists(member) | Q(pk=request.user.pk))

    def _may(self, request: HttpRequest, obj: Any, role: Role) -> bool:
        """Another workspace's person, or a superuser, can't be taken over by an admin of this one."""
        if request.user.is_superuser:
            return True
        administered = set(workspace_ids(request, Role.ADMIN))
        if not isinstance(obj, User) or not administered:
            return bool(administered)
        return self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not super().has_change_permission(request, obj):
            return False
        return not isinstance(obj, User) or self._belongs_here_alone(request, obj)

    def _belongs_here_alone(self, request: HttpRequest, user: User) -> bool:
        if request.user.is_superuser:
            return True
        theirs = set(user.memberships.values_list("workspace_id", flat=True))
        return not user.is_superuser and theirs <= set(workspace_ids(request, Role.ADMIN))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        rights = ("is_active", "is_superuser") if request.user.is_superuser else ("is_active",)
        return (
            (None, {"fields": ("username", "first_name", "last_name", "email", "password")}),
            (
                "What they may do",
                {"fields": rights, "description": "What they may do in a workspace is said by their memberships."},
            ),
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = self.add_form
        return super().get_form(request, obj, change=change, **kwargs)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.is_staff = True
        super().save_model(request, obj, form, change)
        if not change:
            workspace, role = form.cleaned_data["workspace"], form.cleaned_data["role"]
            Membership.objects.create(user=obj, workspace=workspace, role=role)

    def _record(self, request: HttpRequest, obj: Any, action: str, message: Any) -> None:
        """A person belongs to no single workspace: it is recorded in each that they belong to."""
        for workspace_id in obj.memberships.values_list("workspace_id", flat=True):
            record(
                workspace_id=workspace_id,
                actor=actor_of(request),
                action=action,
                object_type="user",
                object_id=obj.pk,
                object_name=str(obj),
            )

    def _history_workspaces(self, request: HttpRequest, obj: Any) -> list[int]:
        return workspace_ids(request, Role.ADMIN)
