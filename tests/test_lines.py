"""Lines between a theater and its notary: how few calls a message takes, and that each arrives whole."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from threading import Thread
from typing import Any, cast

import pytest

from theater.notary.lines import Line

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    first, second = socket.socketpair()
    with first, second:
        yield first, second


class Counted:
    """A socket that notes each call that moves bytes, and may take only some of what is to go."""

    def __init__(self, connection: socket.socket, *, takes: int = 1 << 30) -> None:
        self.done: list[str] = []
        self._connection = connection
        self._takes = takes

    def sendmsg(self, parts: Sequence[bytes]) -> int:
        self.done.append("sendmsg")
        return self._connection.send(b"".join(parts)[: self._takes])

    def __getattr__(self, name: str) -> Any:
        self.done.append(name)
        return getattr(self._connection, name)


def counted(connection: socket.socket, *, takes: int = 1 << 30) -> tuple[Line, list[str]]:
    found = Counted(connection, takes=takes)
    return Line(cast("socket.socket", found)), found.done


def test_a_batch_goes_by_one_call_and_its_answer_comes_by_one(ends: Ends) -> None:
    line, done = counted(ends[0])
    note = "a checkpoint with two signatures".ljust(1_000)
    served = Thread(target=Line(ends[1]).serve, args=({"batch": lambda *_: [note, 1, 2, 3]},))
    served.start()

    answer = line.ask("batch", 1, 2, payload=bytes(1 << 20), sent=lambda: done.append("told"))
    ends[0].shutdown(socket.SHUT_RDWR)
    served.join()

    assert done == ["sendmsg", "told", "recv"]
    assert answer == [note, 1, 2, 3]


def test_an_answer_that_ctrl_c_kept_from_being_heard_is_not_taken_for_the_next_one(ends: Ends) -> None:
    line = Line(ends[0])
    Line(ends[1]).send(["done", "the answer to the first"])

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        line.ask("first", sent=interrupted)
    with pytest.raises(ConnectionError, match="ended"):
        line.ask("second")


@pytest.mark.parametrize("takes", [1, 8, 20, 21, 4_096, 99_999])
def test_what_a_signal_kept_from_being_sent_is_sent_behind_it(ends: Ends, takes: int) -> None:
    line, _ = counted(ends[0], takes=takes)
    payload = bytes(range(250)) * 400
    sending = Thread(target=line.send, args=(["batch", 1, 2], payload))

    sending.start()
    received = Line(ends[1]).receive()
    sending.join()

    assert received == (["batch", 1, 2], payload)


@pytest.mark.parametrize("piece", [1, 7, 4_095, 4_097, 1 << 20])
def test_messages_that_come_in_pieces_or_together_are_told_apart(ends: Ends, piece: int) -> None:
    taking = Line(ends[1])
    messages: list[tuple[list[Any], bytes]] = [
        (["short"], b""),
        (["write", 3], bytes(range(200)) * 100),
        (["end"], b"x"),
    ]

    def send() -> None:
        stream, pieces = bytearray(), socket.socketpair()
        with pieces[0], pieces[1]:
            for words, payload in messages:
                Line(pieces[0]).send(words, payload)
            pieces[0].shutdown(socket.SHUT_WR)
            while chunk := pieces[1].recv(1 << 16):
                stream += chunk
        for at in range(0, len(stream), piece):
            ends[0].sendall(stream[at : at + piece])
        ends[0].shutdown(socket.SHUT_WR)

    sending = Thread(target=send)
    sending.start()
    received = [taking.receive() for _ in range(4)]
    sending.join()

    assert received == [*messages, None]
