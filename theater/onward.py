"""Onward: where the duty to answer a message went, when its handler does not answer by returning."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope


class Onward(ABC):
    """What stands for the answer of a message, and is told what becomes of its asker."""

    __slots__ = ()

    mark: str  # what `message/handled` calls it

    def place(self) -> None:  # noqa: B027  # most have no second message
        """A second message, sent for the first one, has its place."""

    def settle(self) -> None:  # noqa: B027  # most are where they belong
        """The handler has returned."""

    def take_back(self) -> None:  # noqa: B027  # most cannot be taken back
        """The handler raised: what is not answered yet is answered by that."""

    def replace(self, second: Envelope) -> None:  # noqa: B027  # most have none
        """The second message is this one, sent in an earlier run."""

    @property
    def second(self) -> Envelope | None:
        """The message that ends for this one, if another does."""
        return None

    @property
    def receiver(self) -> Cell | None:
        """Who has that one."""
        return None

    @abstractmethod
    def withdraw(self) -> tuple[Cell, Envelope] | None:
        """The asker gave up; returns the message that is to be withdrawn now, and whose it is, if any is."""
