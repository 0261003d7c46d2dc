"""Emails compared field by field with what Python's own parser reads."""

from datetime import UTC, datetime
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.mime import Email, EmailSkeleton, Mailbox
from providers.mime_address import AddressError, ascii_domain, wire_address
from providers.mime_text import crlf, lines_fit, one_line
from tests.providers.emails import AT, SKELETON

CHARACTERS = st.characters(codec="utf-8")
TEXT = st.text(CHARACTERS, max_size=200)
HEADER_TEXT = st.one_of(TEXT, st.text(st.sampled_from('abc =?"\\<>@,;: éß日🎉\r\n\t\0'), max_size=200))
BODY = st.one_of(
    TEXT,
    st.text(st.sampled_from("ab .=é日🎉\r\n\t -_"), max_size=3000),
    st.builds(lambda s, n: s * n, TEXT, st.integers(0, 60)),
)
ATOM = st.text(st.sampled_from("abcXYZ019!#$%&'*+/=?^_`{|}~-"), min_size=1, max_size=20)


def build(**given_fields: object) -> Email:
    fields: dict[str, object] = {
        "delivery_id": "50001-88231-90412",
        "address": "ana@example.test",
        "subject": "Hello",
        "html": b"<p>Hi</p>",
        "text": None,
        "at": AT,
    }
    return SKELETON.build(**{**fields, **given_fields})  # type: ignore[arg-type]


def parse(octets: bytes) -> EmailMessage:
    message = BytesParser(policy=policy.default).parsebytes(octets)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def check_lines(octets: bytes, limit: int) -> None:
    assert octets.endswith(b"\r\n")
    lines = octets.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    assert max(map(len, lines)) <= limit


@given(HEADER_TEXT)
def test_the_subject_is_read_as_it_was_written(subject: str) -> None:
    octets = build(subject=subject).encode(eight_bit=False)
    message = parse(octets)
    assert message["Subject"] == one_line(subject)
    assert message["To"] == "ana@example.test"
    check_lines(octets, 998)
    assert octets.isascii()


@given(HEADER_TEXT)
def test_names_are_read_as_they_were_written_and_add_no_mailbox(name: str) -> None:
    skeleton = EmailSkeleton.compile(
        sender=Mailbox("news@example.test", name), reply_to=Mailbox("re@example.test", name)
    )
    email = skeleton.build(
        delivery_id="1", address="ana@example.test", name=name, subject="", html=None, text=b"Hi", at=AT
    )
    octets = email.encode(eight_bit=False)
    parsed, raw = parse(octets), BytesParser(policy=policy.compat32).parsebytes(octets)
    for header, address in (("From", "news@example.test"), ("Reply-To", "re@example.test"), ("To", "ana@example.test")):
        assert [mailbox.addr_spec for mailbox in parsed[header].addresses] == [address]
        # The newer parser puts a space between the encoded words of a name, against RFC 2047 6.2.
        assert str(make_header(decode_header(parseaddr(raw[header])[0]))) == one_line(name.strip())


@given(BODY, st.booleans())
def test_a_single_body_is_read_as_it_was_written(body: str, eight_bit: bool) -> None:
    octets = build(html=body.encode()).encode(eight_bit=eight_bit)
    message = parse(octets)
    assert message.get_content_type() == "text/html"
    assert message.get_content_charset() == "utf-8"
    assert read(message) == wanted(body)
    check_lines(octets, 998)
    if not eight_bit:
        assert octets.isascii()


@given(BODY, BODY, st.booleans())
def test_both_bodies_are_read_as_they_were_written(html: str, text: str, eight_bit: bool) -> None:
    octets = build(html=html.encode(), text=text.encode()).encode(eight_bit=eight_bit)
    message = parse(octets)
    assert message.get_content_type() == "multipart/alternative"
    plain, rich = message.iter_parts()
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
    assert read(plain) == wanted(text)
    assert read(rich) == wanted(html)
    check_lines(octets, 998)


def read(part: object) -> bytes:
    assert isinstance(part, EmailMessage)
    assert not part.defects
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.rstrip(b"\r\n")


