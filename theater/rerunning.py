"""Rerunning: a message that was at hand when the process died is handled again, along its record, and on.

While its handler follows the record, nothing is recorded and nothing done. Where the record ends it goes on
live, and only then the chain says that its actor has resumed and that the message is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, NoReturn

from theater import answers, redelivery, sending, signals, supervisor
from theater.codec import ActorAddress
from theater.errors import SetupError
from theater.event import Event
from theater.loop import Cancelled, Future
from theater.mailbox import Envelope
from theater.owning import go_on_with_stores
from theater.prompter import Prompter
from theater.restart import Reason
from theater.script import Difference, Script
from theater.stashing import unstash
from theater.talk import Talk
from theater.turn import Turn

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.deferring import Slot
    from theater.stage import Stage

MOST = 3
"""How often a message is tried again; then it has failed."""


class RetriedTooOftenError(Exception):
    """The process has died each time that this message was handled."""


class Rerun:
    """One message on its way along its record; `ahead` is done when it is known how that went."""

    __slots__ = (
        "_cell",
        "_opened",
        "_prompter",
        "_record",
        "_script",
        "_tries",
        "abandoned",
        "ahead",
        "difference",
        "envelope",
    )

    def __init__(self, cell: Cell, opened: Event, script: list[Event], *, record: Callable[[], None]) -> None:
        """Make ready to run it again.

        Args:
            cell: the actor.
            opened: the `message/received`.
            script: what followed it, oldest first, bodies whole.
            record: have the chain say that the actor goes on.

        Raises:
            SetupError, TypeError: the message does not fit the actor any more.
        """
        self._cell = cell
        self._opened = opened
        self._script = script
        self._record = record
        self._tries = sum(_is_try(event, opened.seq) for event in script)
        self._prompter: Prompter | None = None
        self.abandoned: list[Slot] = []  # whoever waited for these is no more, but the handler saw them
        self.ahead: Future[None] = cell.loop.create_future()
        self.difference: Difference | None = None
        self.envelope = _envelope(cell, opened)
        self._call_again()

    def _call_again(self) -> None:
        """Have the handler called by way of its record."""
        envelope, plan = self.envelope, self.envelope.plan
        again = copy(plan)

        async def call(actor: Any, /, *args: Any, **kwargs: Any) -> Any:
            envelope.plan = plan
            await self._begin()
            return await plan.call(actor, *args, **kwargs)

        again.call = call
        envelope.plan = again

    async def _begin(self) -> None:
        """Do what stands before the handler: it follows its record, or can do so no more."""
        cell = self._cell
        turn = cell.turn = Turn(cell)
        turn.seq, turn.head, turn.time = self._opened.seq, self._opened.hash, self._opened.time
        if self._tries >= MOST or self.envelope.plan.name in cell.plan.streams:
            self._give_up(turn)
        if self.envelope.plan.name == "on_stop":
            signals.end_soon(cell, self.envelope.args[0])
            cell.more().has_stopped = True
        births = _Births(cell.theater)
        script = Script([one for one in self._script if births.has(one)], births.of)
        self._prompter = Prompter(turn, script, live=self._live, differs=self._differs, aside=self._pass)
        self._prompter.begin()
        if turn.prompter is None and cell.theater.journal.durable:
            await cell.theater.committed()  # that it is tried once more must be known if it ends the process

    def _give_up(self, turn: Turn) -> NoReturn:
        """It has failed by now; or it was a stream, which nobody reads any more."""
        go_on_with_stores(self._cell, self._script)
        self._live()
        for sent in answers.pending(self._cell.id, self._script):
            _withdraw(turn, sent)
        if self._tries >= MOST:
            raise RetriedTooOftenError(f"the process has died {MOST + 1} times while this was handled")
        self._cell.more().interrupted = f"{self._cell.name} was cut off by the end of the process"
        raise Cancelled

    def _live(self) -> None:
        self._record()
        self._cell.record("message/retried", {"message": self._opened.seq})
        reply = self.envelope.reply
        if reply is not None and reply.done() and self._cell.turn is not None:
            self._cell.loop.call_soon(self._cell.turn.give_up)  # whoever asked left meanwhile
        for slot in self.abandoned:
            slot.withdraw()
        unstash(self._cell)
        self._is_known()

    def _pass(self, event: Event) -> None:
        """What befell the actor in an earlier run befalls it again."""
        if event.kind == "message/retried":
            unstash(self._cell)
            return
        extras = self._cell.extras
        for slot in tuple((extras and extras.slots) or ()):
            if slot.seq == event.body["reply"]:
                slot.close()

    def _differs(self, difference: Difference) -> None:
        self.difference = difference
        self._cell.state = "gone"
        if self._cell.task is not None:
            self._cell.task.cancel()
        self._is_known()

    def _is_known(self) -> None:
        if not self.ahead.done():
            self.ahead.set_result(None)

    def stands(self) -> None:
        """It has not come to the end of its record, and waits."""
        if self._prompter is not None:
            self._prompter.stands()

    def leave(self) -> None:
        """Follow the record no further."""
        if self._prompter is not None:
            self._prompter.leave()


class _Births:
    """First events of actors, by id."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def has(self, event: Event) -> bool:
        """Say whether it is no birth, or one that came to be: the child's first event is recorded later."""
        return event.kind != "actor/spawned" or self.of(event.body["child"]) is not None

    def of(self, actor: bytes) -> Mapping[str, Any] | None:
        if actor not in self._stage.journal.tips():
            return None
        body: Mapping[str, Any] = self._stage.recorder.full(
            Event.read(self._stage.journal.event(actor, 0)).body
        )
        return body


