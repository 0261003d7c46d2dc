"""From a URL's host to a connection that requests can go over."""

import asyncio
import socket
import ssl

from providers.contract import Result, Verdict, trouble
from providers.http.http_config import HttpConfig
from providers.http.http_session import HttpSession
from providers.http.network_addresses import why_forbidden
from providers.network_errors import in_words


class Refused(Exception):
    """There is no connection; `result` is the verdict on everything that waits for one."""

    def __init__(self, words: str) -> None:
        self.result: Result = trouble(Verdict.UNAVAILABLE, words)
        super().__init__(words)


async def connect(config: HttpConfig, context: ssl.SSLContext | None) -> HttpSession:
    """Raises Refused, with the reason in words."""
    try:
        async with asyncio.timeout(config.connect_timeout):
            return await _open(config, context, await _addresses(config))
    except TimeoutError as error:
        raise Refused(f"{config.name} was not ready within {config.connect_timeout:g} s") from error
    except (OSError, UnicodeError) as error:
        raise Refused(f"{config.name}: {in_words(error)}") from error


async def _addresses(config: HttpConfig) -> list[str]:
    """Those of the host's that may be connected to. Raises Refused where there is none, and OSError."""
    endpoint = config.endpoint
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    forbidden = {one: why_forbidden(one, private_allowed=config.private_allowed) for one in addresses}
    allowed = [one for one in addresses if forbidden[one] is None]
    if not allowed:
        named = ", ".join(f"{one} is {why}" for one, why in forbidden.items())
        raise Refused(f"{config.name}: {named or 'it has no address'}; Volley does not connect there")
    return allowed


async def _open(config: HttpConfig, context: ssl.SSLContext | None, addresses: list[str]) -> HttpSession:
    """To the first of the addresses that takes us, and to no other than these. Raises OSError."""
    loop = asyncio.get_running_loop()
    trouble_met: OSError = OSError("it has no address")
    for address in addresses:
        session = HttpSession(config)
        try:
            await loop.create_connection(
                lambda session=session: session,
                address,
                config.endpoint.port,
                ssl=context,
                server_hostname=config.endpoint.host if context else None,
            )
        except OSError as error:
            trouble_met = error
        else:
            return session
    raise trouble_met
