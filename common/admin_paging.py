"""Change lists that page by key: they never count, and a page deep in the list costs what the first one does."""

from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList

BEFORE = "before"
AFTER = "after"
_GREATEST_KEY = 2**63 - 1


def read_key(text: str | None) -> int | None:
    """The key that a cursor in an address names; None for anything that can't be one."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 19:
        return None
    return min(int(text), _GREATEST_KEY)


class KeyPages:
    """Stands where a change list expects its paginator; only names the template that shows the links."""

    template_name = "volley/key_pages.html"
    ELLIPSIS = "…"


class KeysetChangeList(ChangeList):
    """Newest first, by primary key alone; `before` and `after` in the address are keys."""

    before: int | None = None
    after: int | None = None
    newer_url: str | None = None
    older_url: str | None = None

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        self.before = read_key(request.GET.get(BEFORE))
        self.after = None if self.before is not None else read_key(request.GET.get(AFTER))
        for name in (BEFORE, AFTER):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        return super().get_queryset(request, exclude_parameters)

    def get_ordering(self, request: HttpRequest, queryset: Any) -> list[Any]:
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        rows, newer, older = self._page()
        self.newer_url = self.get_query_string({AFTER: rows[0].pk}) if newer else None
        self.older_url = self.get_query_string({BEFORE: rows[-1].pk}) if older else None
        self.result_list = rows
        self.result_count = len(rows)
        # Equal, so that no number is shown as if everything had been counted.
        self.full_result_count = len(rows)
        self.show_full_result_count = False
        self.show_admin_actions = bool(rows)
        self.can_show_all = self.show_all = self.multi_page = False
        self.paginator = KeyPages()

    def _page(self) -> tuple[list[Any], bool, bool]:
        """The rows of this page, and whether there are newer and older ones: one row more than shown is read."""
        limit = self.list_per_page
        if self.after is not None:
            rows = list(self.queryset.filter(pk__gt=self.after).order_by("pk")[: limit + 1])
            page = rows[:limit][::-1]
            return page, len(rows) > limit, bool(page)
        queryset = self.queryset if self.before is None else self.queryset.filter(pk__lt=self.before)
        rows = list(queryset[: limit + 1])
        page = rows[:limit]
        return page, self.before is not None and bool(page), len(rows) > limit


class _NextPage(Page):  # type: ignore[type-arg]
    def has_next(self) -> bool:
        return len(self.object_list) == self.paginator.per_page


class NoCountPaginator(Paginator):  # type: ignore[type-arg]
    """For autocomplete: pages without a COUNT; the last full page may offer one empty page more."""

    count = 10_000

    def page(self, number: int | str) -> Page:  # type: ignore[type-arg]
        number = self.validate_number(number)
        start = (number - 1) * self.per_page
        return _NextPage(list(self.object_list[start : start + self.per_page]), number, self)
