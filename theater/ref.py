"""Refs: how one actor, or the program outside, reaches another."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Coroutine
from threading import get_ident
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar, TypeVarTuple, overload

from theater import channels, sending, streaming
from theater.channels import Channel
from theater.codec import ActorAddress, Addressed
from theater.loop import Cancelled, at_work
from theater.mailbox import NO_KWARGS, Envelope
from theater.relaying import relay
from theater.streaming import Stream
from theater.untyped import NEAR

if TYPE_CHECKING:
    from theater.cell import Cell

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
P = ParamSpec("P")
R = TypeVar("R")
Ts = TypeVarTuple("Ts")

_FAR = -NEAR


class ActorRef(Addressed, Generic[A_co]):
    """Names one actor; stays good when the actor is restarted, travels in messages, is kept in state.

    Two refs are equal if they name the same actor. A ref belongs to the loop of its theater.
    """

    __slots__ = ("__weakref__", "_cell")

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    @property
    def id(self) -> bytes:
        """16 bytes, never used again for another actor."""
        return self._cell.id

    @property
    def name(self) -> str:
        """The path under its supervisors, such as `crew/worker-1`."""
        return self._cell.name

    @property
    def address(self) -> ActorAddress:
        return ActorAddress(self._cell.id)

    @overload
    async def tell(
        self: ActorRef[A],
        handler: Callable[Concatenate[A, P], Coroutine[Any, Any, object]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    async def tell(
        self: ActorRef[A], handler: Callable[[A, *Ts], Coroutine[Any, Any, object]], /, *args: *Ts
    ) -> None: ...
    @overload
    async def tell(self, handler: str, /, *args: Any, **kwargs: Any) -> None: ...
    async def tell(self, handler: Any, /, *args: Any, **kwargs: Any) -> None:  # type: ignore[misc]  # mypy: `*Ts`
        """Send a message and go on; if the mailbox is full, waits for room or as its `overflow` says.

        Raises:
            TypeError: no such handler, wrong arguments, or a value that cannot be packed.
            NotRunningError: the actor has ended or is stopping, or the theater is closed.
            MailboxFullError: waiting for room would close a circle of waits, or the mailbox does not let
                anybody wait (`overflow="fail"`).
            NotAllowedError: an actor sends more per second than it was granted.
        """
        cell = self._cell
        theater = cell.theater
        asker = at_work()
        try:
            plan = cell.handlers[handler]
        except KeyError:
            plan = None
        if (
            plan is not None
            and not kwargs
            and (
                (
                    plan.takes_int
                    and len(args) == 1
                    and type(number := args[0]) is int
                    and number < NEAR
                    and number > _FAR
                )
                or plan.fits(args)
            )
            and cell.is_open
            and not theater.is_closed
            and theater.host._thread_id == get_ident()  # noqa: SLF001
        ):  # as `envelope` does: a call is 70 ns
            envelope = Envelope(plan, args, NO_KWARGS, None, None, asker)
            theater.sent += 1
        else:
            envelope = cell.envelope(handler, args, kwargs, None, asker)
        queue = cell.queue
        if asker is not None and (
            asker.theater.records_messages
            or asker.options.grants is not None
            or asker.current is None
            or asker.turn is not None
            or not cell.is_open
        ):  # it leaves a trace with the sender (event, grant used up, refusal), or may stand in its record
            if not relay(asker, cell, envelope):
                await sending.tell(cell, envelope)
        elif queue is None:
            cell.put(envelope)
        elif len(queue) < cell.capacity and not cell.room:
            queue.append(envelope)
            if cell.waiter is not None:
                cell.wake()
        else:
            await sending.tell(cell, envelope)

    @overload
    def tell_nowait(
        self: ActorRef[A],
        handler: Callable[Concatenate[A, P], Coroutine[Any, Any, object]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None: ...
    @overload
    def tell_nowait(
        self: ActorRef[A], handler: Callable[[A, *Ts], Coroutine[Any, Any, object]], /, *args: *Ts
    ) -> None: ...
    @overload
    def tell_nowait(self, handler: str, /, *args: Any, **kwargs: Any) -> None: ...
    def tell_nowait(self, handler: Any, /, *args: Any, **kwargs: Any) -> None:  # type: ignore[misc]  # mypy: `*Ts`
        """Send a message without waiting.

        Raises:
            MailboxFullError: there is no room; the error's `message` can be sent again. A mailbox that drops
                messages always has room.
            TypeError, NotAllowedError, NotRunningError: as `tell`.
        """
        cell = self._cell
        sending.tell_nowait(cell, cell.envelope(handler, args, kwargs))

    @overload
    async def ask(
        self: ActorRef[A],
        handler: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R: ...
    @overload
    async def ask(
        self: ActorRef[A], handler: Callable[[A, *Ts], Coroutine[Any, Any, R]], /, *args: *Ts
    ) -> R: ...
    @overload
    async def ask(self, handler: str, /, *args: Any, **kwargs: Any) -> Any: ...
    async def ask(self, handler: Any, /, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]  # mypy: `*Ts`
        """Send a message and wait for what its handler returns.

        From outside a durable theater the answer comes once it is committed. Cancelling the wait (a time
        limit, say) withdraws the message, or makes what its handler waits for give up in turn.

        Raises:
            ActorFailedError: the handler raised something that it does not declare.
            AskCycleError: the answer could never come, because the actors would wait for each other.
            MailboxFullError: the mailbox was full and did not wait, or dropped the message since.
            NotAllowedError, NotRunningError, TypeError: as `tell`.
            Exception: whatever the handler declares with `raises=`.
        """
        cell = self._cell
        theater = cell.theater
        reply = theater.pump.promise()
        try:
            plan = cell.handlers[handler]
        except KeyError:
            plan = None
        if (
            plan is not None
            and not kwargs
            and (
                (
                    plan.takes_int
                    and len(args) == 1
                    and type(number := args[0]) is int
                    and number < NEAR
                    and number > _FAR
                )
                or plan.fits(args)
            )
            and cell.is_open
            and not theater.is_closed
            and theater.host._thread_id == get_ident()  # noqa: SLF001
        ):  # as in `tell`
            envelope = Envelope(plan, args, NO_KWARGS, None, reply)
            theater.sent += 1
        else:
            envelope = cell.envelope(handler, args, kwargs, reply)
        if at_work() is not None:
            return await sending.ask(cell, envelope, reply)
        queue = cell.queue
        if queue is None or (len(queue) < cell.capacity and not cell.room):
            cell.put(envelope)
        else:
            await sending.place(cell, envelope)
        try:
            return await reply  # not `envelope.reply`: the handler may have deferred it
        except Cancelled:
            sending.withdraw(cell, envelope)
            raise

    @overload
    def stream(
        self: ActorRef[A],
        handler: Callable[Concatenate[A, P], AsyncIterable[R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Stream[R]: ...
    @overload
    def stream(self, handler: str, /, *args: Any, **kwargs: Any) -> Stream[Any]: ...
    def stream(self, handler: Any, /, *args: Any, **kwargs: Any) -> Stream[Any]:
        """Read what a handler yields, item by item: `async for item in ref.stream(Reader.lines, path)`.

        The handler is at most 16 items ahead of the reader (`@handler(ahead=...)` says otherwise), and it is
        one message: others wait for its end. Leaving the stream closes the generator at its `yield`.

        Raises:
            TypeError: no such stream, wrong arguments, or a value that cannot be packed.
            NotRunningError: the actor has ended or is stopping, or the theater is closed.
        """
        return streaming.open_stream(self._cell, handler, args, kwargs)

    @overload
    async def open(
        self: ActorRef[A],
        handler: Callable[Concatenate[A, P], Coroutine[Any, Any, object]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Channel: ...
    @overload
    async def open(self, handler: str, /, *args: Any, **kwargs: Any) -> Channel: ...
    async def open(self, handler: Any, /, *args: Any, **kwargs: Any) -> Channel:
        """Open a channel to a handler that calls `self.context.accept()`; returns when it has.

        Raises:
            RefusedError: the handler ended without accepting.
            ActorFailedError, AskCycleError, TypeError, NotRunningError: as `ask`.
        """
        return await channels.open_channel(self._cell, handler, args, kwargs)

    async def stop(self) -> None:
        """Let the actor finish what is queued, then end it and its children; returns when it has ended."""
        await self._cell.stop_for(sending.sender(self._cell))

    async def kill(self) -> None:
        """Cancel what the actor does and end it; returns when it has ended."""
        await self._cell.kill_for(sending.sender(self._cell))

    def __deepcopy__(self, memo: object) -> Self:
        """A name is copied as it is: two copies of a message name the same actor."""
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActorRef) and other._cell is self._cell

    def __hash__(self) -> int:
        return hash(self._cell.id)

    def __repr__(self) -> str:
        cell = self._cell
        return f"<ActorRef {cell.class_name} {cell.name!r} {cell.state}>"