def wanted(body: str) -> bytes:
    return crlf(body.encode()).rstrip(b"\r\n")


@given(BODY, st.one_of(st.none(), BODY), st.booleans())
def test_what_is_known_of_a_message_without_looking_is_so(html: str, text: str | None, eight_bit: bool) -> None:
    bodies = [None if body is None else crlf(body.encode()) for body in (html, text)]
    even = not any(b"\r\n." in b"\r\n" + body for body in bodies if body is not None)
    email = build(html=bodies[0], text=bodies[1], crlf_only=True, even=even)
    octets, ascii_only, dotless = email.wire(eight_bit=eight_bit)
    assert octets == build(html=bodies[0], text=bodies[1]).encode(eight_bit=eight_bit)
    assert ascii_only == octets.isascii()
    assert b"\r\n." not in octets or not dotless


@given(BODY)
def test_encoded_bodies_have_short_lines(body: str) -> None:
    octets = build(html=(body + "é").encode()).encode(eight_bit=False)
    assert max(map(len, octets.partition(b"\r\n\r\n")[2].split(b"\r\n"))) <= 76


@pytest.mark.parametrize("end", [" ", "\t", " \t", "é "])
def test_white_space_at_the_end_of_a_line_makes_it_no_longer(end: str) -> None:
    body = "é\r\n" + "\r\n".join("a" * length + end for length in range(60, 90))
    octets = build(html=body.encode()).encode(eight_bit=False)
    (page,) = (part for part in parse(octets).walk() if not part.is_multipart())
    assert read(page) == body.encode()
    assert max(map(len, octets.split(b"\r\n"))) <= 76


@given(BODY)
def test_line_ends_become_crlf_and_nothing_else_changes(body: str) -> None:
    result = crlf(body.encode())
    assert result.replace(b"\r\n", b"\n") == body.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").encode()


@given(st.lists(st.integers(0, 1100), max_size=8))
def test_lines_that_are_too_long_are_found(lengths: list[int]) -> None:
    assert lines_fit(b"\r\n".join(b"x" * length for length in lengths)) == (max(lengths, default=0) <= 998)


