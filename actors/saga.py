"""A saga: steps that are done one after the other and, should one fail, undone in reverse order.

```python
import anyio

from actors import Saga, Step
from theater import Actor, ActorRef, Theater, handler


class FullError(Exception):
    pass


class Hotel(Actor):
    free: int
    guests: list[str] = []

    @handler(raises=(FullError,))
    async def book(self, name: str) -> int:
        if len(self.guests) == self.free:
            raise FullError("no room is free")
        self.guests.append(name)
        return len(self.guests)

    @handler
    async def cancel(self, name: str) -> None:
        self.guests.remove(name)

    @handler
    async def all(self) -> list[str]:
        return self.guests


class Tour(Saga):
    name: str
    oslo: ActorRef[Hotel]
    rome: ActorRef[Hotel]
    rooms: list[int] = []

    def steps(self) -> list[Step]:
        return [Step(self.book_oslo, self.cancel_oslo), Step(self.book_rome)]

    async def book_oslo(self) -> None:
        self.rooms.append(await self.oslo.ask(Hotel.book, self.name))

    async def cancel_oslo(self) -> None:
        await self.oslo.ask(Hotel.cancel, self.name)

    async def book_rome(self) -> None:
        self.rooms.append(await self.rome.ask(Hotel.book, self.name))


async def main() -> None:
    async with Theater() as theater:
        oslo, rome = await theater.spawn(Hotel(free=9)), await theater.spawn(Hotel(free=1))
        for name in ("ann", "bob"):
            tour = await theater.spawn(Tour(name=name, oslo=oslo, rome=rome))
            outcome = await tour.ask(Tour.run)
            print(name, outcome.status.value, outcome.trouble or "and well")
        print(await oslo.ask(Hotel.all), await rome.ask(Hotel.all))


anyio.run(main)
```

It prints

```text
ann done and well
bob undone FullError: no room is free
['ann'] ['ann']
```

Each step is a message of its own, so the record holds after each how far the saga is: closed or restarted, it
goes on from there. What a step finds out it keeps in fields of the saga, for its undoing; a step that fails
sets none.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from theater import Actor, handler

_AT_ONCE = 0.001  # seconds: a timer outlives what a message to oneself does not, and needs no room
_LONGEST_PAUSE = 300.0  # seconds
_DOUBLINGS = 99  # of a pause; 1,024 are more than a float holds


@dataclass(frozen=True, slots=True)
class Step:
    """What is done, and how it is undone."""

    do: Callable[[], Awaitable[object]]
    undo: Callable[[], Awaitable[object]] | None = None  # None: there is nothing to undo
    undo_if_failed: bool = False  # also if `do` failed: it may have been done all the same


class Status(Enum):
    """How far a saga is."""

    NEW = "new"
    RUNNING = "running"
    DONE = "done"  # all steps
    UNDOING = "undoing"
    UNDONE = "undone"  # all that was done
    STUCK = "stuck"  # a step could not be undone: see to it, then `retry`


_IS_OVER = frozenset({Status.DONE, Status.UNDONE, Status.STUCK})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a saga ended, or how far it is."""

    status: Status
    steps_done: int  # and not undone
    trouble: str  # what failed first, and what could not be undone; empty if nothing did


