"""Lines between a theater and its notary: one request, one answer, each with its lengths before it.

    length of the words      4 bytes, big-endian
    length of the payload    4 bytes, big-endian
    words                    a list in canonical MessagePack, which begins with a text
    payload                  bytes as they are

A request is a word and its arguments; an answer is `["done", value]`, `["errno", number, text]` or
`["error", class, text]`. There are three lines in a session, so that nobody waits for what others have the
disk do: one for batches, one for contents and keys, one for what the event loop asks.

A message goes by one call and a short one comes by one: beside a busy event loop a thread waits a millisecond
and more for the interpreter after each.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Lock
from typing import Any

from theater import errors
from theater.codec import decode, encode
from theater.errors import ForgedError, JournalFailedError, MalformedError, TheaterError

PAYLOAD_LIMIT = 32 << 20  # bytes; a batch takes at most 8 MiB and one request more
_WORDS_LIMIT = 1 << 16
_SHORT = 4096  # bytes; every answer is shorter
_LENGTHS = struct.Struct(">II")

Handlers = Mapping[str, Callable[..., Any]]


class Line:
    """One end of a line."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._lock = Lock()
        self._come = b""  # what came, and belongs to no message yet

    def ask(
        self,
        word: str,
        *arguments: Any,
        payload: bytes | bytearray | memoryview = b"",
        sent: Callable[[], None] | None = None,
    ) -> Any:
        """Ask, and wait for the answer; any thread may call it, and waits for its turn.

        `sent` is told once only the answer is left to wait for.

        Raises:
            OSError: what the disk said to the notary, or that the notary has ended.
            TheaterError: what else it said.
        """
        with self._lock:
            try:
                self.send([word, *arguments], payload)
                if sent is not None:
                    sent()
                received = self.receive()
            except ConnectionError:
                received = None
            except BaseException:  # ctrl-C: the next to ask would take this answer for its own
                self._cut()
                raise
        match received:
            case None:
                raise ConnectionError("the notary has ended")
            case (["done", value], _):
                return value
            case (["errno", int(number), str(text)], _):
                raise OSError(number, text)
            case (["error", str(name), str(text)], _):
                raise _error(name, text)
            case _:
                raise JournalFailedError("the notary gave an answer that is none")

    def serve(self, handlers: Handlers) -> None:
        """Answer each request, until the other end is closed.

        Raises:
            ForgedError, MalformedError: a request is not to be trusted; whoever asked was told.
        """
        while (request := self.receive()) is not None:
            (word, *arguments), payload = request
            handler = handlers.get(word)
            try:
                if handler is None:
                    raise MalformedError("request", word)
                answer = ["done", handler(payload, *arguments)]
            except OSError as error:
                answer = ["errno", error.errno or 0, error.strerror or str(error)]
            except TheaterError as error:
                self.refuse(error)
                if isinstance(error, ForgedError | MalformedError):
                    raise
                continue
            self.send(answer)

    def refuse(self, error: TheaterError) -> None:
        """Answer with an error."""
        self.send(["error", type(error).__name__, str(error)])

    def send(self, words: list[Any], payload: bytes | bytearray | memoryview = b"") -> None:
        packed = encode(words)
        head = _LENGTHS.pack(len(packed), len(payload)) + packed
        count = self.connection.sendmsg([head, payload])
        if count < len(head) + len(payload):  # a signal came
            self.connection.sendall(head[count:])
            self.connection.sendall(memoryview(payload)[max(0, count - len(head)) :])

    def receive(self) -> tuple[list[Any], bytes] | None:
        """The next words and payload; None if the other end is closed.

        Raises:
            MalformedError: what came is none.
        """
        head = self._exactly(_LENGTHS.size)
        if head is None:
            return None
        words, payload = _LENGTHS.unpack(head)
        if words > _WORDS_LIMIT or payload > PAYLOAD_LIMIT:
            raise MalformedError("request", head, why=f"over {PAYLOAD_LIMIT} bytes")
        packed, carried = self._exactly(words), self._exactly(payload)
        if packed is None or carried is None:
            return None
        value = decode(packed)
        if type(value) is not list or not value or type(value[0]) is not str:
            raise MalformedError("request", packed, why="a list that begins with a word")
        return value, carried

    def has_ended(self) -> bool:
        """Whether the other end is closed; nothing is read."""
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """End it for both, also for a thread that waits at this end."""
        self._cut()
        self.connection.close()

    def end(self) -> None:
        """Say that no more will come, and wait until the other end is closed."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while self.connection.recv(_LENGTHS.size):
                continue
        self.connection.close()

    def hang_up(self) -> None:
        """Let a thread that waits at this end see that it is over; the other sees it when this is closed."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)

    def _cut(self) -> None:
        with suppress(OSError):  # the other end was first
            self.connection.shutdown(socket.SHUT_RDWR)

    def _exactly(self, length: int) -> bytes | None:
        """So many bytes; None if the other end was closed before."""
        received = bytearray(length)
        view = memoryview(received)
        while view:
            count = self._into(view)
            if not count:
                return None
            view = view[count:]
        return bytes(received)

    def _into(self, view: memoryview) -> int:
        """Take what has come; returns how many bytes, 0 if the other end is closed."""
        try:
            if not self._come and len(view) >= _SHORT:
                return self.connection.recv_into(view)
            if not self._come:
                self._come = self.connection.recv(_SHORT)
        except ConnectionError:
            return 0
        count = min(len(view), len(self._come))
        view[:count], self._come = self._come[:count], self._come[count:]
        return count


def _error(name: str, text: str) -> TheaterError:
    """The error of that name, if it is one that takes only a text."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, errors.JournalError | errors.SetupError | ForgedError):
        return kind(text)
    return JournalFailedError(text)
