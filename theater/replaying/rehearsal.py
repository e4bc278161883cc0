"""A rehearsal: one actor's life again, step by step along its chain, until something differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from theater import restarting
from theater.actor import Actor
from theater.cell import Cell
from theater.chain import ChainView, Tip, follow
from theater.errors import HistoryCutError, MissingError
from theater.event import Event
from theater.failure import text_of
from theater.loop import Cancelled, apart, running_loop
from theater.mailbox import Envelope
from theater.options import Options
from theater.plan import plan_of
from theater.replaying.casting import Casting
from theater.replaying.hooks import arguments
from theater.replaying.report import DifferenceError, Replay, described, differ
from theater.replaying.scene import Scene
from theater.replaying.shadow import ShadowStage
from theater.replaying.source import Source
from theater.replaying.steps import Played, steps
from theater.restart import Restore


class Rehearsal:
    """Runs one actor's code again on what its chain holds, and compares."""

    def __init__(
        self,
        source: Source,
        actor: bytes,
        *,
        classes: Iterable[type[Actor]] = (),
        until: int | None = None,
        break_at: int | None = None,
    ) -> None:
        """Take the events of this actor up to `until`, its last one if that is None.

        Raises:
            ActorNotFoundError: there is no such actor.
            MissingError: there is no such event.
        """
        self._source = source
        self._chain = source.chain(actor)
        self._casting = Casting(classes)
        self._end = len(self._chain) if until is None else _checked(self._chain, until) + 1
        self._break_at = None if break_at is None else _checked(self._chain, break_at)
        self._next = 0  # seq of the event to come
        self._tip: Tip | None = None  # of what was read
        self._removed = 0
        self._is_led = True  # from the first event on, or from the last snapshot
        self._unloaded: BaseException | None = None  # how the newest `on_load` failed
        self._scene: Scene | None = None  # the message at hand

    async def perform(self) -> Replay:
        """Go through all of it, or up to the first difference.

        Raises:
            HistoryCutError: events are gone, and no snapshot behind them holds what they led to.
            NotRecordedError: messages were not recorded.
            SetupError: a class is not at hand.
        """
        loop = running_loop()
        assert loop is not None
        self._stage = ShadowStage(self._source, self._casting, on_odd=self._odd, on_fault=self._fault)
        self._stage.begin(loop)
        difference = None
        try:
            while self._next < self._end:
                try:
                    await self._go_on()
                except HistoryCutError:
                    self._jump()
        except DifferenceError as error:
            difference = error
        finally:
            self._stage.end()
        return self._report(difference)

    def still(self, timeout: float | None) -> bool:
        """Nothing can run for so many seconds: say whether somebody was given something to do."""
        return self._scene is not None and self._scene.still(timeout)

    @property
    def state(self) -> dict[str, Any]:
        """The last good state, as plain values."""
        assert self._cell.keeper is not None
        return self._cell.keeper.plain()

    # -- the way along the chain -------------------------------------------------------------------------

    async def _go_on(self) -> None:
        for step in steps(self._events()):
            await self._take(step)

    def _events(self) -> Iterator[Event]:
        while self._next < self._end:
            event = self._chain.event(self._next)
            self._tip = follow(self._tip or Tip(event.actor, event.seq, event.parent), event)
            self._next += 1
            event.body.update(self._stage.full(event.body))
            yield event

    def _jump(self) -> None:
        """Events were removed: go on with the next snapshot.

        Raises:
            HistoryCutError: there is none.
        """
        gone, self._tip = self._next, None
        for seq in range(gone, self._end):
            try:
                event = self._chain.event(seq)
            except HistoryCutError:
                continue
            if event.kind == "actor/snapshot" and "state" in event.body and gone:
                self._removed += seq - gone
                self._next = seq
                self._is_led = False
                return
        raise HistoryCutError(f"event {gone} is gone, and no snapshot behind it holds what it led to")

    async def _take(self, step: Played | Event) -> None:
        kind = step.kind if isinstance(step, Event) else step.first.kind
        seq = step.seq if isinstance(step, Event) else step.first.seq
        unloaded, self._unloaded = self._unloaded, None
        if unloaded is not None and kind != "actor/failed":
            found = described("actor/failed", {"handler": "on_load", "error": type(unloaded).__name__})
            raise DifferenceError(seq, expected=kind, found=f"{found}: {text_of(unloaded)}")
        if isinstance(step, Played):
            if step.first.body["handler"] not in _OF_THE_RUNTIME:
                await self._play(step)
            return
        self._stage.now = step.time
        if step.kind == "actor/failed" and step.body["handler"] == "on_load":
            found = {} if unloaded is None else {"error": type(unloaded).__name__}
            differ(step.seq, step.kind, {"error": step.body["error"]["class"]}, found)
        take = _MOMENTS.get(step.kind)
        if take is not None:
            take(self, step)

    async def _play(self, played: Played) -> None:
        """A message, or a hook."""
        first = played.first
        self._stage.now = first.time
        halts = self._break_at is not None and self._break_at <= played.last.seq
        if halts:
            self._break_at = None
        for event in played.inside:
            if event.kind == "message/answered":
                self._lapsed(event)
        self._scene = Scene(
            self._cell, played, self._envelope(first), births=self._stage.birth, halts=halts
        )
        try:
            await self._scene.play(self._context)
        finally:
            self._scene = None
            self._cell.queue = None  # what was unstashed comes again as the record says
        for event in played.inside:
            self._fired(event)

    def _envelope(self, event: Event) -> Envelope:
        """The message as it lay in the mailbox.

        Raises:
            DifferenceError: the class has no such handler, or it takes other arguments.
        """
        cell, body = self._cell, event.body
        name, plain = body["handler"], (body["args"], body.get("kwargs", {}))
        hook, handler = cell.plan.hooks.get(name), cell.plan.handlers.get(name)
        if hook is not None:
            return Envelope(hook, arguments(self._stage, name, body["args"]), {}, plain)
        expected = described(event.kind, {key: body[key] for key in ("handler", "args", "kwargs") if key in body})
        if handler is None:
            raise DifferenceError(event.seq, expected=expected, found=f"{cell.class_name} has no handler {name!r}")
        try:
            args, kwargs = handler.restore(*plain, self._stage.recall)
        except TypeError as error:
            raise DifferenceError(event.seq, expected=expected, found=str(error)) from error
        envelope = Envelope(handler, args, kwargs, plain)
        if body["ask"]:
            envelope.reply = cell.loop.create_future()
        if body["from"] is not None:
            actor, seq, head = body["from"]
            envelope.sender = actor, seq, head
        return envelope

    # -- what happens between messages -------------------------------------------------------------------

    def _spawned(self, event: Event) -> None:
        if event.seq:
            return  # a child
        body = event.body
        plan = plan_of(self._casting.find(body["class"]))
        options = Options.from_plain(body["options"])
        self._cell = Cell(self._stage, plan, id=event.actor, name=body["name"], options=options)
        self._cell.state = "running"
        self._stage.cast(self._cell)
        if options.state is Restore.INITIAL:
            self._cell.initial = body["state"]
        self._load(event, body["state"])

    def _load(self, event: Event, state: dict[str, Any]) -> None:
        """A new instance, with this state; what its `on_load` does is compared with what comes next."""
        cell = self._cell
        self._context = apart(cell)
        try:
            cell.plan.restore_state(state, self._stage.recall)
        except TypeError as error:
            raise DifferenceError(event.seq, expected=described(event.kind, {"state": state}), found=str(error)) from error
        try:
            restarting.load(cell, state)
        except restarting.PROGRAM_ENDS:
            raise
        except BaseException as error:  # noqa: BLE001  # on_load is user code
            self._unloaded = error

    def _resumed(self, event: Event) -> None:
        self._load(event, event.body.get("state") or self.state)

    def _restarted(self, event: Event) -> None:
        cell, state = self._cell, event.body.get("state")
        if state is not None:
            begins = self.state if cell.initial is None else cell.initial
            differ(event.seq, event.kind, {"state": state}, {"state": begins})
        self._load(event, self.state if state is None else state)

    def _snapshot(self, event: Event) -> None:
        state = event.body.get("state")
        if state is None:
            return
        if self._is_led:
            differ(event.seq, event.kind, {"state": state}, {"state": self.state})
        else:
            self._load(event, state)
            self._is_led = True

    def _migrated(self, event: Event) -> None:
        self._load(event, event.body["state"])

    def _lapsed(self, event: Event) -> None:
        """The asker of a message that was deferred gave up."""
        if "abandoned" in event.body and "reply" in event.body:
            extras = self._cell.extras
            for slot in tuple((extras and extras.slots) or ()):
                if slot.seq == event.body["reply"]:
                    slot.withdraw()

    def _withdrawn(self, event: Event) -> None:
        """The asker of a message that was stashed gave up."""
        extras = self._cell.extras
        if extras is not None:
            extras.stash = [one for one in extras.stash if one.seq != event.body["message"]]

    def _fired(self, event: Event) -> None:
        """A timer that fires once is over."""
        if event.kind == "timer/fired":
            for timer in tuple((self._cell.timers or {}).values()):
                if timer.seq == event.body["timer"] and not timer.every:
                    timer.drop()

    # -- what comes of it --------------------------------------------------------------------------------

    def _odd(self, kind: str, body: Any) -> int:
        return -1 if self._scene is None else self._scene.odd(kind, body)

    def _fault(self, error: Exception) -> None:
        """Something that is no fault of the code's."""
        if self._scene is None:
            raise error
        self._scene.break_off(error)
        raise Cancelled

    def _report(self, difference: DifferenceError | None) -> Replay:
        end = self._end if difference is None else difference.seq
        born = self._stage.birth(self._chain.actor) or {}
        return Replay(
            actor=born.get("name", self._chain.actor.hex()),
            id=self._chain.actor,
            events=end - self._removed,
            removed=self._removed,
            head=self._chain.event(end - 1).hash if end else None,
            seq=None if difference is None else difference.seq,
            expected="" if difference is None else difference.expected,
            found="" if difference is None else difference.found,
            diff="" if difference is None else difference.diff,
            note=self._note(born) if difference is not None else "",
        )

    def _note(self, born: Mapping[str, Any]) -> str:
        """What may explain a difference."""
        source = self._cell.plan.source_digest
        return "" if source == born.get("source") else "its class is not what it was when it was spawned"


def _checked(chain: ChainView, seq: int) -> int:
    if not 0 <= seq < len(chain):
        raise MissingError(f"there is no event {seq}: the chain has 0 to {len(chain) - 1}")
    return seq


_OF_THE_RUNTIME = frozenset({"@children", "@escalate"})
"""Messages that no code of the actor handles."""

_MOMENTS: dict[str, Callable[[Rehearsal, Event], None]] = {
    "actor/spawned": Rehearsal._spawned,
    "actor/resumed": Rehearsal._resumed,
    "actor/restarted": Rehearsal._restarted,
    "actor/snapshot": Rehearsal._snapshot,
    "actor/migrated": Rehearsal._migrated,
    "message/answered": Rehearsal._lapsed,
    "message/withdrawn": Rehearsal._withdrawn,
    "timer/fired": Rehearsal._fired,
}
