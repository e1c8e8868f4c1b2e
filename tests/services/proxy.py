"""A TCP proxy in front of an HTTP service, which can be away or slow, refuse, and lose answers on their way back."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_BEGINS = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE) /")
_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.I)


class Proxy:
    """Forwards bytes both ways.

    While ``loses`` is set, the first bytes of an answer close the connection instead; while ``is_away`` is set nobody
    is there; ``says`` is the status that answers every request without asking the service; ``slow`` are seconds that
    every answer waits.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self.loses = False
        self.lost = 0
        self.says = 0
        self.refused = 0
        self.slow = 0.0
        self._is_away = False
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def is_away(self) -> bool:
        return self._is_away

    @is_away.setter
    def is_away(self, value: bool) -> None:
        self._is_away = value
        for end in self._open if value else ():
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._is_away:
                    raise ConnectionRefusedError
                server = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                client.close()
                continue
            self._open += [client, server]
            for source, target, is_answer in ((client, server, False), (server, client, True)):
                thread = threading.Thread(target=self._pump, args=(source, target), kwargs={"is_answer": is_answer})
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, target: socket.socket, *, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_answer and self.loses:
                    self.lost += 1
                    break
                if is_answer and self.slow:
                    self._closing.wait(self.slow)
                if not is_answer and self.says and _BEGINS.match(data):
                    self._refuse(source, data)
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _refuse(self, client: socket.socket, data: bytes) -> None:
        while b"\r\n\r\n" not in data:
            data += client.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        left = int(length[1]) - len(body) if length else 0
        while left > 0 and (more := client.recv(65536)):
            left -= len(more)
        self.refused += 1
        client.sendall(b"HTTP/1.1 %d No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % self.says)

    def close(self) -> None:
        self._closing.set()
        for end in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join()


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """A proxy in front of a port of this machine."""
    made = Proxy(port)
    try:
        yield made
    finally:
        made.close()
