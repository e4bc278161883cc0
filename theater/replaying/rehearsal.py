"""A rehearsal: one actor's life again, step by step along its chain, until something differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from theater.actor import Actor
from theater.chain import ChainView, Tip, follow
from theater.errors import HistoryCutError, MissingError, NotRecordedError, SetupError
from theater.event import Event
from theater.loop import Cancelled, running_loop
from theater.past import is_full
from theater.recorder import ROOT
from theater.replaying.casting import Casting
from theater.replaying.part import Part
from theater.replaying.report import DifferenceError, Replay
from theater.replaying.restoring import besides, newest_migration
from theater.replaying.scene import Scene
from theater.replaying.shadow import ShadowStage
from theater.replaying.source import Source
from theater.replaying.steps import Played, steps

_OF_THE_RUNTIME = frozenset({"@children", "@escalate"})
"""Messages that no code of the actor handles."""

_BY_HANDLERS = frozenset({"effect/begun", "log", "store/new"})
"""What only stands between messages where messages are not recorded."""


class Rehearsal:
    """Runs one actor's code again on what its chain holds, and compares."""

    def __init__(
        self,
        source: Source,
        actor: bytes,
        *,
        classes: Sequence[type[Actor]] = (),
        until: int | None = None,
        break_at: int | None = None,
        since: int = 0,
    ) -> None:
        """Take the events of this actor up to `until`, its last one if that is None.

        It begins with its first event, or with what a full snapshot says, if that has the seq `since`.

        Raises:
            ActorNotFoundError: there is no such actor.
            MissingError: there is no such event.
        """
        if actor == ROOT:
            raise SetupError("the theater itself has no code that could be replayed")
        self._source = source
        self._chain = source.chain(actor)
        self._casting = Casting(classes)
        self._end = len(self._chain) if until is None else _checked(self._chain, until) + 1
        self._break_at = None if break_at is None else _checked(self._chain, break_at)
        self._since = since
        self._next = 0  # seq of the event to come
        self._tip: Tip | None = None  # of what was read
        self._removed = 0
        self._is_told = False  # a message was
        self._part: Part | None = None
        self._scene: Scene | None = None  # the message at hand

    async def perform(self) -> Replay:
        """Go through all of it, or up to the first difference.

        Raises:
            HistoryCutError: events are gone, and no snapshot behind them says what they led to.
            NotRecordedError: messages were not recorded.
            SetupError: a class is not at hand.
        """
        loop = running_loop()
        assert loop is not None
        stage = ShadowStage(self._source, self._casting, on_odd=self._odd, on_fault=self._fault)
        stage.begin(loop)
        difference = None
        try:
            self._part = Part(stage, self._whole(stage, 0))
            if self._since:
                self._go_to(self._since)
            elif self._part.is_of_earlier_version:
                self._go_to_version(stage, self._part.cell.plan.version)
            while self._next < self._end:
                try:
                    await self._go_on(stage)
                except HistoryCutError:
                    self._jump()
        except DifferenceError as error:
            difference = error
        finally:
            stage.end()
        return self._report(stage, difference)

    def still(self, timeout: float | None) -> bool:
        """Nothing can run for so many seconds: say whether somebody was given something to do."""
        return self._scene is not None and self._scene.still(timeout)

    @property
    def state(self) -> dict[str, Any]:
        """The last good state, as plain values."""
        assert self._part is not None
        return self._part.state

    async def _go_on(self, stage: ShadowStage) -> None:
        for step in steps(self._events(stage)):
            first, part = step if isinstance(step, Event) else step.first, self._part
            assert part is not None
            stage.reach(first.time)
            part.expect(first)
            if isinstance(step, Event):
                self._check_recorded(step)
                part.take(step)
            elif step.first.body["handler"] not in _OF_THE_RUNTIME:
                await self._play(part, step)

    def _events(self, stage: ShadowStage) -> Iterator[Event]:
        while self._next < self._end:
            event = self._whole(stage, self._next)
            self._tip = follow(self._tip or Tip(event.actor, event.seq, event.parent), event)
            self._next += 1
            if event.kind != "actor/spawned" or not event.seq or stage.knows(event.body["child"]):
                yield event  # or the process died before the child was made, and it was made anew

    def _jump(self) -> None:
        """Events were removed: go on with the next snapshot.

        Raises:
            HistoryCutError: there is none, or the first event is gone, which says what the actor is.
        """
        gone, self._tip = self._next, None
        for seq in range(gone, self._end):
            try:
                event = self._chain[seq]
            except HistoryCutError:
                continue
            if is_full(event):
                self._go_to(seq)
                return
        raise HistoryCutError(f"event {gone} is gone, and no snapshot behind it says what it led to")

    def _go_to_version(self, stage: ShadowStage, version: int) -> None:
        """Go on where the state was lifted to the present version of the class.

        Raises:
            SetupError: it never was, up to the last event that is asked for.
        """
        seq = newest_migration(self._chain, self._end - 1, version)
        if seq is None:
            raise SetupError(f"its class is of version {version} now, and its states are of another")
        self._go_to(seq, besides=besides(self._chain, seq, stage.full))

    def _go_to(self, snapshot: int, *, besides: dict[str, Any] | None = None) -> None:
        """Go on with this event, which says all that those before it led to."""
        assert self._part is not None
        self._part.lose(besides=besides)
        self._removed += snapshot - self._next
        self._next, self._tip = snapshot, None

    def _whole(self, stage: ShadowStage, seq: int) -> Event:
        event = self._chain[seq]
        event.body.update(stage.full(event.body))
        return event

    async def _play(self, part: Part, played: Played) -> None:
        """A message, or a hook."""
        self._is_told = True
        halts = self._break_at is not None and self._break_at <= played.last.seq
        if halts:
            self._break_at = None
        envelope = part.envelope(played.first)
        self._scene = Scene(
            part.cell, played, envelope, births=part.stage.birth, aside=part.take, halts=halts
        )
        try:
            await self._scene.play(part.context)
        finally:
            self._scene = None
            part.cell.queue = None  # what was unstashed comes again as the record says
        for event in played.inside:
            if event.kind == "timer/fired":
                part.take(event)

    def _check_recorded(self, event: Event) -> None:
        """Let through an event between messages.

        Raises:
            NotRecordedError: a handler left it, and no message is there.
        """
        is_silent = event.kind in _BY_HANDLERS or (event.kind == "actor/spawned" and event.seq > 0)
        if is_silent and not self._is_told:
            raise NotRecordedError(
                f"event {event.seq} ({event.kind}) belongs to no message: messages were not recorded"
            )

    def _odd(self, kind: str, body: Any) -> int:
        return -1 if self._scene is None else self._scene.odd(kind, body)

    def _fault(self, error: Exception) -> None:
        """Something that is no fault of the code's."""
        if self._scene is None:
            raise error
        self._scene.break_off(error)
        raise Cancelled

    def _report(self, stage: ShadowStage, difference: DifferenceError | None) -> Replay:
        end = self._end if difference is None else difference.seq
        born = stage.birth(self._chain.actor) or {}
        told = {
            "actor": born.get("name", self._chain.actor.hex()),
            "id": self._chain.actor,
            "events": end - self._removed,
            "removed": self._removed,
            "head": self._chain[end - 1].hash if end else None,
        }
        if difference is None:
            return Replay(**told)
        source = None if self._part is None else self._part.cell.plan.source_digest
        return Replay(
            **told,
            seq=difference.seq,
            expected=difference.expected,
            found=difference.found,
            diff=difference.diff,
            note="" if source == born.get("source") else "its class is not what it was when it was spawned",
        )


def _checked(chain: ChainView, seq: int) -> int:
    if type(seq) is not int:
        raise SetupError(f"an event is named by its seq, a whole number, not {seq!r}")
    if not 0 <= seq < len(chain):
        raise MissingError(f"there is no event {seq}: the chain has 0 to {len(chain) - 1}")
    return seq
