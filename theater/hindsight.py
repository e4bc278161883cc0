"""Hindsight: what a theater offers about the past of its actors: chains, states, forks of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar, overload

from anyio import to_thread

from theater import directory, forking
from theater.actor import Actor
from theater.errors import NotRecordedError
from theater.livechain import LiveChain
from theater.moments import check_seq
from theater.ref import ActorRef
from theater.replaying import Replay, rehearse, source_of, told_or_rebuilt
from theater.stage import Stage

A = TypeVar("A", bound=Actor)


class Hindsight(ABC):
    """The part of a `Theater` that looks back."""

    def chain(self, actor: ActorRef[Any] | str | bytes) -> LiveChain:
        """The live chain of an actor, by ref, name or id (16 bytes).

        Raises:
            ActorNotFoundError: no such actor.
        """
        return LiveChain(*directory.line(self._begun(), actor))

    def state_at(self, actor: ActorRef[Any] | str | bytes, seq: int | None = None) -> dict[str, Any]:
        """An actor's state as plain values after event `seq`, or now: as the last handled message left it.

        One of over 4 KiB, which no event holds, is made again: its code is replayed from the last snapshot.

        Raises:
            ActorNotFoundError, MissingError: no such actor, or event.
            HistoryCutError, NotRecordedError: the record does not tell.
        """
        stage, chain = self._begun(), self.chain(actor)
        return told_or_rebuilt(
            partial(chain.state_at, seq),
            source_of(stage.journal, stage.folder),
            chain.actor,
            at=check_seq(chain, seq),
            classes=[cell.plan.cls for cell in stage.cells.values() if cell.id == chain.actor],
        )

    @overload
    async def fork(
        self,
        actor: ActorRef[A],
        *,
        at: int | None = None,
        name: str | None = None,
        crew: bool = False,
        classes: Sequence[type[Actor]] = (),
    ) -> ActorRef[A]: ...
    @overload
    async def fork(
        self,
        actor: str | bytes,
        *,
        at: int | None = None,
        name: str | None = None,
        crew: bool = False,
        classes: Sequence[type[Actor]] = (),
    ) -> ActorRef[Any]: ...
    async def fork(
        self,
        actor: ActorRef[Any] | str | bytes,
        *,
        at: int | None = None,
        name: str | None = None,
        crew: bool = False,
        classes: Sequence[type[Actor]] = (),
    ) -> ActorRef[Any]:
        """Start another actor that goes on from a moment in this one's past, or from now.

        It has the state and the contents of the stores as the last message handled at or before that moment
        left them, the same options, and a chain of its own; no mailbox, timers or children, and no
        `on_start`. The parent may run, sleep or have ended, and does not notice.

        Args:
            actor: the parent, by ref, name or id (16 bytes).
            at: the seq of an event of its chain; None: the newest.
            name: of the fork, which the program outside supervises.
            crew: fork all that stand below it as well, at one instant: what one of them handled has its
                cause, and their refs of one another are those of the forks.
            classes: besides those that are imported.

        Raises:
            ActorNotFoundError, MissingError: no such actor, or event.
            NotRecordedError: the state at that moment is not in the record.
            NameTakenError, SetupError: as `spawn`.
            ActorFailedError: `on_load` raised, or the state does not fit the class.
        """
        stage = self._running()
        return await forking.fork(stage, actor, at=at, name=name, crew=crew, classes=classes)

    async def replay(
        self,
        actor: ActorRef[Any] | str | bytes,
        *,
        until: int | None = None,
        break_at: int | None = None,
        classes: Sequence[type[Actor]] = (),
    ) -> Replay:
        """Run an actor's code again on what its chain holds, and compare; nothing is written, no effect run.

        That is done in a thread, in virtual time; the actor itself, and all others, go on meanwhile.

        Args:
            actor: by ref, name or id (16 bytes); it may run, sleep or have ended.
            until: the last event to compare; None: all that there are now.
            break_at: the debugger begins (`breakpoint()`) just before the handler that this event is of.
            classes: used besides those that are imported.

        Raises:
            ActorNotFoundError, MissingError: no such actor, or event.
            HistoryCutError: events are gone, and no snapshot behind them says what they led to.
            NotRecordedError: messages of this theater are not recorded.
            SetupError: a class is not at hand.
        """
        stage = self._begun()
        if not stage.records_messages:
            raise NotRecordedError("messages of this theater are not recorded: there is nothing to replay")
        _, line = directory.line(stage, actor)
        if not stage.is_closed:
            await stage.committed()
        known = {cell.plan.class_name: cell.plan.cls for cell in stage.cells.values()}
        return await to_thread.run_sync(
            partial(
                rehearse,
                source_of(stage.journal, stage.folder),
                line.id,
                classes=[*known.values(), *classes],
                until=until,
                break_at=break_at,
            )
        )

    @abstractmethod
    def _running(self) -> Stage:
        """The stage of a theater that is open."""

    @abstractmethod
    def _begun(self) -> Stage:
        """The stage of a theater that was opened."""
