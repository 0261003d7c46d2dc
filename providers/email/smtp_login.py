"""From a host's name to a connection that takes mail: greeting, EHLO, TLS, AUTH (RFC 5321, 3207, 4954)."""

import asyncio
import base64
import ssl

from providers.contract import Verdict, trouble
from providers.email.smtp_config import Security, SmtpConfig
from providers.email.smtp_envelope import Extensions
from providers.email.smtp_replies import Stage, judge
from providers.email.smtp_session import Refused, SmtpSession
from providers.network_errors import in_words


async def connect(config: SmtpConfig, context: ssl.SSLContext) -> SmtpSession:
    """Raises Refused, with the reason in words."""
    session = SmtpSession(config)
    try:
        async with asyncio.timeout(config.connect_timeout):
            await _open(session, context)
    except Refused:
        session.abort("refused")
        raise
    except TimeoutError as error:
        session.abort("timed out")
        raise _unavailable(f"{session.name} was not ready within {config.connect_timeout:g} s") from error
    except (OSError, UnicodeError) as error:
        session.abort("failed")
        raise _unavailable(f"{session.name}: {in_words(error)}") from error
    except BaseException:
        session.abort("stopped")
        raise
    return session


async def _open(session: SmtpSession, context: ssl.SSLContext) -> None:
    config = session.config
    tls = context if config.security is Security.TLS else None
    loop = asyncio.get_running_loop()
    await loop.create_connection(
        lambda: session, config.host, config.port, ssl=tls, server_hostname=config.host if tls else None
    )
    _expect(session, "greeted us with", await session.reply(), b"220")
    await _greet(session)
    if config.security in (Security.STARTTLS, Security.OPPORTUNISTIC):
        await _start_tls(session, context)
    if config.username:
        await _log_in(session)


async def _greet(session: SmtpSession) -> None:
    name = session.config.helo or _literal(session)
    reply = await session.command(f"EHLO {name}")
    if reply[:1] == b"5":
        _expect(session, "refused EHLO and HELO with", await session.command(f"HELO {name}"), b"250")
        session.extensions = Extensions(host=session.name)
        return
    _expect(session, "answered EHLO with", reply, b"250")
    session.extensions = _extensions(session, reply)


async def _start_tls(session: SmtpSession, context: ssl.SSLContext) -> None:
    config = session.config
    if not session.extensions.starttls:
        if config.security is Security.STARTTLS or config.username:
            raise _unavailable(f"{session.name} does not offer STARTTLS, and the provider's settings ask for it")
        return
    _expect(session, "refused STARTTLS with", await session.command("STARTTLS"), b"220")
    await session.start_tls(context)
    await _greet(session)


async def _log_in(session: SmtpSession) -> None:
    config, offered = session.config, session.extensions.auth
    user, password = config.username.encode(), config.password.encode()
    if "PLAIN" in offered:
        reply = await session.command(f"AUTH PLAIN {_base64(b'\0' + user + b'\0' + password)}")
    elif "LOGIN" in offered:
        _expect(session, "refused AUTH LOGIN with", await session.command("AUTH LOGIN"), b"334")
        _expect(session, "refused the username with", await session.command(_base64(user)), b"334")
        reply = await session.command(_base64(password))
    else:
        raise _unavailable(f"{session.name} offers neither AUTH PLAIN nor AUTH LOGIN")
    _expect(session, "refused the login with", reply, b"235")


def _extensions(session: SmtpSession, reply: bytes) -> Extensions:
    config = session.config
    offered: dict[str, list[str]] = {}
    for line in reply.decode("ascii", "replace").splitlines()[1:]:
        keyword, *values = line[4:].replace("=", " ").split() or [""]
        offered.setdefault(keyword.upper(), []).extend(value.upper() for value in values)
    size = offered.get("SIZE", [])
    return Extensions(
        host=session.name,
        pipelining=config.pipelining and "PIPELINING" in offered,
        chunking=config.chunking and "CHUNKING" in offered,
        eight_bit="8BITMIME" in offered,
        utf8="SMTPUTF8" in offered,
        starttls="STARTTLS" in offered,
        size=int(size[0]) if size and size[0].isascii() and size[0].isdigit() else 0,
        auth=frozenset(offered.get("AUTH", [])),
    )


def _expect(session: SmtpSession, what: str, reply: bytes, code: bytes) -> None:
    if reply.startswith(code):
        return
    words = reply.decode("utf-8", "replace").strip().replace("\r\n", " ")
    verdict = judge(words, Stage.RSET).verdict if words[:1] == "4" else Verdict.UNAVAILABLE
    if verdict is not Verdict.THROTTLED:
        verdict = Verdict.UNAVAILABLE
    raise Refused(trouble(verdict, f"{session.name} {what} {words}"))


def _unavailable(words: str) -> Refused:
    return Refused(trouble(Verdict.UNAVAILABLE, words))


def _literal(session: SmtpSession) -> str:
    """Our own address, for clients without a name of their own (RFC 5321 4.1.3)."""
    address = "127.0.0.1" if session.transport is None else session.transport.get_extra_info("sockname")[0]
    return f"[IPv6:{address.partition('%')[0]}]" if ":" in address else f"[{address}]"


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
