"""An export of a person as a file to download: of the API and the admin alike."""

from collections.abc import Iterator

from django.http import StreamingHttpResponse


def download(contact_id: int, pieces: Iterator[bytes]) -> StreamingHttpResponse:
    return StreamingHttpResponse(
        pieces,
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="contact-{contact_id}.json"',
            "Cache-Control": "no-store",
        },
    )
