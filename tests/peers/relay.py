"""A cable that can be cut: forwards TCP to a server until it has carried enough."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from typing import Literal

Fault = Literal["reset", "silence", "none"]


class Relay:
    """`with Relay(port, "reset", after) as relay`: clients connect to `relay.port`.

    After `after` bytes towards the server: "reset" ends the connection rudely, once; "silence"
    carries nothing any more, in either direction, on any connection.
    """

    def __init__(self, target: int, fault: Fault, after: int) -> None:
        self._target, self._fault, self._left = target, fault, after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._selector = selectors.DefaultSelector()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._servers: set[socket.socket] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._carry)
        self.broke = False

    def __enter__(self) -> Relay:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        for end in (*self._pairs, self._listener):
            end.close()
        self._selector.close()

    def cut(self) -> None:
        """Break with the next byte towards the server."""
        self._left = 0

    def _carry(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(0.05):
                end = key.fileobj
                assert isinstance(end, socket.socket)
                if self.broke and self._fault == "silence":
                    self._ended.wait(0.05)
                elif end is self._listener:
                    self._accept()
                elif end in self._pairs:
                    self._forward(end)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._target))
        self._pairs[client], self._pairs[server] = server, client
        self._servers.add(server)
        for end in (client, server):
            self._selector.register(end, selectors.EVENT_READ)

    def _forward(self, end: socket.socket) -> None:
        try:
            data = end.recv(1 << 16)
            if data:
                self._pairs[end].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._drop(end)
        elif end not in self._servers and not self.broke:
            self._left -= len(data)
            if self._left <= 0 and self._fault != "none":
                self.broke = True
                if self._fault == "reset":
                    self._drop(end, rudely=True)

    def _drop(self, end: socket.socket, rudely: bool = False) -> None:
        for one in (end, self._pairs[end]):
            self._selector.unregister(one)
            del self._pairs[one]
            if rudely:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
