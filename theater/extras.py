"""What most actors never have: kept apart, so that those who have none of it stay small."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theater.allowance import Allowance
    from theater.deferring import Slot
    from theater.errors import ActorFailedError
    from theater.loop import Future
    from theater.rounds import Place, Round
    from theater.stashing import Stashed


class Extras:
    """One actor's rare belongings; each is made by the module that knows it."""

    __slots__ = (
        "allowance",
        "below",
        "escalation",
        "hurry",
        "interrupted",
        "is_stopping_children",
        "place",
        "round",
        "slots",
        "stash",
    )

    def __init__(self) -> None:
        self.allowance: Allowance | None = None  # of messages, where they are limited per second
        self.slots: dict[Slot, None] | None = None  # answers that the actor owes, oldest first
        self.stash: list[Stashed] = []  # messages set aside, oldest first
        self.below: tuple[float, ...] = ()  # moments of restarts of its children, oldest first
        self.escalation: ActorFailedError | None = None  # with which its supervisor fails when it has ended
        self.hurry: Future[None] | None = None  # ends a wait before a restart
        self.interrupted: str | None = None  # why the message at hand is being cut off
        self.is_stopping_children = False
        self.place: Place | None = None  # in a restart of several
        self.round: Round | None = None  # a restart of several of its children
