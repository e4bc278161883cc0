"""Pykka 4.5: an actor is a thread. Nothing is recorded."""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

import pykka

from benchmarks.gauge import MEMBERS, Stopwatch, used_memory
from benchmarks.kinds import Case


class Sink(pykka.ThreadingActor):
    def __init__(self, expected: int, done: threading.Event) -> None:
        super().__init__()
        self.left = expected
        self.done = done

    def on_receive(self, message: Any) -> None:  # noqa: ARG002  # Pykka calls it by this name
        self.left -= 1
        if not self.left:
            self.done.set()


class Echo(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return message


class Member(pykka.ThreadingActor):
    successor: pykka.ActorRef[Any]

    def __init__(self, done: threading.Event) -> None:
        super().__init__()
        self.done = done

    def on_receive(self, message: Any) -> None:
        if isinstance(message, pykka.ActorRef):
            self.successor = message
        elif message:
            self.successor.tell(message - 1)
        else:
            self.done.set()


def tell(count: int, _: Path) -> float:
    done = threading.Event()
    sink = Sink.start(count, done)
    with Stopwatch() as watch:
        for number in range(count):
            sink.tell(number)
        done.wait()
    sink.stop()
    return watch.rate(count)


def ask(count: int, _: Path, *, outstanding: int) -> float:
    echo = Echo.start()
    answers: deque[pykka.Future[Any]] = deque()
    with Stopwatch() as watch:
        for number in range(count):
            if len(answers) == outstanding:
                answers.popleft().get()
            answers.append(echo.ask(number, block=False))
        while answers:
            answers.popleft().get()
    echo.stop()
    return watch.rate(count)


def ring(hops: int, _: Path) -> float:
    done = threading.Event()
    members = [Member.start(done) for _ in range(MEMBERS)]
    for place, member in enumerate(members):
        member.ask(members[(place + 1) % MEMBERS])
    with Stopwatch() as watch:
        members[0].tell(hops)
        done.wait()
    pykka.ActorRegistry.stop_all()
    return watch.rate(hops)


def spawn(count: int, _: Path) -> float:
    with Stopwatch() as watch:
        for echo in [Echo.start() for _ in range(count)]:
            echo.stop()
    return watch.rate(count)


def idle(count: int, _: Path) -> float:
    before = used_memory()
    actors = [Echo.start() for _ in range(count)]
    size = (used_memory() - before) / len(actors)
    pykka.ActorRegistry.stop_all()
    return size


CASES: dict[str, Case] = {
    "tell": tell,
    "ask": partial(ask, outstanding=1),
    "ask64": partial(ask, outstanding=64),
    "ring": ring,
    "spawn": spawn,
    "idle": idle,
}
