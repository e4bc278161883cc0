"""Onward: where the duty to answer a message went, when its handler does not answer by returning."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theater.mailbox import Triple


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

    @abstractmethod
    def withdraw(self) -> None:
        """The asker gave up."""

    @abstractmethod
    def outcome(self) -> tuple[dict[str, Any], Triple | None] | None:
        """How it ended, if another message says so."""
