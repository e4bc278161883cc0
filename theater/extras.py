"""What most actors never have: kept apart, so that those who have none of it stay small."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theater.deferring import Slot


class Extras:
    """One actor's rare belongings; each is made by the module that knows it."""

    __slots__ = ("slots",)

    def __init__(self) -> None:
        self.slots: dict[Slot, None] | None = None  # answers that the actor owes, oldest first
