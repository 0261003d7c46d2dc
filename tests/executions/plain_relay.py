"""A relay that can go away in the middle of a campaign and come back: the plainest SMTP, in threads."""

import socket
import threading


class PlainRelay:
    """On a port of its own, closed at first. `recipients` are those whose message was accepted, in order."""

    def __init__(self) -> None:
        self._keeper = socket.socket()  # bound and never listening: the port stays ours while nobody is there
        self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._keeper.bind(("127.0.0.1", 0))
        self.port = int(self._keeper.getsockname()[1])
        self.recipients: list[str] = []
        self._left: int | None = None
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []

    def come(self, *, takes: int | None = None) -> None:
        """Listens; with `takes`, goes away right after it has accepted so many messages."""
        self._left = takes
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def go(self) -> None:
        """Nobody is there any more: connections end, new ones are refused."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # A thread that waits in accept() would keep the port open.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            gone, self._open = self._open, []
        for connection in gone:
            connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.go()
        self._keeper.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.append(connection)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as lines:
                connection.sendall(b"220 plain\r\n")
                recipient = ""
                for line in lines:
                    verb = line[:4].upper()
                    if verb == b"RCPT":
                        recipient = line.partition(b"<")[2].partition(b">")[0].decode()
                    if verb == b"DATA":
                        connection.sendall(b"354 go on\r\n")
                        while lines.readline() not in (b".\r\n", b""):
                            pass
                        self._accept(connection, recipient)
                    else:
                        connection.sendall(b"221 bye\r\n" if verb == b"QUIT" else b"250 yes\r\n")
        except OSError:
            return

    def _accept(self, connection: socket.socket, recipient: str) -> None:
        with self._lock:
            self.recipients.append(recipient)
            left = self._left = None if self._left is None else self._left - 1
        connection.sendall(b"250 taken\r\n")
        if left == 0:
            self.go()
