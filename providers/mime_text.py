"""Encodings of header text (RFC 5322, RFC 2047) and of bodies (RFC 2045)."""

import binascii
import re

LINE_WIDTH = 76
LINE_LIMIT = 998  # RFC 5322 2.1.1, without CRLF

_BREAKS = re.compile(r"[\r\n\t]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_ATOM_WORDS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_WORD_OVERHEAD = len("=?utf-8?b??=")
_LONG_END = re.compile(rb"(?<![^\n])([^\r\n]{74,75})(=(?:20|09))(?=\r\n|\Z)")
_NOT_LITERAL_IN_QP = bytes(range(0x20, 0x7F)).replace(b"=", b"") + b"\r\n\t"


def one_line(text: str) -> str:
    """Line breaks and tabs become one space, other control characters go: nothing can start a header."""
    return _CONTROLS.sub("", _BREAKS.sub(" ", text))


def unstructured(text: str, column: int) -> bytes:
    """A header's value that starts at `column`, encoded and folded where it must be."""
    if len(text) + column <= LINE_WIDTH and _literal(text):
        return text.encode("ascii")
    text = one_line(text)
    if _literal(text):
        folded = _fold(text, column)
        if all(len(line) <= LINE_LIMIT for line in folded.split("\r\n")):
            return folded.encode("ascii")
    return encoded_words(text, column)


def phrase(name: str, column: int) -> bytes:
    """A display name: atoms, a quoted string, or encoded words."""
    name = one_line(name)
    if not _literal(name) or len(name) + column + 2 > LINE_WIDTH:
        return encoded_words(name, column)
    if _ATOM_WORDS.fullmatch(name):
        return name.encode("ascii")
    return b'"%b"' % re.sub(r'(["\\])', r"\\\1", name).encode("ascii")


def encoded_words(text: str, column: int) -> bytes:
    """Base64 encoded words, each of whole characters, one a line (RFC 2047 section 2)."""
    words: list[bytes] = []
    room = LINE_WIDTH - column
    pending = b""
    for char in text:
        octets = char.encode("utf-8", "replace")
        if _WORD_OVERHEAD + 4 * ((len(pending) + len(octets) + 2) // 3) > room:
            words.append(pending)
            pending, room = b"", LINE_WIDTH - 1
        pending += octets
    words.append(pending)
    return b"\r\n ".join(b"=?utf-8?b?%b?=" % binascii.b2a_base64(word, newline=False) for word in words if word)


def crlf(body: bytes) -> bytes:
    """The body with every line end CRLF and without NUL, which no mail may carry."""
    joined = b"\r\n".join(body.splitlines())
    if body[-1:] in (b"\n", b"\r"):
        joined += b"\r\n"
    return joined.replace(b"\0", b"") if b"\0" in joined else joined


def lines_fit(body: bytes) -> bool:
    """Whether no line of a body with CRLF line ends is longer than LINE_LIMIT; hops from end to end, far apart."""
    start, size = 0, len(body)
    while size - start > LINE_LIMIT:
        # One octet is looked for several times as fast as two.
        start = body.rfind(b"\n", start, start + LINE_LIMIT + 2) + 1
        if not start:
            return False
    return True


def seven_bit(body: bytes) -> tuple[bytes, bytes]:
    """(encoding's name, body) in ASCII lines of at most 76: whichever of the two encodings is shorter."""
    if 2 * len(body.translate(None, _NOT_LITERAL_IN_QP)) > len(body) // 3:
        return b"base64", _base64(body)
    return b"quoted-printable", _quoted_printable(body)


def _base64(body: bytes) -> bytes:
    line = binascii.b2a_base64(body, newline=False)
    return b"\r\n".join(line[start : start + LINE_WIDTH] for start in range(0, len(line), LINE_WIDTH))


def _quoted_printable(body: bytes) -> bytes:
    encoded = binascii.b2a_qp(body, istext=True)
    if b"\r\n" not in body:
        encoded = encoded.replace(b"=\n", b"=\r\n")  # without a CRLF to copy, b2a_qp breaks lines with a bare LF
    # It doesn't count the two octets by which white space at the end of a line grows.
    return _LONG_END.sub(rb"\1=\r\n\2", encoded) if b"=20" in encoded or b"=09" in encoded else encoded


def _literal(text: str) -> bool:
    """Whether a header may hold the text as it is: printable ASCII that no reader would decode or trim."""
    return text.isascii() and text.isprintable() and "=?" not in text and text[:1] != " " and text[-1:] != " "


def _fold(text: str, column: int) -> str:
    lines, line = [], ""
    for word in re.findall(r" *[^ ]+", text):
        if line and column + len(line) + len(word) > LINE_WIDTH:
            lines.append(line)
            line, column = "", 0
        line += word
    return "\r\n".join([*lines, line])
