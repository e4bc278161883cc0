"""Actors and chains as a folder tells of them: what the first and the last event of each chain say."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from theater.chain import ChainView, Tip
from theater.errors import HistoryCutError
from theater.event import Event
from theater.journal.reader import Reader
from theater.moments import check_seq, state_at
from theater.outlining import inline

ROOT = bytes(16)


@dataclass(frozen=True, slots=True)
class RecordedActor:
    """An actor as the record tells of it."""

    id: bytes  # 16 bytes
    name: str  # its path: `crew/worker-1`
    class_name: str  # `module:Qualname`
    state: Literal["alive", "asleep", "ended"]  # asleep: alive in the record, and nothing runs it now
    reason: str | None  # why it ended: normal, shutdown, killed or failed
    events: int
    head: bytes  # the hash of its newest event, 32 bytes
    supervisor: bytes  # whose child it is, 16 bytes; all zero for the program outside


class RecordedChain(ChainView):
    """One actor's events in a folder, as far as they were committed when it was made; read one by one."""

    __slots__ = ("_reader", "_tip")

    def __init__(self, reader: Reader, actor: bytes) -> None:
        self._reader = reader
        self._tip = Tip(actor, reader.index.count(actor), reader.head(actor))

    @property
    def tip(self) -> Tip:
        return self._tip

    @property
    def first(self) -> int:
        return 0

    def event(self, seq: int) -> Event:
        return Event.read(self._reader.event(self._tip.actor, seq))

    def state_at(self, seq: int | None = None) -> dict[str, Any]:
        """The state as plain values after event `seq`, or the newest: as the last handled message left it.

        Raises:
            MissingError: there is no such event.
            HistoryCutError, NotRecordedError: the record does not tell.
        """
        return state_at(self, check_seq(self, seq), self._full)

    def _full(self, value: Any) -> Any:
        return inline(value, self._reader.read)


class Actors:
    """The actors of a folder, by id and by name; those that are new are read when it is asked again."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._births: dict[bytes, dict[str, Any]] = {}  # bodies of first events
        self._named: dict[str, list[bytes]] = {}  # oldest first

    def refresh(self) -> None:
        """Take in what was committed since the last time."""
        self._reader.refresh()
        for actor in self._reader.index.actors():
            if actor not in self._births and actor != ROOT:
                first = self._read(actor, 0)
                born = {} if first is None else first.body
                self._births[actor] = born
                self._named.setdefault(born.get("name", actor.hex()), []).append(actor)

    def __iter__(self) -> Iterator[RecordedActor]:
        """All there ever were, in the order in which they were spawned."""
        is_running = self._reader.closed is None and is_held(self._reader.folder.path / "lock")
        for actor in self._births:
            yield self._recorded(actor, is_running=is_running)

    def named(self, name: str) -> bytes | None:
        """Of all that had this name, the one that has not ended, or else the newest."""
        found = self._named.get(name)
        if not found:
            return None
        awake = [actor for actor in found if not self._end(actor)]
        return (awake or found)[-1]

    def name_of(self, actor: bytes) -> str:
        """Its name; its id in hex if its first event was removed."""
        name: str = self._births.get(actor, {}).get("name", actor.hex())
        return name

    def has_ended(self, actor: bytes) -> bool:
        return bool(self._end(actor))

    def starting_with(self, prefix: str) -> list[bytes]:
        """All chains whose actor's id, in hex, starts like this; the root's too."""
        return [actor for actor in self._reader.index.actors() if actor.hex().startswith(prefix)]

    def _recorded(self, actor: bytes, *, is_running: bool) -> RecordedActor:
        tip = RecordedChain(self._reader, actor).tip
        born, end = self._births[actor], self._end(actor)
        return RecordedActor(
            id=actor,
            name=born.get("name", actor.hex()),
            class_name=born.get("class", ""),
            state="ended" if end else "alive" if is_running else "asleep",
            reason=end.get("reason"),
            events=tip.size,
            head=tip.head or b"",
            supervisor=born["supervisor"][0] if "supervisor" in born else ROOT,
        )

    def _end(self, actor: bytes) -> dict[str, Any]:
        """The body of the event by which the actor ended; empty if it has not."""
        last = self._read(actor, self._reader.index.count(actor) - 1)
        return last.body if last is not None and last.kind == "actor/stopped" else {}

    def _read(self, actor: bytes, seq: int) -> Event | None:
        """An event; None if it was removed."""
        try:
            return Event.read(self._reader.event(actor, seq))
        except HistoryCutError:
            return None


def is_held(lock: Path) -> bool:
    """Say whether a process holds this lock (flock); it is only looked at, for less than a microsecond."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
