"""Thespian 4.0 on its simple base: all happens within the caller's call. Nothing is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thespian.actors import Actor, ActorExitRequest, ActorSystem

from benchmarks.gauge import MEMBERS, Stopwatch, used_memory
from benchmarks.kinds import Case


class Sink(Actor):
    handled = 0

    def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802  # Thespian's name for it
        if message == "count":
            self.send(sender, self.handled)
        elif isinstance(message, int):
            self.handled += 1


class Echo(Actor):
    def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802
        if not isinstance(message, ActorExitRequest):
            self.send(sender, message)


class Member(Actor):
    successor: Any = None

    def receiveMessage(self, message: Any, sender: Any) -> None:  # noqa: N802
        match message:
            case ("follow", successor):
                self.successor = successor
                self.send(sender, "followed")
            case ("hop", 0, starter):
                self.send(starter, "done")
            case ("hop", left, starter):
                self.send(self.successor, ("hop", left - 1, starter))
            case ("start", hops):
                self.send(self.successor, ("hop", hops, sender))


@contextmanager
def started() -> Iterator[Any]:
    system = ActorSystem("simpleSystemBase")
    try:
        yield system
    finally:
        system.shutdown()


def tell(count: int, _: Path) -> float:
    with started() as system:
        sink = system.createActor(Sink)
        system.ask(sink, "count", 5)
        with Stopwatch() as watch:
            for number in range(count):
                system.tell(sink, number)
            handled = system.ask(sink, "count", 60)
    if handled != count:
        raise ValueError(f"{handled} of {count} messages were handled")
    return watch.rate(count)


def ask(count: int, _: Path) -> float:
    with started() as system:
        echo = system.createActor(Echo)
        with Stopwatch() as watch:
            for number in range(count):
                system.ask(echo, number, 60)
    return watch.rate(count)


def ring(hops: int, _: Path) -> float:
    with started() as system:
        members = [system.createActor(Member) for _ in range(MEMBERS)]
        for place, member in enumerate(members):
            system.ask(member, ("follow", members[(place + 1) % MEMBERS]), 10)
        with Stopwatch() as watch:
            if system.ask(members[0], ("start", hops), 120) != "done":
                raise ValueError("the ring did not end")
    return watch.rate(hops)


def spawn(count: int, _: Path) -> float:
    with started() as system, Stopwatch() as watch:
        echoes = [system.createActor(Echo) for _ in range(count)]
        for echo in echoes:
            system.tell(echo, ActorExitRequest())
    return watch.rate(count)


def idle(count: int, _: Path) -> float:
    with started() as system:
        before = used_memory()
        echoes = [system.createActor(Echo) for _ in range(count)]
        return (used_memory() - before) / len(echoes)


CASES: dict[str, Case] = {
    "tell": tell,
    "ask": ask,
    "ring": ring,
    "spawn": spawn,
    "idle": idle,
    "idle100k": idle,
}
