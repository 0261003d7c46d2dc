"""Emails for tests."""

from datetime import UTC, datetime

from providers.contract import Message
from providers.mime import EmailSkeleton, Mailbox

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
SKELETON = EmailSkeleton.compile(sender=Mailbox("news@example.test", "News"))


def email(
    index: int, *, address: str | None = None, html: bytes = b"<p>Hello</p>\n", skeleton: EmailSkeleton = SKELETON
) -> Message:
    address = f"user{index}@example.test" if address is None else address
    content = skeleton.build(
        delivery_id=f"1-{index}-1",
        address=address,
        subject=f"Hello {index}",
        html=html,
        text=None,
        at=AT,
        unsubscribe_url=f"https://example.test/u/{index}",
    )
    return Message(index, f"1-{index}-1", address, content, execution_id=1)


def emails(count: int) -> list[Message]:
    return [email(index) for index in range(count)]