def _is_try(event: Event, seq: int) -> bool:
    return event.kind == "message/retried" and bool(event.body["message"] == seq)


def _withdraw(turn: Turn, sent: Event) -> None:
    """Nobody waits any longer for the answer to what the message had asked."""
    owed = turn.cell.theater.leftovers.of(sent.actor, sent.seq, turn.cell.loop)
    if owed.target is not None and owed.envelope is not None:
        sending.withdraw(owed.target, owed.envelope)
    turn.withdraw(sent.seq)


def _envelope(cell: Cell, opened: Event) -> Envelope:
    body = opened.body
    name = body["handler"]
    if name not in cell.plan.hooks:
        if body.get("opens"):
            return _opening(cell, body)
        return redelivery.envelope_of(cell, dict(body))
    args = _ARGUMENTS[name](cell, *body["args"])
    return Envelope(cell.plan.hooks[name], args, {}, (body["args"], {}))


def _opening(cell: Cell, body: Mapping[str, Any]) -> Envelope:
    """The message of a channel of which nobody holds the other end any more."""
    plan = cell.plan.handlers.get(body["handler"])
    if plan is None:
        raise SetupError(f"{cell.class_name} has no handler {body['handler']!r}, which a channel opens")
    args, kwargs = plan.restore(body["args"], body.get("kwargs", {}), cell.theater.recall)
    talk = Talk(cell, plan, args, kwargs)
    talk.opener.is_closed = True
    if body["from"] is not None:
        talk.envelope.sender = tuple(body["from"])
    return talk.envelope


# -- what hooks are called with --------------------------------------------------------------------------


def _nothing(_: Cell) -> tuple[Any, ...]:
    return ()


def _reason(_: Cell, reason: str) -> tuple[Any, ...]:
    return (Reason(reason),)


def _stopped(cell: Cell, child: ActorAddress, reason: str) -> tuple[Any, ...]:
    return cell.theater.recall(child), Reason(reason)


def _stopped_by(cell: Cell, child: ActorAddress, reason: str, by: ActorAddress | None) -> tuple[Any, ...]:
    return cell.theater.recall(child), Reason(reason), None if by is None else cell.theater.recall(by)


def _failed(cell: Cell, child: ActorAddress, told: Mapping[str, Any]) -> tuple[Any, ...]:
    ref = cell.theater.recall(child)
    return ref, supervisor.failure_of(ref._cell, told)  # noqa: SLF001  # the runtime's own link


_ARGUMENTS: dict[str, Callable[..., tuple[Any, ...]]] = {
    "on_start": _nothing,
    "on_stop": _reason,
    "on_child_failed": _failed,
    "on_child_stopped": _stopped,
    "on_child_stopped_by": _stopped_by,
}
