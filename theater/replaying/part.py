"""A part: the actor on the shadow stage; its cell, its instance, and what befalls it between messages."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from theater import restarting
from theater.cell import Cell
from theater.event import Event
from theater.failure import text_of
from theater.loop import apart
from theater.mailbox import Envelope
from theater.migrating import lifted
from theater.options import Options
from theater.owning import give_stores, store_supervisor
from theater.plan import plan_of
from theater.replaying.hooks import arguments
from theater.replaying.report import DifferenceError, described, differ
from theater.replaying.restoring import restore
from theater.replaying.served import envelope_of
from theater.restart import Restore
from theater.store.fold import Fold
from theater.talk import Opening

if TYPE_CHECKING:
    from theater.replaying.shadow import ShadowStage

_ON_LOAD = "on_load"


class Part:
    """What an actor is between two messages, as its chain tells of it."""

    def __init__(self, stage: ShadowStage, birth: Event) -> None:
        """Cast the actor whose first event this is; it has no instance yet.

        Raises:
            SetupError: its class is not at hand.
        """
        self.stage = stage
        self._birth = birth
        body = birth.body
        plan = plan_of(stage.class_of(body["class"]))
        options = Options.from_plain(body["options"])
        self.cell = cell = Cell(stage, plan, id=birth.actor, name=body["name"], options=options)
        cell.state = "running"
        if options.state is Restore.INITIAL:
            cell.initial = body["state"]
        if "stores" in body:  # of a fork
            give_stores(cell, Fold.of_snapshot(body["stores"]))
        stage.cast(cell)
        self.context = Context()  # in which its code runs, for one life
        self._unloaded: BaseException | None = None  # how the newest `on_load` failed
        self._is_lost = False
        self._besides: dict[str, Any] | None = None

    @property
    def state(self) -> dict[str, Any]:
        """The last good state, as plain values."""
        assert self.cell.keeper is not None
        return self.cell.keeper.plain()

    @property
    def is_of_earlier_version(self) -> bool:
        """Whether it was born by another version of its class than this one."""
        return bool(self._birth.body.get("version", 1) != self.cell.plan.version)

    def lose(self, *, besides: dict[str, Any] | None = None) -> None:
        """Events are passed over: the next full snapshot or migration says what state it is in.

        `besides` is what it has then besides that; None: the snapshot says so.
        """
        self._is_lost = True
        self._besides = besides

    def expect(self, event: Event) -> None:
        """Look at the event that comes next: should `on_load` have failed, that says so.

        Raises:
            DifferenceError: it failed, and this says something else; or the other way round.
        """
        error, self._unloaded = self._unloaded, None
        recorded = event.kind == "actor/failed" and event.body["handler"] == _ON_LOAD
        if recorded:
            found = {} if error is None else {"error": type(error).__name__}
            differ(event.seq, event.kind, {"error": event.body["error"]["class"]}, found)
        elif error is not None:
            told = {"handler": _ON_LOAD, "error": type(error).__name__, "text": text_of(error)}
            raise DifferenceError(event.seq, expected=event.kind, found=described("actor/failed", told))

    def take(self, event: Event) -> None:
        """Something befell the actor that is no message.

        Raises:
            DifferenceError: its code led it somewhere else before.
        """
        step = _STEPS.get(event.kind)
        if step is not None:
            step(self, event)
        elif event.kind.startswith("store/"):  # by a task that its handler left behind
            store_supervisor(self.cell).fold.apply(event.kind, event.body)

    def envelope(self, event: Event) -> Envelope:
        """The message as it lay in the mailbox.

        Raises:
            DifferenceError: the class has no such handler, or it takes other arguments.
        """
        cell, body = self.cell, event.body
        name, plain = body["handler"], (body["args"], body.get("kwargs", {}))
        if name in cell.plan.hooks:
            return Envelope(cell.plan.hooks[name], arguments(self.stage, name, body["args"]), {}, plain)
        try:
            if name not in cell.plan.handlers:
                raise TypeError(f"{cell.class_name} has no handler {name!r}")  # noqa: TRY301  # told the same way
            handler = cell.plan.handlers[name]
            restored = handler.restore(*plain, self.stage.recall)
        except TypeError as error:
            told: dict[str, Any] = {key: body[key] for key in ("handler", "args", "kwargs") if key in body}
            expected = described(event.kind, told)
            raise DifferenceError(event.seq, expected=expected, found=str(error)) from error
        envelope = envelope_of(cell, handler, restored, plain, opens="opens" in body)
        if body["ask"] and envelope.reply is None:
            envelope.reply = cell.loop.create_future()
        if body["from"] is not None:
            actor, seq, head = body["from"]
            envelope.sender = actor, seq, head
            if isinstance(envelope, Opening):
                envelope.talk.opener.cell = self.stage.cell_of(actor)
        return envelope

    def load(self, event: Event, state: dict[str, Any]) -> None:
        """A new instance, with this state; what its `on_load` does, the next event is to say."""
        self.context = apart(self.cell)
        try:
            self.cell.plan.restore_state(state, self.stage.recall)
        except TypeError as error:
            told = described(event.kind, {"state": state})
            raise DifferenceError(event.seq, expected=told, found=str(error)) from error
        try:
            restarting.load(self.cell, state)
        except restarting.PROGRAM_ENDS:
            raise
        except BaseException as error:  # noqa: BLE001  # on_load is user code
            self._unloaded = error

    def _spawned(self, event: Event) -> None:
        if not event.seq:  # or it is a child
            self.load(event, event.body["state"])

    def _resumed(self, event: Event) -> None:
        """It goes on in another process: what was set aside is in the mailbox again, outside nobody waits."""
        extras = self.cell.extras
        if extras is not None:
            extras.stash = []
            for slot in tuple(extras.slots or ()):
                if slot.envelope.sender is None:
                    slot.withdraw()
        state = event.body.get("state")
        if state is not None:
            differ(event.seq, event.kind, {"state": state}, {"state": self.state})
        self.load(event, self.state if state is None else state)

    def _retried(self, event: Event) -> None:
        """The process ended, and the handler at work goes on in another one."""
        del event
        if self.cell.extras is not None:
            self.cell.extras.stash = []

    def _restarted(self, event: Event) -> None:
        cell, state = self.cell, event.body.get("state")
        if state is not None:
            begins = self.state if cell.initial is None else cell.initial
            differ(event.seq, event.kind, {"state": state}, {"state": begins})
        self.load(event, self.state if state is None else state)

    def _snapshot(self, event: Event) -> None:
        state = event.body.get("state")
        if self._is_lost:
            self._find_again(event)
        elif state is not None:
            differ(event.seq, event.kind, {"state": state}, {"state": self.state})

    def _migrated(self, event: Event) -> None:
        """An earlier version of the class led up to here: what it did cannot be run again."""
        if self._is_lost:
            self._find_again(event)
            cell, birth = self.cell, self._birth.body
            if cell.initial is not None:
                cell.initial = lifted(cell.plan, birth["state"], birth.get("version", 1))

    def _find_again(self, event: Event) -> None:
        restore(self.cell, event.body if self._besides is None else self._besides)
        self.load(event, event.body["state"])
        self._is_lost = False

    def _answered(self, event: Event) -> None:
        """The asker of a message that was deferred gave up."""
        if "abandoned" in event.body and "reply" in event.body:
            extras = self.cell.extras
            for slot in tuple((extras and extras.slots) or ()):
                if slot.seq == event.body["reply"]:
                    slot.close()

    def _withdrawn(self, event: Event) -> None:
        """The asker of a message that was stashed gave up."""
        extras = self.cell.extras
        if extras is not None:
            extras.stash = [one for one in extras.stash if one.seq != event.body["message"]]

    def _fired(self, event: Event) -> None:
        """A timer that fires once is over."""
        for timer in tuple((self.cell.timers or {}).values()):
            if timer.seq == event.body["timer"] and not timer.every:
                timer.drop()


_STEPS: dict[str, Callable[[Part, Event], None]] = {
    "actor/spawned": Part._spawned,  # noqa: SLF001  # its own
    "actor/resumed": Part._resumed,  # noqa: SLF001
    "actor/restarted": Part._restarted,  # noqa: SLF001
    "actor/snapshot": Part._snapshot,  # noqa: SLF001
    "actor/migrated": Part._migrated,  # noqa: SLF001
    "message/retried": Part._retried,  # noqa: SLF001
    "message/answered": Part._answered,  # noqa: SLF001
    "message/withdrawn": Part._withdrawn,  # noqa: SLF001
    "timer/fired": Part._fired,  # noqa: SLF001
}
