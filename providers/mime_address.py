"""Email addresses as they go on the wire: RFC 5321 paths, RFC 6531 for what is not ASCII."""

import re
import unicodedata
from typing import NamedTuple

ADDRESS_LIMIT = 254  # RFC 5321 4.5.3.1.3, less the angle brackets
LOCAL_LIMIT = 64

_PLAIN = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9]+(?:[.-][A-Za-z0-9]+)*"
)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+")
_QUOTED = re.compile(r'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"')
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_LITERAL = re.compile(r"\[(?:IPv6:)?[0-9A-Fa-f:.]+\]")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")


class AddressError(ValueError):
    """The address cannot be used; the text says why."""


class WireAddress(NamedTuple):
    """`spec` is local@domain with an ASCII domain; `utf8` says that it needs SMTPUTF8."""

    spec: bytes
    utf8: bool


def wire_address(address: str) -> WireAddress:
    """Raises AddressError."""
    if len(address) <= LOCAL_LIMIT and _PLAIN.fullmatch(address):
        return WireAddress(address.encode("ascii"), False)
    local, at, domain = address.rpartition("@")
    if not at:
        raise AddressError(f"{address[:80]!a} has no @.")
    spec = f"{_local_part(local)}@{ascii_domain(domain)}"
    if not _lengths_fit(spec):
        raise AddressError(f"{address[:80]!a}… is longer than {LOCAL_LIMIT} before the @ or {ADDRESS_LIMIT} in all.")
    return WireAddress(spec.encode(), utf8=not spec.isascii())


def ascii_domain(domain: str) -> str:
    """Labels that are not ASCII become A-labels without mapping ß or ς away (IDNA 2008). Raises AddressError."""
    if _LITERAL.fullmatch(domain):
        return domain
    labels = [_ascii_label(label) for label in _DOTS.split(domain)]
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressError(f"{domain[:80]!a} is not a domain name.")
    return ".".join(labels)


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    mapped = unicodedata.normalize("NFKC", label).lower()
    if mapped.isascii():
        return mapped
    if not _encodable(mapped):
        raise AddressError(f"{label[:80]!a} cannot be a part of a domain name.")
    return "xn--" + mapped.encode("punycode").decode("ascii")


def _local_part(local: str) -> str:
    if _QUOTED.fullmatch(local):
        return local
    atoms = local.split(".")
    if all(_ATOMS.fullmatch(atom) for atom in atoms) and _encodable(local):
        return local
    if local and _encodable(local) and all(not atom or _ATOMS.fullmatch(atom) for atom in atoms):
        return f'"{local}"'  # some carriers give out addresses with leading, trailing or doubled dots
    raise AddressError(f"{local[:80]!a} cannot stand before the @.")


def _encodable(text: str) -> bool:
    return not any("\x80" <= char <= "\x9f" or "\ud800" <= char <= "\udfff" for char in text)


def _lengths_fit(spec: str) -> bool:
    return len(spec.encode()) <= ADDRESS_LIMIT and len(spec.rpartition("@")[0].encode()) <= LOCAL_LIMIT
