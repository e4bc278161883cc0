"""The context: all that an actor may do, and the one place where it does it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, Unpack, cast, overload

from theater import (
    channels,
    deferring,
    effects,
    forwarding,
    limits,
    links,
    notices,
    orders,
    sending,
    stashing,
    supervisor,
)
from theater.channels import Channel
from theater.deferring import Reply
from theater.grants import Grants
from theater.options import Options, SpawnOptions
from theater.owning import stores_of
from theater.ref import ActorRef
from theater.restart import Reason
from theater.store import Store, Stores
from theater.timers import Timer, set_timer
from theater.watching import Watch, unwatch

if TYPE_CHECKING:
    from theater.actor import Actor
    from theater.cell import Cell

A = TypeVar("A", bound="Actor")
B = TypeVar("B")
P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger("theater.log")


class Context:
    """What a handler or hook asks of the world; each request is recorded before it is carried out."""

    __slots__ = ("_cell",)

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    @property
    def id(self) -> bytes:
        """The actor's 16 bytes."""
        return self._cell.id

    @property
    def name(self) -> str:
        """The actor's path, such as `crew/worker-1`."""
        return self._cell.name

    @property
    def ref(self) -> ActorRef[Any]:
        """The actor, as others reach it."""
        return self._cell.ref

    @property
    def children(self) -> tuple[ActorRef[Any], ...]:
        """The actors that this one supervises, in the order in which they were started; recorded."""
        return supervisor.children_for(self._cell)

    @property
    def grants(self) -> Grants:
        """What the actor may do."""
        grants = self._cell.options.grants
        return Grants.all() if grants is None else grants

    def now(self) -> datetime:
        """The recorded time of the message at hand, in UTC: the same on every replay."""
        return self._cell.asked().moment()

    @property
    def random(self) -> Random:
        """Dice seeded by the record, per message: the same on every replay. Never for secrets."""
        return self._cell.asked().dice()

    @property
    def store(self) -> Store:
        """The actor's own store, made on first use."""
        return self.stores.default

    @property
    def stores(self) -> Stores:
        """Makes further stores, and finds them again by id."""
        return stores_of(self._cell)

    async def spawn(
        self,
        actor: A,
        *,
        name: str | None = None,
        **options: Unpack[SpawnOptions],
    ) -> ActorRef[A]:
        """Start a child; returns when its `on_start` has ended. Options and errors as `Theater.spawn`.

        Raises:
            NotAllowedError: it was not granted to spawn that class, or one with such a mailbox.
        """
        kept = Options.of(options)
        self._cell.asked()
        return await self._cell.theater.spawn_child(self._cell, actor, name, kept)

    def find(self, name: str) -> ActorRef[Any]:
        """The actor that runs under this path, such as `crew/worker-1`; the answer is recorded.

        Raises:
            ActorNotFoundError: none of that name runs here.
            NotAllowedError: the actor was not granted to find it, whether it is there or not.
        """
        return self._cell.theater.find_for(self._cell, name)

    def watch(
        self,
        ref: ActorRef[Any],
        handler: Callable[Concatenate[Any, ActorRef[Any], Reason, ...], Coroutine[Any, Any, object]],
    ) -> None:
        """Be told once, by a message `handler(ref, reason)`, when that actor ends, or now if it has ended.

        Raises:
            NotAllowedError: it was not granted to watch that actor.
            TypeError: the handler does not take a ref and a `Reason`.
        """
        cell = self._cell
        name = sending.plan_for(cell, handler).name
        notices.notice(cell, name, (ref, Reason.NORMAL), {})  # at the end itself nobody could be told
        is_led = cell.asked().prompter is not None
        limits.check_reach(cell, "watch", "@watch", ref._cell)
        seq = cell.note("message/sent", {"to": ref.id, "ask": False, "args": [name], "handler": "@watch"})
        if not is_led:
            Watch(cell, name, watched=ref.id, seq=seq).begin(ref._cell)

    def unwatch(self, ref: ActorRef[Any]) -> None:
        """Take back all watches on that actor; news that lies in the mailbox already is still handled."""
        cell = self._cell
        is_led = cell.asked().prompter is not None
        cell.note("message/sent", {"to": ref.id, "ask": False, "args": [], "handler": "@unwatch"})
        if not is_led:
            unwatch(cell, ref._cell)

    def link(self, ref: ActorRef[Any]) -> None:
        """End with that actor, and let it end with this one; a restart is no end.

        When one of the two fails for good or is killed, the other is killed; a declared supervisor may start
        that one again. When one ends in any other way, the other is stopped.

        Raises:
            SetupError: it is this actor itself.
            NotAllowedError: it was not granted to end that actor.
            NotRunningError: it is asleep in the record.
            NotAllowedError: this actor may not end that one.
        """
        links.link(self._cell, ref._cell)

    def unlink(self, ref: ActorRef[Any]) -> None:
        """Undo a link, whichever of the two asked for it."""
        links.unlink(self._cell, ref._cell)

    def after(
        self,
        seconds: float,
        handler: Callable[Concatenate[Any, P], Coroutine[Any, Any, object]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Timer:
        """Send this actor a message `seconds` from now, once."""
        return set_timer(self._cell, seconds, handler, args, kwargs, every=False)

    def every(
        self,
        seconds: float,
        handler: Callable[Concatenate[Any, P], Coroutine[Any, Any, object]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Timer:
        """Send this actor a message every `seconds`, the first one `seconds` from now.

        Timers outlive a restart; in `on_start`, setting one that is set already gives that one.
        """
        return set_timer(self._cell, seconds, handler, args, kwargs, every=True)

    @overload
    async def effect(
        self, function: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    async def effect(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    async def effect(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Do something to the world outside, once: its intent is durable before, its outcome recorded after.

        A plain function runs in a thread. Arguments and result must pack; handles (clients, connections) come
        from scratch through `functools.partial` and are not recorded.

        Raises:
            EffectFailedError: it raised something that `@effect(raises=...)` does not declare.
            NotAllowedError: the actor was not granted this function.
            TypeError: an argument cannot be packed (a result that cannot is an `EffectFailedError`).
        """
        return await effects.run(self._cell, function, args, kwargs)

    @overload
    async def forward(self, ref: ActorRef[Any], /) -> R: ...  # pyright: ignore[reportInvalidTypeVarUse]  # what fits
    @overload
    async def forward(
        self,
        ref: ActorRef[B],
        handler: Callable[Concatenate[B, P], Coroutine[Any, Any, object]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R: ...  # pyright: ignore[reportInvalidTypeVarUse]  # the same
    @overload
    async def forward(self, ref: ActorRef[Any], handler: str, /, *args: Any, **kwargs: Any) -> R: ...  # pyright: ignore[reportInvalidTypeVarUse]  # the same
    async def forward(self, ref: ActorRef[Any], handler: Any = None, /, *args: Any, **kwargs: Any) -> Any:
        """Send the message at hand on to another actor, which answers whoever asked; returns once it is sent.

        Without a handler it is the one of the same name, with the same arguments. What this handler returns
        is ignored from then on, so `return await self.context.forward(ref)` will do. When the asker gives up,
        that reaches the one that has the message.

        Raises:
            AskCycleError: the answer could never come, because that actor waits for the asker.
            TimeoutError: the asker has given up; a handler that ends by it is abandoned.
            TypeError, NotRunningError, MailboxFullError: as `ActorRef.tell`; the message is still ours.
            SetupError: the message was forwarded or deferred already, or the ref is of another theater.
        """
        await forwarding.forward(self._cell, ref._cell, handler, args, kwargs)

    def defer(self) -> Reply:
        """Answer the message at hand later: its handler may return, and what it returns is ignored.

        The reply is given in any later message of this actor. It outlives a restart; it closes when the asker
        gives up (which disturbs this handler no longer), and fails if this handler raises, or the actor ends.
        Nobody waits for the answer to a tell: its reply is closed from the beginning.

        Raises:
            SetupError: the message was forwarded.
        """
        return deferring.defer(self._cell)

    @property
    def deferred(self) -> tuple[Reply, ...]:
        """The replies that this actor still owes, oldest first."""
        return deferring.deferred(self._cell)

    def stash(self) -> R:  # type: ignore[type-var]  # pyright: ignore[reportInvalidTypeVarUse]  # what fits
        """Set the message at hand aside when its handler returns, until `unstash`; its asker goes on waiting.

        What the handler returns is ignored, and what it changed stays. An asker that gives up withdraws the
        message. What is set aside outlives a restart; if this handler raises, it fails and is not set aside.

        Raises:
            MailboxFullError: as many are set aside as the mailbox has places.
            SetupError: this is a hook or a stream, or the reply was deferred, or the message forwarded.
        """
        return cast("R", stashing.stash(self._cell))

    def unstash(self) -> int:
        """Put all messages that are set aside in front of those that wait, in their order; says how many."""
        return stashing.unstash(self._cell)

    def accept(self) -> Channel:
        """Accept the channel that the message at hand opens; it is over when this handler ends.

        Raises:
            SetupError: the message opens none (`await ref.open(...)` does), or it was accepted already.
        """
        return channels.accept(self._cell)

    def log(self, text: str, **fields: Any) -> None:
        """Write a line into this actor's chain, and to the logger `theater.log`."""
        if type(text) is not str:
            raise TypeError(f"log takes text, not {type(text).__name__}")
        cell = self._cell
        is_led, is_said = cell.asked().says_again()
        if not is_said:
            cell.record("log", {"text": text} | ({"fields": fields} if fields else {}))
        if not (is_led or is_said):
            logger.info("%s: %s", cell.name, text, extra={"theater_fields": fields})

    def stop(self) -> None:
        """End this actor after the message at hand."""
        self._cell.asked()
        orders.exit_soon(self._cell)
