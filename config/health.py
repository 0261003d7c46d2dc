"""`/healthz`: the web server answers. It asks nothing of PostgreSQL or Redis; what those lack is `/readyz`'s to say."""

from django.http import HttpRequest, HttpResponse


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")
