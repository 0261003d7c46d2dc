"""Messages over an open SMTP connection, by BDAT: whole groups of them in one write (RFC 3030)."""

import re

from providers.email.smtp_flow import Exchange, Flow
from providers.email.smtp_replies import Stage, accepted

GROUP_BYTES = 256 * 1024
STALE_AFTER = 1.0
_ALL_WELL = re.compile(rb"(?:250 [^\r\n]*\r\n)+")
_TRANSACTION = (Stage.RSET, Stage.MAIL, Stage.RCPT, Stage.BODY)


class ChunkedFlow(Flow):
    """Several whole transactions in one write (BDAT). A RSET parts them: a refused one must not leak into the next."""

    stuffed = False
    expected = 0
    """How many replies the `asked` wait for: four each, and three where no RSET comes before the first."""

    def start(self) -> None:
        if self.session.idle_for > STALE_AFTER:  # a group written to a dead connection would be in doubt
            self.session.dirty = True
            self.session.write(self._reset())
        else:
            self._turn()

    def take_good_news(self, replies: bytes) -> bool:
        if _ALL_WELL.fullmatch(replies) is None:
            return False
        lines = replies.split(b"\r\n")
        count = len(lines) - 1
        if self.asked and count == self.expected:
            asked, self.asked = self.asked, []
            for exchange, line in zip(asked, lines[(count - 1) % 4 :: 4], strict=True):
                self._accept(exchange, line)
        else:
            self._list_asked()
            if count > len(self.pending):
                return False
            self._take(lines[:-1])
        if not self.pending:
            self._turn()
        return True

    def _take(self, lines: list[bytes]) -> None:
        for line in lines:
            stage, exchange = self.pending.popleft()
            if stage is Stage.BODY and exchange is not None:
                self._settle(exchange, exchange.refusal or accepted(line))

    def _list_asked(self) -> None:
        asked, self.asked = self.asked, []
        listed = [(stage, exchange) for exchange in asked for stage in _TRANSACTION]
        self.pending += (
            (stage, None if stage is Stage.RSET else exchange) for stage, exchange in listed[-self.expected :]
        )

    def _turn(self) -> None:
        parts: list[bytes] = []
        asked: list[Exchange] = []
        size, opening = 0, b"RSET\r\n" if self.session.dirty else b""
        self.expected = -1 if not opening else 0
        while len(asked) < self.session.config.depth and size < GROUP_BYTES:
            exchange = self._begin()
            if exchange is None:
                break
            mail, rcpt, payload = exchange.envelope
            size += len(payload)
            parts += (b"%b%b%bBDAT %d LAST\r\n" % (opening, mail, rcpt, len(payload)), payload)
            self._hand_over(exchange)
            asked.append(exchange)
            opening = b"RSET\r\n"
        if asked:
            self.asked = asked
            self.expected += 4 * len(asked)
            self.session.dirty = True
            self.session.write(parts)
        else:
            self._finish(None)
