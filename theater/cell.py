"""A cell: one actor's mailbox, task and place in the record, from its first life to its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Coroutine
from threading import get_ident
from typing import TYPE_CHECKING, Any

from theater import draining, ending, life, sending, snapshots
from theater.context import Context
from theater.errors import SetupError
from theater.extras import Extras
from theater.lanes import Lanes
from theater.loop import Future, Task, start
from theater.mailbox import NO_KWARGS, Envelope, Mailbox
from theater.ref import ActorRef
from theater.restart import NORMAL
from theater.turn import Turn

if TYPE_CHECKING:
    from theater.actor import Actor
    from theater.options import Options
    from theater.plan import ActorPlan
    from theater.stage import Stage
    from theater.state import StateKeeper
    from theater.store.supervisor import StoreSupervisor
    from theater.supervision import Supervision
    from theater.timers import Timer
    from theater.waits import Waiting


class Cell(Mailbox):
    """What the runtime knows of one actor. Never seen by users; `ActorRef` is their side of it."""

    # fmt: off
    __slots__ = (
        "__weakref__", "actor", "children", "cost", "current", "due", "ended", "events", "extras", "handled",
        "handlers", "head", "id", "initial", "is_ending", "is_open", "keeper", "killed", "name", "options",
        "plan", "reason", "ref", "restarts", "signals", "stale", "started", "state", "stopping",
        "stores", "supervisor", "task", "theater", "timers", "turn", "waits", "watchers", "weight", "world",
    )
    # fmt: on

    def __init__(self, theater: Stage, plan: ActorPlan, *, id: bytes, name: str, options: Options) -> None:
        super().__init__(theater.loop, options.mailbox)
        self.theater = theater
        self.world = theater.bound[0]  # 60 ns for each message
        self.plan = plan
        self.handlers = plan.callable_by  # by function and by name
        self.id = id
        self.name = name
        self.options = options
        self.events = 0  # in its chain
        self.due = snapshots.NEVER  # how many there are when a snapshot is looked to
        self.weight = self.cost = 0  # bytes that its chain has grown by since the last one, and that it took
        self.head: bytes | None = None
        self.actor: Actor | None = None
        self.keeper: StateKeeper | None = None  # of the last good state
        self.ref: ActorRef[Any] = ActorRef(self)
        self.supervisor: Cell | None = None  # None at the root
        self.children: dict[Cell, None] | None = None  # in the order they were started
        self.current: Envelope | None = None  # the message at hand
        self.turn: Turn | None = None  # what it has asked, if anything
        self.signals: list[Envelope] | None = None  # the control lane: hooks to run before the next message
        self.task: Task[None] | None = None
        self.waits: set[Waiting] | None = None
        self.stores: StoreSupervisor | None = None
        self.timers: dict[int, Timer] | None = None
        self.watchers: list[Any] | None = None
        self.extras: Extras | None = None  # what most actors never have
        self.ended: Future[None] | None = None  # made for the first that waits for the end
        self.restarts: tuple[float, ...] = ()  # moments on the loop's clock, oldest first
        self.handled = 0
        self.state = "starting"
        self.is_open = True  # takes messages
        self.is_ending = False
        self.stopping = False  # ends when the mailbox is empty
        self.killed = False
        self.stale = False  # the record does not hold the state as it is
        self.reason = NORMAL  # why it ends, once it does
        self.started: Future[None] | None = None  # done when the first `on_start` is
        self.initial: dict[str, Any] | None = None  # plain state, for those that are restarted with it

    # -- what the door and the context call --------------------------------------------------------------

    @property
    def class_name(self) -> str:
        return self.plan.label

    def is_message(self, envelope: Envelope) -> bool:
        """Hooks are called as messages are, and are none."""
        return self.plan.handlers.get(envelope.plan.name) is envelope.plan

    @property
    def has_ended(self) -> bool:
        return self.state == "ended"

    @property
    def is_cut(self) -> bool:
        """What it does is cut off as by a crash: it has not ended, and nothing of that is recorded."""
        return self.theater.is_cutting or self.state == "gone"

    def envelope(
        self,
        handler: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        reply: Future[Any] | None = None,
        origin: Cell | None = None,
    ) -> Envelope:
        """A message for this actor, its arguments checked and packed; the actor never sees a bad one."""
        plan = self.handlers.get(handler) or sending.plan_for(self, handler)
        fits = plan.fits
        if not kwargs and fits(args):
            envelope = Envelope(plan, args, NO_KWARGS, None, reply, origin)
        else:
            arrived, named, plain_args, plain_kwargs = plan.carry(args, kwargs, self.world)
            envelope = Envelope(plan, arrived, named, (plain_args, plain_kwargs), reply, origin)
        theater = self.theater
        if not self.is_open or theater.is_closed or theater.host._thread_id != get_ident():  # noqa: SLF001
            sending.check_way(self, envelope)
        theater.sent += 1
        return envelope

    def put(self, envelope: Envelope) -> None:
        """Give the message its place, and wake the actor."""
        turn = envelope.turn
        if turn is not None:
            sending.record_sent(turn, self, envelope)
        self.enqueue(envelope)

    def enqueue(self, envelope: Envelope) -> None:
        queue = self.queue
        if queue is None:
            self.queue = Lanes((envelope,)) if self.plan.has_lanes else deque((envelope,))
        else:
            queue.append(envelope)
        if self.waiter is not None:
            self.wake()

    def wake(self) -> None:
        waiter = self.waiter
        if waiter is not None:
            self.waiter = None
            if self.task is None:
                life.begin(self)
                return
            theater = self.theater
            theater.active += 1
            if not theater.beating:
                theater.start_beat()
            theater.pump.resume_soon(waiter)

    def begin_task(self) -> None:
        """Have a task, another one if there was one."""
        self.state = "starting"
        self.task = start(self.loop, life.live(self), current=self)

    def asked(self) -> Turn:
        """The handler at work asks something of the world: its message is recorded as received first.

        Raises:
            SetupError: none is at work.
            NotRunningError, JournalFailedError: it is cut off. It will run again, and not on that way out.
        """
        if self.theater.is_cutting:
            self.theater.check_open(self)
        turn = self.turn
        if turn is None or turn.seq is None:
            if self.current is None:
                raise SetupError(f"{self.class_name} used its context outside a hook or handler")
            if turn is None:
                turn = self.turn = Turn(self)
            turn.begin()
        return turn

    def adopt(self, task: Task[Any]) -> None:
        """A handler of this actor started a task."""
        if self.current is not None:
            self.turn_at_hand().adopt(task)

    def turn_at_hand(self) -> Turn:
        """That of the message at hand, made if it has asked nothing yet."""
        if self.turn is None:
            self.turn = Turn(self)
        return self.turn

    def more(self) -> Extras:
        """What most actors never have, made when it is first needed."""
        if self.extras is None:
            self.extras = Extras()
        return self.extras

    @property
    def supervision(self) -> Supervision | None:
        """What is said of its children: to it when it was spawned, or else by its class."""
        told = None if self.extras is None else self.extras.supervision
        return self.plan.supervision if told is None else told

    def record(self, kind: str, body: dict[str, Any]) -> int:
        return self.theater.recorder.append(self, kind, body)

    def context(self) -> Context:
        """What the handler at work asks of the world; a SetupError if none is."""
        if self.current is None:
            raise SetupError(f"{self.class_name} used its context outside a hook or handler")
        return Context(self)

    def note(self, kind: str, body: dict[str, Any]) -> int:
        """Record what belongs to messages, where messages are recorded."""
        return self.record(kind, body) if self.theater.records_messages else -1

    def stop_for(self, asker: Cell | None) -> Awaitable[None]:
        return ending.stop_and_wait(self, asker)

    def kill_for(self, asker: Cell | None) -> Awaitable[None]:
        return ending.kill_and_wait(self, asker)

    def drain(self) -> Coroutine[Any, Any, None]:
        """Handle messages until the actor is to end."""
        return draining.drain(self)

    def handle(self, envelope: Envelope) -> Coroutine[Any, Any, None]:
        """Handle one hook or message."""
        return draining.handle(self, envelope)
