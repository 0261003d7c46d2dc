"""The pages behind the links in messages: no login, no cookies, no script. The signed token in the path is the key.

A GET changes nothing: mail scanners follow every link. A POST unsubscribes, as RFC 8058's one click does, and as the
page's button does.
"""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from audiences.consents import has_unsubscribed
from audiences.models import Address, Consent, Contact
from audiences.preferences import choices_of, choose
from audiences.unsubscribe import Unsubscribing, preferences_url, read_token, unsubscribe_url
from executions.unsubscribing.by_link import unsubscribe_by_link
from workspaces.models import Workspace

Page = Callable[[HttpRequest, str, Unsubscribing], HttpResponse]


def _by_token(page: Page) -> Callable[[HttpRequest, str], HttpResponse]:
    """Reads the token; one that is not ours, or was cut off, is not found."""

    @csrf_exempt
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(page)
    def view(request: HttpRequest, token: str) -> HttpResponse:
        named = read_token(token)
        if named is None:
            answer = render(request, "pages/no_such_link.html", status=404)
        else:
            answer = page(request, token, named)
        answer["Cache-Control"] = "no-store"
        answer["Referrer-Policy"] = "no-referrer"
        return answer

    return view


@_by_token
def unsubscribe_page(request: HttpRequest, token: str, named: Unsubscribing) -> HttpResponse:
    if request.method == "POST":
        # The body is not read: whoever has the link may use it, and RFC 8058 allows two encodings of one sentence.
        unsubscribe_by_link(named=named, source="link" if request.GET.get("by") == "page" else "one_click")
    address = (
        Address.objects.select_related("workspace").filter(pk=named.address_id, contact_id=named.contact_id).first()
    )
    if address is None:
        return _page_of_gone(request, named)
    shown = {"address": address.value, "workspace": address.workspace.name, "preferences": preferences_url(token)}
    ended = address.consent == Consent.UNSUBSCRIBED
    return render(request, "pages/unsubscribed.html" if ended else "pages/unsubscribe.html", shown)


def _page_of_gone(request: HttpRequest, named: Unsubscribing) -> HttpResponse:
    """Of an address that has no contact any more, or another one: nothing of theirs is shown."""
    workspace = Workspace.objects.filter(pk=named.workspace_id).first() if named.value else None
    if workspace is None or has_unsubscribed(workspace_id=workspace.pk, type=named.type, value=named.value):
        return render(request, "pages/unsubscribed.html")
    return render(request, "pages/unsubscribe.html", {"address": named.value, "workspace": workspace.name})


@_by_token
def preferences_page(request: HttpRequest, token: str, named: Unsubscribing) -> HttpResponse:
    if request.method == "POST":
        choice = request.POST.get("choice", "")
        if choice in Consent.values:
            _choose(named, request.POST.get("type", ""), choice)
        return HttpResponseRedirect(preferences_url(token))
    contact = Contact.objects.select_related("workspace").filter(pk=named.contact_id).first()
    if contact is None:
        return HttpResponseRedirect(unsubscribe_url(token))
    shown = {
        "workspace": contact.workspace.name,
        "choices": choices_of(contact_id=contact.pk),
        "unsubscribe": unsubscribe_url(token),
    }
    return render(request, "pages/preferences.html", shown)


def _choose(named: Unsubscribing, type: str, choice: str) -> None:
    message = Address.objects.filter(pk=named.address_id, contact_id=named.contact_id).values_list("type", flat=True)
    if choice == Consent.UNSUBSCRIBED and (message.first() or named.type) == type:
        unsubscribe_by_link(named=named, source="preferences")
    choose(contact_id=named.contact_id, type=type, consent=choice)