@given(st.lists(ATOM, min_size=1, max_size=3).map(".".join), st.sampled_from(["example.test", "a-b.example.test"]))
def test_plain_addresses_stay_as_they_are(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    assert wire_address(address) == (address.encode(), False)
    assert parse(build(address=address).encode(eight_bit=True))["To"].addresses[0].addr_spec == address


@given(TEXT)
def test_no_address_breaks_out_of_its_path_or_header(address: str) -> None:
    try:
        spec = wire_address(address).spec
    except AddressError:
        spec = b""
    assert not any(octet < 0x20 or octet == 0x7F for octet in spec)
    message = parse(build(address=address).encode(eight_bit=True))
    assert len(message.keys()) == 8


@pytest.mark.parametrize(
    ("address", "spec"),
    [
        ('"john doe"@example.test', b'"john doe"@example.test'),
        ("a..b@example.test", b'"a..b"@example.test'),
        ("ana@EXAMPLE.test", b"ana@EXAMPLE.test"),
        ("ana@bücher.example", b"ana@xn--bcher-kva.example"),
        ("ana@faß.example", b"ana@xn--fa-hia.example"),
        ("ana@例え。テスト", b"ana@xn--r8jz45g.xn--zckzah"),
        ("ana@[192.0.2.1]", b"ana@[192.0.2.1]"),
    ],
)
def test_addresses_on_the_wire(address: str, spec: bytes) -> None:
    assert wire_address(address) == (spec, False)


@pytest.mark.parametrize(
    "address",
    [
        *("", "@", "a@", "@b.test", "a b@c.test", "a@b c", "a@-b.test", "<a@b.test>", "\ud800@b.test", "a@\ud800.test"),
        *("a@b.test\r\nX: y", "a\0@b.test", '"a\r\n"@b.test'),
        *("a@" + "b" * 64 + ".test", "a" * 65 + "@b.test", "a@" + "b." * 130 + "test"),
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(AddressError):
        wire_address(address)
    build(address=address).encode(eight_bit=True)


def test_ascii_domain_of_plain_names_is_the_name() -> None:
    assert ascii_domain("mail.example.test") == "mail.example.test"


def test_every_field_of_a_complete_message() -> None:
    skeleton = EmailSkeleton.compile(
        sender=Mailbox("news@bücher.test", "Bücher & Co"),
        reply_to=Mailbox("help@example.test"),
        headers={"X-Campaign": "Frühling", "Precedence": "bulk"},
        feedback_id="50001:10002:1:volley",
        envelope_sender="bounces@example.test",
    )
    email = skeleton.build(
        delivery_id="50001-88231-90412",
        address="ana@example.test",
        name="Ana",
        subject="Olá",
        html="<p>Olá</p>".encode(),
        text="Olá".encode(),
        at=datetime(2026, 11, 23, 10, 0, tzinfo=UTC),
        unsubscribe_url="https://example.test/u/é?a=1&b=<2>",
    )
    message = parse(email.encode(eight_bit=True))
    assert dict(message.items()) == {
        "MIME-Version": "1.0",
        "From": "Bücher & Co <news@xn--bcher-kva.test>",
        "Reply-To": "help@example.test",
        "Feedback-ID": "50001:10002:1:volley",
        "X-Campaign": "Frühling",
        "Precedence": "bulk",
        "Date": "Mon, 23 Nov 2026 10:00:00 +0000",
        "To": "Ana <ana@example.test>",
        "Subject": "Olá",
        "Message-ID": "<50001-88231-90412@xn--bcher-kva.test>",
        "List-Unsubscribe": "<https://example.test/u/%C3%A9?a=1&b=%3C2%3E>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Content-Type": message["Content-Type"],
    }
    assert email.sender == "bounces@example.test"
    assert skeleton.message_id("50001-88231-90412") == "50001-88231-90412@xn--bcher-kva.test"


def test_the_same_delivery_has_the_same_message_id() -> None:
    ids = {parse(build(subject=subject).encode(eight_bit=True))["Message-ID"] for subject in ("One", "Two")}
    assert ids == {"<50001-88231-90412@example.test>"}


def test_a_boundary_that_stands_in_the_content_is_not_used() -> None:
    boundary = build().boundary
    text = b"--" + boundary + b"\r\nContent-Type: text/html\r\n\r\nforged"
    message = parse(build(text=text).encode(eight_bit=True))
    assert len(list(message.iter_parts())) == 2
    assert message.get_boundary() != boundary.decode()


def test_dense_text_takes_base64_and_sparse_text_quoted_printable() -> None:
    dense = parse(build(html="日本語".encode() * 40).encode(eight_bit=False))
    sparse = parse(build(html=b"plain text " * 40 + "é".encode()).encode(eight_bit=False))
    assert (dense["Content-Transfer-Encoding"], sparse["Content-Transfer-Encoding"]) == ("base64", "quoted-printable")


def test_a_line_beyond_998_is_encoded_even_where_eight_bits_pass() -> None:
    octets = build(html=b"x" * 999).encode(eight_bit=True)
    assert parse(octets)["Content-Transfer-Encoding"] == "quoted-printable"
    check_lines(octets, 76)


@pytest.mark.parametrize("name", ["Subject", "content-type", "Bad Name", "X:", "X\r\nY", "", "Bcc"])
def test_header_names_that_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="header"):
        EmailSkeleton.compile(sender=Mailbox("news@example.test"), headers={name: "x"})


@pytest.mark.parametrize("delivery_id", ["", "a b", "1>\r\nX: y", "é"])
def test_delivery_ids_that_are_refused(delivery_id: str) -> None:
    with pytest.raises(ValueError, match="delivery_id"):
        build(delivery_id=delivery_id)


def test_a_message_without_a_body_is_refused() -> None:
    with pytest.raises(ValueError, match="HTML or a text body"):
        build(html=None, text=None)


def test_a_sender_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(AddressError):
        EmailSkeleton.compile(sender=Mailbox("nobody"))