class Saga(Actor):
    """Subclass it and say in `steps` what is to be done; always the same steps, one saga for each actor.

    A step that raises an exception is not tried again: the steps before it are undone, the last one first. An
    undoing that raises is tried again, `tries` times in all, after pauses that double from `pause` seconds
    on.
    """

    tries: int = 5
    pause: float = 1.0  # seconds

    status: Status = Status.NEW
    steps_done: int = 0
    trouble: str = ""
    tried: int = 0  # how often the undoing at hand has failed
    move: int = 0  # counts the messages by which it goes on: each is handled once
    due: datetime | None = None  # when the next of them is sent

    @abstractmethod
    def steps(self) -> Sequence[Step]:
        """What is to be done, first to last."""

    @handler
    async def run(self) -> Outcome:
        """Begin, if it has not begun; answers when it is over."""
        if self.status is Status.NEW:
            self.status = Status.RUNNING
            self._go_on_in(_AT_ONCE)
        return self._outcome() if self.status in _IS_OVER else self.context.defer().pending

    @handler
    async def look(self) -> Outcome:
        """How far it is."""
        return self._outcome()

    @handler
    async def retry(self) -> bool:
        """Go on with undoing where it is stuck; says whether it is."""
        if self.status is not Status.STUCK:
            return False
        self.status, self.tried = Status.UNDOING, 0
        self._go_on_in(_AT_ONCE)
        return True

    @handler
    async def go_on(self, move: int) -> None:
        """Do or undo one step; the saga's own timer sends this."""
        if move != self.move or self.due is None:
            return
        steps = self.steps()
        if self.status is Status.RUNNING:
            await self._do(steps)
        else:
            await self._undo(steps)
        self._go_on()

    @handler
    async def make_sure(self, move: int) -> None:
        """After a restart: if the message of that number was what failed, so did its step."""
        if move != self.move or self.due is None:
            return
        if self.status is Status.RUNNING:
            self._turn_back("it was cut off", self.steps()[self.steps_done])
        else:
            self._not_undone("it was cut off")
        self._go_on()

    async def on_start(self) -> None:
        if self.tries < 1 or not self.pause > 0:
            raise ValueError(
                f"a saga undoes with 1 or more tries and a pause above 0 seconds: {self.tries}, {self.pause}"
            )
        if self.due is not None:  # the timer that was set for this comes first
            late = max(0.0, (self.due - self.context.now()).total_seconds())
            self.context.after(late + _AT_ONCE, Saga.make_sure, self.move)

    async def _do(self, steps: Sequence[Step]) -> None:
        if self.steps_done < len(steps):
            step = steps[self.steps_done]
            try:
                await step.do()
            except Exception as error:  # noqa: BLE001  # whatever it is, what was done is to be undone
                self._turn_back(_text(error), step)
                return
            self.steps_done += 1
        if self.steps_done == len(steps):
            self.status = Status.DONE

    async def _undo(self, steps: Sequence[Step]) -> None:
        if self.steps_done:
            undo = steps[self.steps_done - 1].undo
            try:
                if undo is not None:
                    await undo()
            except Exception as error:  # noqa: BLE001  # whatever it is, it may go well later
                self._not_undone(_text(error))
                return
            self.steps_done, self.tried = self.steps_done - 1, 0
        if not self.steps_done:
            self.status = Status.UNDONE

    def _turn_back(self, trouble: str, step: Step) -> None:
        self.trouble = trouble
        self.steps_done += step.undo_if_failed
        self.status = Status.UNDOING if self.steps_done else Status.UNDONE
        self.context.log(f"step {step.do.__name__} failed: {trouble}")

    def _not_undone(self, trouble: str) -> None:
        self.tried += 1
        self.context.log(f"step {self.steps_done} is not undone: {trouble}", tried=self.tried)
        if self.tried >= self.tries:
            self.status = Status.STUCK
            self.trouble += f"; step {self.steps_done} is not undone: {trouble}"

    def _go_on(self) -> None:
        if self.status not in _IS_OVER:
            self._go_on_in(
                min(self.pause * 2.0 ** min(self.tried - 1, _DOUBLINGS), _LONGEST_PAUSE)
                if self.tried
                else _AT_ONCE
            )
            return
        self.due = None
        for reply in self.context.deferred:
            if reply.handler == "run":
                reply.answer(self._outcome())

    def _go_on_in(self, seconds: float) -> None:
        self.move += 1
        self.due = self.context.now() + timedelta(seconds=seconds)
        self.context.after(seconds, Saga.go_on, self.move)

    def _outcome(self) -> Outcome:
        return Outcome(self.status, self.steps_done, self.trouble)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
