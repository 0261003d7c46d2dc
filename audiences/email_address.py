"""Email addresses: judged by RFC 5321's limits and RFC 6531's characters, kept lower-case and in NFC, their domains as
people read them: `xn--` and other ways to write the same domain are one address.

Quoted local parts and address literals are refused: nobody subscribes with one, and typing errors look like them.
"""

import re
import unicodedata

from audiences.bad_value import BadValue, clean_text, shown

MAX_OCTETS = 254
MAX_LOCAL_OCTETS = 64
MAX_LABEL_OCTETS = 63
_A_LABEL = "xn--"

_ASCII_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+\Z")
_PLAIN = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"
)
_ASCII_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")


def parse_email(value: object) -> str:
    """The address as it is kept; BadValue `invalid_address` says what is wrong with it."""
    text = clean_text(value, name="An email address", limit=1000).strip()
    address = unicodedata.normalize("NFC", text.lower())
    plain = len(address) <= MAX_OCTETS and address.find("@") <= MAX_LOCAL_OCTETS and _PLAIN.match(address)
    if plain and _A_LABEL not in address:
        return address
    local, at, domain = address.rpartition("@")
    if not at:
        raise _invalid(text, "has no @.")
    if not local or not domain:
        raise _invalid(text, f"has nothing {'after' if local else 'before'} its @.")
    if len(address.encode()) > MAX_OCTETS:
        raise _invalid(text, f"is longer than {MAX_OCTETS} bytes.")
    _check_local(text, local)
    read = _readable(domain)
    if len(f"{local}@{read}".encode()) > MAX_OCTETS:
        read = domain
    _check_domain(text, read)
    return f"{local}@{read}"


def _readable(domain: str) -> str:
    """Compatible letters and dots as the plain ones, A-labels as what they stand for (RFC 5890)."""
    mapped = _mapped(domain).replace("\u3002", ".")
    return ".".join(_label(one) for one in mapped.split("."))


def _label(label: str) -> str:
    """Of an A-label that does not come back as it was, itself."""
    if not (label.isascii() and label.startswith(_A_LABEL)):
        return label
    try:
        found = label.removeprefix(_A_LABEL).encode().decode("punycode")
        again = _A_LABEL + _mapped(found).encode("punycode").decode()
    except UnicodeError:
        return label
    return found if again == label and not found.isascii() else label


def _mapped(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())


def _check_local(text: str, local: str) -> None:
    if len(local.encode()) > MAX_LOCAL_OCTETS:
        raise _invalid(text, f"has more than {MAX_LOCAL_OCTETS} bytes before its @.")
    if local[0] == "." or local[-1] == "." or ".." in local:
        raise _invalid(text, "has a dot at an edge, or two in a row, before its @.")
    ascii_part = "".join(c for c in local if c.isascii())
    if "@" in local:
        raise _invalid(text, "has more than one @.")
    if (ascii_part and not _ASCII_LOCAL.match(ascii_part)) or not local.isprintable():
        raise _invalid(text, "has a character that an address can't have.")


def _check_domain(text: str, domain: str) -> None:
    if "." not in domain:
        raise _invalid(text, "has no dot in its domain.")
    if not domain.isascii():
        if not domain.isprintable():
            raise _invalid(text, "has a character in its domain that can't be seen.")
        try:
            domain = domain.encode("idna").decode()
        except UnicodeError:
            raise _invalid(text, "has no valid domain.") from None
    if not _ASCII_DOMAIN.match(domain):
        raise _invalid(text, "has no valid domain.")


def _invalid(text: str, what: str) -> BadValue:
    return BadValue("invalid_address", f"{shown(text)} {what}")
