"""Flows: the items between a handler that yields and who reads them, and who of the two waits.

A stream is one message: the actor handles it until its generator ends, or until the reader leaves; then the
generator is closed at its `yield`. All of the generator runs in the actor's own task.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn

from theater import opening, prompted, retold, sending, settling
from theater.errors import SetupError
from theater.loop import Future, look_at, running_loop
from theater.mailbox import Envelope, Triple
from theater.waits import Waiting, WaitingForStep, until

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.prompter import Prompter
    from theater.turn import Turn
    from theater.yielding import StreamPlan


class Request(Envelope, eq=False, kw_only=True):
    """The message that asks for a stream."""

    outlives: ClassVar[bool] = False
    flow: Flow


class Item(NamedTuple):
    """One item on its way."""

    value: Any
    plain: Any  # for the record
    origin: Triple | None  # where the producer's chain says so
    gate: Future[None] | None  # done when the world outside may have it


class Flow:
    """What producer and reader share: the items between them, and who waits for whom."""

    __slots__ = (
        "_closed", "_edge", "_is_in_use", "_items", "_news", "_reader", "_reads", "_retold", "_room", "_turn",
        "envelope", "has_begun", "is_dropped", "is_left", "loop", "plan", "target", "why",
    )  # fmt: skip

    def __init__(self, target: Cell, plan: StreamPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        arrived, named, plain_args, plain_kwargs = plan.carry(args, kwargs, target.world)
        self.target = target
        self.plan = plan
        self.envelope = Request(plan, arrived, named, (plain_args, plain_kwargs), flow=self)
        self.has_begun = False  # its message is sent
        self.is_dropped = False
        self.is_left = False
        self.why: Exception | None = None  # it was left, if not by the reader's own will
        self.loop = target.loop
        self._is_in_use = False  # a task sends the message, or waits for news
        self._closed: Future[None] | None = None  # done when the generator is, for a reader that waits for it
        self._items: deque[Item] = deque()
        self._news: Future[None] | None = None  # of the reader that waits
        self._room: Future[None] | None = None  # of the producer that waits
        self._reader: Cell | None = None  # None for the world outside
        self._retold: Prompter | None = None  # the stream is of an earlier run, and told by this one
        self._turn: Turn | None = None  # of the reader
        self._edge: WaitingForStep | None = None  # the producer waits for the reader
        self._reads: Waiting | None = None  # and the reader for the producer
        opening.check_way(target, self.envelope)

    # -- the producer's side -----------------------------------------------------------------------------

    async def serve(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Hand on what the generator yields, until it ends or the reader leaves."""
        try:
            async for item in generator:
                if not self._is_over:
                    self._give(item)
                    await self._until_room()
                if self._is_over:
                    raise self.target.asked().abandon()
        finally:
            try:
                await generator.aclose()
            finally:
                _wake(self._closed)

    def _give(self, item: Any) -> None:
        cell = self.target
        turn = cell.asked()
        value, plain = self.plan.carry_item(item, cell.world)
        origin = None
        if cell.theater.records_messages:
            cell.record("message/answered", {"item": plain, "reply": turn.seq})
            origin = turn.triple()
        self._items.append(Item(value, plain, origin, self._gate()))
        _wake(self._news)

    def _gate(self) -> Future[None] | None:
        """The world outside has an item once it is durable."""
        journal = self.target.theater.journal
        if self._turn is not None or not journal.durable:
            return None
        gate: Future[None] = self.loop.create_future()
        gate.add_done_callback(look_at)
        journal.then(gate, None)
        return gate

    async def _until_room(self) -> None:
        theater = self.target.theater
        while theater.journal.full:
            await theater.room_on_disk()
        while len(self._items) >= self.plan.ahead and not self._is_over:
            self._room = self.loop.create_future()
            try:
                await self._room
            finally:
                self._room = None

    @property
    def _is_over(self) -> bool:
        """Nobody reads any more: the reader left, or what it would read is an error already."""
        reply = self.envelope.reply
        return self.is_left or reply is None or reply.done()

    # -- the reader's side -------------------------------------------------------------------------------

    async def open(self) -> None:
        """Send the message, if that is not done yet."""
        self._check_reader()
        self._is_in_use = True
        try:
            if not self.has_begun:
                await self._begin()
        finally:
            self._is_in_use = False

    async def next(self) -> Any:
        """The next item.

        Raises:
            StopAsyncIteration: there is none.
        """
        self._check_reader()
        self._is_in_use = True
        try:
            if not self.has_begun:
                await self._begin()
            if self._retold is not None and not self.is_left:
                return await self._read_again(self._retold)
            await self._until_news()
        except BaseException:  # who gives up reading leaves
            self.leave()
            raise
        finally:
            self._is_in_use = False
        if self.is_left:
            raise self.why or StopAsyncIteration
        return self._take() if self._items else self._end()

    async def _begin(self) -> None:
        self.has_begun = True
        self._reader = sending.sender(self.target)
        reply = self.envelope.reply = self.loop.create_future()
        reply.add_done_callback(self._ended)
        try:
            self._retold = await opening.place(self.target, self.envelope)
        except BaseException as error:
            self.is_left = True
            self.why = error if isinstance(error, Exception) else None
            reply.cancel()
            raise
        self._turn = self.envelope.turn
        if self._turn is None or self._reader is None:
            self.target.theater.held.add(self)
        else:
            self._turn.hold(self)
        if self._turn is not None and self._reader is not None and self._retold is None:
            self._edge = WaitingForStep(self.target, self._reader, reply, self)
            self._reads = Waiting(self._reader, self.target, reply)
            self._edge.begin()
            self._reads.begin()
        if self.is_left:  # by another task, meanwhile
            self._let_go()
            self._take_back()

    async def _until_news(self) -> None:
        """Wait until there is an item to take, or nothing will come any more."""
        reply = self.envelope.reply
        while not self.is_left:
            gate = self._items[0].gate if self._items else None
            if gate is not None and not gate.done():
                self._news = gate
            elif gate is not None:
                return gate.result()
            elif self._items or reply is None or reply.done():
                return None
            else:
                self._news = self.loop.create_future()
            try:
                await self._wait(self._news)
            finally:
                self._news = None
        return None

    async def _wait(self, future: Future[None]) -> None:
        turn, reader, edge = self._turn, self._reader, self._edge
        if turn is None or reader is None or edge is None:
            await future
            return
        edge.end()  # whoever waits to read is not waited for
        try:
            await until(Waiting(reader, self.target, future), turn.asks)
        finally:
            if not self.is_left:
                edge.begin()

    def _take(self) -> Any:
        item = self._items.popleft()
        _wake(self._room)
        sender = self.envelope.sender
        if self._turn is not None and item.origin is not None and sender is not None:
            body = {"from": list(item.origin), "item": item.plain, "message": sender[1]}
            self._turn.cell.record("message/answered", body)
        return item.value

    def _end(self) -> NoReturn:
        """All items are read: say how the handler ended."""
        self._let_go()
        self.is_left = True
        if self._turn is not None:
            settling.record_answer(self._turn, self.envelope)
        assert self.envelope.reply is not None
        self.envelope.reply.result()
        raise StopAsyncIteration

    async def _read_again(self, prompter: Prompter) -> Any:
        told = await retold.read(prompter, self)
        if "item" in told:
            return self.plan.restore_answer(told["item"], self.target.theater.recall)
        self._let_go()
        self.is_left = True
        raise prompted.error_of(self.target, self.envelope, told) or StopAsyncIteration

    def leave(self, why: Exception | None = None) -> None:
        """Read no more: a message that was not begun is withdrawn, a generator is closed at its `yield`."""
        if self.is_left:
            return
        self.is_left = True
        self.why = why
        self._items.clear()
        if self.has_begun:
            self._let_go()
            self._take_back()
        _wake(self._news)
        _wake(self._room)

    def _take_back(self) -> None:
        if not self.target.theater.is_cutting:  # then nothing is recorded any more
            sending.take_back(self._turn, self.target, self.envelope)

    def _let_go(self) -> None:
        self.target.theater.held.discard(self)
        if self._turn is not None:
            self._turn.let_go(self)
        if self._edge is not None and self._reads is not None:
            self._edge.end()
            self._reads.end()

    def _ended(self, reply: Future[Any]) -> None:
        look_at(reply)
        _wake(self._news)
        _wake(self._room)

    async def close(self) -> None:
        """Leave, and wait for the generator's end if it stands at its `yield`."""
        is_waited_for = self._room is not None and not self.is_left
        self.leave()
        if is_waited_for:
            self._closed = self.loop.create_future()
            await self._wait(self._closed)

    def _check_reader(self) -> None:
        """Only who began to read a stream reads it, one item after the other."""
        if running_loop() is not self.loop:
            self.target.theater.check_thread()
        if self.has_begun and sending.sender(self.target) is not self._reader:
            raise SetupError(f"the stream of {self.plan.label}() is read by whoever began to read it")
        if self._is_in_use:
            raise SetupError(f"the stream of {self.plan.label}() is read by one task at a time")


def _wake(future: Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
