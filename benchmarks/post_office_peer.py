"""django-post_office sending the same messages; run by `benchmarks.peers` with a Python of its own.

    python post_office_peer.py DATABASE_URL SMTP_PORT COUNT     # prints {"rate": messages/s, "cpu": µs a message}

The messages are queued beforehand; what is timed is `send_queued` with 2 processes of 8 threads each.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from contacts import contact  # type: ignore[import-not-found]

PROCESSES = 2
THREADS = 8
HERE = Path(__file__).resolve().parent


def configure(database_url: str, port: int) -> None:
    import django
    from django.conf import settings

    database = urlsplit(database_url)
    settings.configure(
        SECRET_KEY="benchmark",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates"},
            {
                "BACKEND": "post_office.template.backends.post_office.PostOfficeTemplates",
                "APP_DIRS": True,
                "OPTIONS": {},
            },
        ],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": database.path[1:],
                "USER": database.username,
                "PASSWORD": unquote(database.password or ""),
                "HOST": database.hostname,
                "PORT": database.port,
            }
        },
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        POST_OFFICE={
            "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
            "BATCH_SIZE": 1000,
            "THREADS_PER_PROCESS": THREADS,
            "LOG_LEVEL": 1,
        },
        LOGGING_CONFIG=None,
    )
    django.setup()


def queue(count: int) -> None:
    from post_office import mail  # type: ignore[import-not-found]
    from post_office.models import EmailTemplate  # type: ignore[import-not-found]

    template = EmailTemplate.objects.create(
        name="update", subject="Hello {{ first_name }}", html_content=(HERE / "template.liquid").read_text()
    )
    for start in range(1, count + 1, 1000):
        mail.send_many([_message(template, number) for number in range(start, min(start + 1000, count + 1))])


def _message(template: Any, number: int) -> dict[str, Any]:
    person = contact(number)
    link = f"https://example.test/u/{number:048x}"
    return {
        "recipients": [person["email"]],
        "sender": "News <news@example.test>",
        "template": template,
        "context": {**person["attributes"], "unsubscribe_url": link},
        "headers": {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        "render_on_delivery": True,
    }


def spent() -> float:
    """CPU seconds of this process and of its ended children."""
    ours, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return ours.ru_utime + ours.ru_stime + theirs.ru_utime + theirs.ru_stime


def main() -> None:
    database_url, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    configure(database_url, port)
    from django.core.management import call_command
    from django.db import connections
    from post_office.mail import send_queued  # type: ignore[import-not-found]
    from post_office.models import STATUS, Email

    call_command("migrate", verbosity=0)
    queue(count)
    begun, cpu = time.monotonic(), spent()
    while Email.objects.filter(status=STATUS.queued).exists():
        send_queued(processes=PROCESSES)
        connections.close_all()  # a process that it forked has ended ours
    seconds, cpu = time.monotonic() - begun, spent() - cpu
    sent = Email.objects.filter(status=STATUS.sent).count()
    if sent != count:
        sys.exit(f"{sent} of {count} were sent.")
    print(json.dumps({"rate": count / seconds, "cpu": cpu / count * 1e6}))


if __name__ == "__main__":
    main()
