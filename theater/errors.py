"""Every error a user can catch: one class for each thing a caller can do about it.

The tree is the decision: bad input is rejected, forged data is not trusted, missing data is fetched,
an undelivered message is sent elsewhere, a disk is looked at, a program is fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from theater.mailbox import Message

_SHOWN = 200  # characters of bad input in an error's text


class TheaterError(Exception):
    """The root of every error that Theater raises on purpose."""


class MalformedError(TheaterError, ValueError):
    """Not a content ref, event, checkpoint or label: reject the input."""

    def __init__(self, expected: str, found: object, *, why: str = "") -> None:
        shown = repr(found[:_SHOWN] if isinstance(found, (str, bytes)) else found)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        article = "an" if expected.startswith(("a", "e", "i", "o")) else "a"
        super().__init__(f"not {article} {expected}: {shown}" + (f" ({why})" if why else ""))
        self.expected = expected
        self.found = found
        self.why = why


class ForgedError(TheaterError):
    """Bytes and claim disagree: do not trust them, raise the alarm."""

    def __init__(self, where: str, *, expected: object = None, found: object = None) -> None:
        claim = "" if expected is None and found is None else f": expected {expected}, found {found}"
        super().__init__(f"{where}{claim}")
        self.where = where
        self.expected = expected
        self.found = found


class BrokenChainError(ForgedError):
    """An event does not follow the one before it."""


class CorruptContentError(ForgedError):
    """Stored bytes do not hash to their ref."""


class CorruptJournalError(ForgedError):
    """A journal holds bytes that no crash leaves behind."""


class ProofError(ForgedError):
    """A proof does not lead to the root it claims."""


class SignatureError(ForgedError):
    """A signature was not made by the named key over these bytes."""


class MissingError(TheaterError, LookupError):
    """What was asked for is not here: fetch it, or give up."""


class StoreNotFoundError(MissingError):
    """No such store for this actor; a foreign store and an invented one read the same."""


class ContentNotFoundError(MissingError):
    """Content that this store never stored."""


class ActorNotFoundError(MissingError):
    """No actor of that name or id is here."""


class HistoryCutError(MissingError):
    """That event was dropped from a bounded history."""


class NotRecordedError(MissingError):
    """Messages of this theater were not recorded."""


class DeliveryError(TheaterError):
    """The message was not delivered; it is handed back as `message`."""

    def __init__(self, text: str, *, message: Message | None = None) -> None:
        super().__init__(text)
        self.message = message


class NotRunningError(DeliveryError):
    """The actor, or its theater, has ended."""


class MailboxFullError(DeliveryError):
    """The mailbox is full, and waiting for room is impossible or not wanted."""


class AskCycleError(DeliveryError):
    """Waiting would close a circle of actors that wait for each other; `path` names it."""

    def __init__(self, path: Sequence[str], *, message: Message | None = None) -> None:
        super().__init__("waiting would close a circle: " + " → ".join(path), message=message)
        self.path = tuple(path)


class RefusedError(DeliveryError):
    """The handler ended without accepting the channel."""


class ChannelClosedError(DeliveryError):
    """The channel is closed: nothing can be sent, and all that came is read."""


class ActorFailedError(TheaterError):
    """The actor's handler or hook raised; the cause is attached as `__cause__` where it is at hand."""


class EffectFailedError(TheaterError):
    """An effect raised something that it does not declare; `error` is its class name, `text` its text."""

    def __init__(self, error: str, text: str) -> None:
        super().__init__(f"{error}: {text}")
        self.error = error
        self.text = text


class EffectInDoubtError(TheaterError):
    """The process died while this effect ran: whether it happened is unknown."""


class NotAllowedError(TheaterError):
    """The actor was not granted this: `asked` says what, `granted` what it was.

    A message over what may be sent per second is handed back as `message`.
    """

    def __init__(
        self, text: str, *, asked: str = "", granted: str = "", message: Message | None = None
    ) -> None:
        super().__init__(text)
        self.asked = asked
        self.granted = granted
        self.message = message


class JournalError(TheaterError):
    """The journal cannot go on: stop, and look at the disk."""


class DiskFullError(JournalError):
    """The content does not fit on the disk; nothing of it was recorded as stored."""


class JournalFailedError(JournalError):
    """A batch could not be written or synced; what waited for it may or may not be there on reopening."""


class FolderInUseError(JournalError):
    """Another process has this folder open; the text names it."""


class FolderError(JournalError):
    """The folder cannot be opened: it is no theater, of a newer format, or read-only."""


class SetupError(TheaterError):
    """A bad option, class or spec: fix the program."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a manifest."""

    place: str  # such as `actor[0].children[2].restart`; empty for the whole of it
    text: str  # what is wrong there, and what would be right

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


class ManifestError(SetupError):
    """A manifest does not describe a crew; `problems` are all that is wrong with it."""

    def __init__(self, path: str, problems: Sequence[Problem]) -> None:
        count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
        super().__init__("\n  ".join([f"{path}: {count}", *map(str, problems)]))
        self.path = path
        self.problems = tuple(problems)


class NameTakenError(SetupError):
    """An actor of that name is alive, here or asleep in the record."""
