"""Who signs a journal's checkpoints: one key, and two of them where one hands over to the next."""

from __future__ import annotations

from typing import Protocol

from theater.checkpoint import Checkpoint, Note
from theater.journal.handing import Handover
from theater.keys import SigningKey, VerifyKey


class Signs(Protocol):
    """Whoever signs: here, or in a notary's stead."""

    @property
    def public(self) -> VerifyKey:
        """The key of the events that are appended now."""
        ...

    def hand_over(self, handover: Handover) -> None:
        """Have the next checkpoint signed by both keys, and those after it by the new one alone."""
        ...

    def sign(self, checkpoint: Checkpoint) -> Note:
        """Sign; a notary's signatures are blank until it has made them."""
        ...


class Signer:
    """Signs each checkpoint by the key of its time."""

    def __init__(self, key: SigningKey) -> None:
        self._keys: tuple[SigningKey, ...] = (
            key,
        )  # the last is the current one; those before it hand over at the next checkpoint

    @property
    def public(self) -> VerifyKey:
        """The key of the events that are appended now."""
        return self._keys[-1].public

    def hand_over(self, handover: Handover) -> None:
        """Have the next checkpoint signed by both keys, and those after it by the new one alone."""
        assert handover.key is not None  # it is here that keys are
        self._keys = (*self._keys, handover.key)

    def sign(self, checkpoint: Checkpoint) -> Note:
        note = checkpoint.sign(*self._keys)
        self._keys = self._keys[-1:]
        return note
