"""Which network addresses a provider's URL may lead to: an administrator of a workspace is not one of the network.

Judged is the address that is connected to, after the name was resolved, so that no name can be pointed elsewhere
between a check and its use.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

# Where clouds answer questions about the machine itself, beside the link-local ones.
_METADATA = ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254")
METADATA = frozenset(map(ip_address, _METADATA))
_NAT64 = IPv6Network("64:ff9b::/96")


def why_forbidden(address: str, *, private_allowed: bool) -> str | None:
    """None: it may be connected to. Otherwise what it is, as in `a link-local address`."""
    ip = _innermost(ip_address(address.partition("%")[0]))
    if ip in METADATA:
        return "a cloud's metadata service"
    if ip.is_link_local:
        return "a link-local address"
    if ip.is_loopback:
        return None if private_allowed else "a loopback address"
    if ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        return "no host's address"
    if not ip.is_global or (isinstance(ip, IPv6Address) and ip.is_site_local):
        return None if private_allowed else "a private address"
    return None


def _innermost(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that some IPv6 ones stand for (RFC 4291 2.5.5.2, 3056, 6052)."""
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
