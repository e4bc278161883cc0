"""What most actors never have: kept apart, so that those who have none of it stay small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theater.allowance import Allowance
    from theater.cell import Cell
    from theater.deferring import Slot
    from theater.errors import ActorFailedError
    from theater.loop import Future
    from theater.mailbox import Envelope
    from theater.ref import ActorRef
    from theater.rounds import Place, Round
    from theater.stashing import Stashed
    from theater.supervision import Supervision
    from theater.watching import Watch


class Extras:
    """One actor's rare belongings; each is made by the module that knows it."""

    __slots__ = (
        "allowance",
        "asked_by",
        "below",
        "delay",
        "escalation",
        "failure",
        "has_stopped",
        "held",
        "hurry",
        "interrupted",
        "is_stopping_children",
        "links",
        "place",
        "put_back",
        "round",
        "rounds",
        "slots",
        "stash",
        "supervision",
        "thrown",
        "watches",
    )

    def __init__(self) -> None:
        self.allowance: Allowance | None = None  # of messages, where they are limited per second
        self.slots: dict[Slot, None] | None = None  # answers that the actor owes, oldest first
        self.stash: list[Stashed] = []  # messages set aside, oldest first
        self.asked_by: tuple[ActorRef[Any] | None] | None = None  # who stopped or killed it from outside
        self.links: dict[bytes, None] | None = None  # ids of actors without which it does not go on
        self.held: list[Cell] = []  # sleepers that it watches
        self.below: tuple[float, ...] = ()  # moments of restarts of its children, oldest first
        self.delay = 0  # events until a snapshot, for the messages that waited when the last one was taken
        self.escalation: ActorFailedError | None = None  # with which its supervisor fails when it has ended
        self.failure: ActorFailedError | None = None  # by which it had failed when its theater ended
        self.hurry: Future[None] | None = None  # ends a wait before a restart
        self.interrupted: str | None = None  # why the message at hand is being cut off
        self.is_stopping_children = False
        self.has_stopped = False  # its `on_stop` has begun in an earlier run, and runs on
        self.thrown: tuple[Envelope, GeneratorExit] | None = None  # what closed the task, and when
        self.place: Place | None = None  # in a restart of several
        self.put_back: dict[Envelope, int] = {}  # of what was set aside, by the seq of `message/received`
        self.round: Round | None = None  # a restart of several of its children
        self.rounds = 0  # how many there were
        self.supervision: Supervision | None = None  # in the place of what its class says
        self.watches: dict[Watch, None] | None = None  # of whose end it was not told yet
