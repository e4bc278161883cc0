"""A theater: where actors live. One loop, one journal, one key, one folder (or memory)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from theater import closing, directory, limits, resuming, spawning
from theater.actor import Actor
from theater.checkpoint import Note
from theater.errors import SetupError
from theater.hindsight import Hindsight
from theater.journal.handing import KeySource
from theater.journal.memory import KEEP_BYTES
from theater.keys import VerifyKey
from theater.letters import DeadLetters
from theater.manifest.crew import Crew, load, start
from theater.notary import choose_journal
from theater.options import Options, SpawnOptions
from theater.ref import ActorRef
from theater.resuming import Resumed
from theater.rotation import rotate_key
from theater.snapshots import Snapshots
from theater.stage import Stage
from theater.statistics import Statistics, count

A = TypeVar("A", bound=Actor)

_USUAL = Snapshots()


class Theater(Hindsight):
    """A place for actors, entered with `async with` or by `open()` and `close()`.

    Args:
        folder: where everything is kept durably; None keeps it in memory, bounded.
        record_messages: every message is an event; without it only stores, effects and lives are.
        keep: in memory, how many events are kept; older ones are dropped.
        keep_bytes: in memory, how many bytes they take at most, with large values that left them.
        closing: seconds in all that queued messages are given when the body ends normally.
        key: signs the checkpoints, or the path of a file for it; None makes one, kept in the folder.
        notary: True: a process of its own, which alone has the key, signs and writes; or the path at which
            one listens (`theater notary`).
        snapshots: how often an actor in a folder is written down whole; None: only at the close.
        clock: nanoseconds since 1970 UTC, for the times of events.
        entropy: random bytes, for the ids of actors and stores.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        record_messages: bool = True,
        keep: int = 100_000,
        keep_bytes: int = KEEP_BYTES,
        closing: float = 5.0,
        key: KeySource | None = None,
        notary: bool | str | os.PathLike[str] = False,
        snapshots: Snapshots | None = _USUAL,
        clock: Callable[[], int] = time.time_ns,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        if type(keep) is not int or keep < 1:
            raise SetupError(f"keep must be a whole number of events of at least 1, not {keep!r}")
        if type(keep_bytes) is not int or keep_bytes < 1:
            raise SetupError(f"keep_bytes must be a whole number of at least 1, not {keep_bytes!r}")
        if isinstance(closing, bool) or not closing >= 0:
            raise SetupError(f"closing must be at least 0 seconds, not {closing!r}")
        if not isinstance(snapshots, Snapshots | None):
            raise SetupError(f"snapshots= takes Snapshots(events=..., bytes=...) or None, not {snapshots!r}")
        self._folder = None if folder is None else Path(folder)
        self._stage: Stage | None = None
        self._make = partial(
            Stage,
            self._folder,
            records_messages=record_messages,
            journal=partial(
                choose_journal, self._folder, keep=keep, keep_bytes=keep_bytes, key=key, notary=notary
            ),
            snapshots=snapshots,
            clock=clock,
            entropy=entropy,
        )
        self._closing = float(closing)
        self._crew: Crew | None = None
        self._top: tuple[ActorRef[Any], ...] = ()

    @classmethod
    def from_manifest(
        cls,
        path: str | os.PathLike[str],
        *,
        variables: Mapping[str, str] | None = None,
        folder: str | os.PathLike[str] | None = None,
        key: KeySource | None = None,
        notary: bool | str | os.PathLike[str] = False,
    ) -> Self:
        """A theater with the crew that a TOML file describes; imports their classes.

        Opening it wakes those of the crew who are asleep in the folder, as they were, and starts the others,
        from the first to the last, each with its children.

        Args:
            path: of the file.
            variables: what `${NAME}` stands for in it.
            folder: takes the place of the file's own; without either, everything is kept in memory.
            key: as of `Theater`.
            notary: as of `Theater`.

        Raises:
            ManifestError: all that is wrong with the file, each with its place.
            OSError: the file cannot be read.
        """
        crew = load(Path(path), variables or {})
        house = {
            name: value
            for name in ("record_messages", "keep", "keep_bytes", "closing")
            if (value := getattr(crew.manifest.theater, name)) is not None
        }
        theater = cls(crew.folder if folder is None else folder, key=key, notary=notary, **house)
        theater._crew = crew
        return theater

    async def open(self) -> None:
        """Begin; what `async with` does on entering. A theater is opened once.

        Raises:
            FolderError, FolderInUseError, CorruptJournalError: the folder cannot be opened; all is as it was.
            SetupError, ActorFailedError: one of a manifest's crew cannot go on, or did not start.
        """
        if self._stage is not None:
            raise SetupError("a theater is opened once; make another one")
        stage = self._stage = self._make()
        try:
            await stage.open()
        except BaseException:
            self._stage = None
            raise
        closing.stand_by(stage)
        if self._crew is not None:
            try:
                self._top = await start(stage, self._crew)
            except BaseException:
                await self._close(at_once=True)
                raise

    async def close(self) -> None:
        """End as a body that ends normally does: queued messages are handled, everything is committed.

        Raises:
            SetupError: a handler or hook of this theater calls it.
        """
        if self._stage is not None and self._stage.current_cell() is not None:
            raise SetupError(
                "a handler cannot close its theater, which would wait for it: have whoever opened it close it"
            )
        await self._close(at_once=False)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close(at_once=error is not None)

    async def _close(self, *, at_once: bool) -> None:
        if self._stage is not None:
            await closing.close(self._stage, within=0.0 if at_once else self._closing)

    async def spawn(
        self,
        actor: A,
        *,
        name: str | None = None,
        resume: bool = False,
        **options: Unpack[SpawnOptions],
    ) -> ActorRef[A]:
        """Start an actor from this value, on a copy of it; returns when its `on_start` has ended.

        Args:
            actor: an instance; its fields are the initial state.
            name: one segment of a path; None gives the actor a name nobody asks for.
            resume: if an actor of that name is alive, here or asleep in the record, this is it.
            restart: when an actor that ended is started again.
            state: what it begins with then.
            limit: how often; beyond it the actor ends, and an actor that supervises it fails with it.
            backoff: how long to wait before each restart; None: not at all.
            stop_within: seconds that its supervisor gives it to stop.
            mailbox: messages that may wait.
            overflow: what a full mailbox does with one more: "wait" (its sender waits for room), "fail" (it
                is handed back), "drop_newest" or "drop_oldest" (that message is a dead letter).
            grants: what it may do; None: everything, or all that its supervisor may. Never more than that.

        Raises:
            NameTakenError: the name is in use.
            SetupError: a bad option or name, or an actor that is no actor.
            TypeError: a field value that cannot be packed.
            ActorFailedError: `on_load` or `on_start` raised.
        """
        kept = Options.of(options)
        stage = self._begun()
        if resume and isinstance(actor, Actor):
            stage.check_open()
            there = await resuming.resume_one(stage, type(actor), name)
            if there is not None:
                return there
        return await spawning.spawn_top(stage, actor, name, kept)

    async def resume(self, *, classes: Sequence[type[Actor]] = (), changed_code: bool = False) -> Resumed:
        """Wake all actors that the record says are alive, supervisors first; skips those that run.

        Only classes that are imported already, or given here, are used. Actors that cannot go on are named in
        the answer and left alone. A state of over 4 KiB that no snapshot holds is made again from the
        messages since the last one; with `changed_code` also by code that is not what it was then.
        """
        return await resuming.resume_all(self._running(), classes, changed_code=changed_code)

    @property
    def crew(self) -> tuple[ActorRef[Any], ...]:
        """The actors that stand at the top of its manifest, in that order; empty without one."""
        return self._top

    def find(self, name: str) -> ActorRef[Any]:
        """The actor with this path, such as `crew/worker-1`.

        Raises:
            ActorNotFoundError: none of that name runs here.
        """
        stage = self._running()
        limits.check_find(stage.current_cell(), name)
        return directory.find(stage, name).ref

    async def settled(self) -> None:
        """Wait until all mailboxes are empty, no handler is at work, and everything is committed."""
        await closing.settled(self._running())

    def statistics(self) -> Statistics:
        """Counts of this moment."""
        return count(self._begun())

    def dead_letters(self, *, buffer: int = 1024) -> DeadLetters:
        """Messages that will not be handled, as they die: `async with` begins to listen, `async for` reads.

        Args:
            buffer: letters that are kept for a slow reader; of more it loses the oldest, and counts them.
        """
        return DeadLetters(self._running(), buffer=buffer)

    def checkpoint(self) -> Note:
        """The newest signed checkpoint: in memory of everything, in a folder of all that is committed."""
        return self._begun().journal.checkpoint()

    async def rotate_key(self, new: KeySource | None = None) -> VerifyKey:
        """Sign by another key from here on; returns its public half once the old one has signed that it may.

        Args:
            new: the key, or the path of a file for it; None makes one, kept where the one before was.

        Raises:
            SetupError: the program gave the key, and gives no next one; or one is handing over already.
            FolderError, JournalError: the new key cannot be read or kept; the old one goes on.
        """
        return await rotate_key(self._running(), new)

    def _running(self) -> Stage:
        stage = self._begun()
        stage.check_open(None)
        return stage

    def _begun(self) -> Stage:
        if self._stage is None:
            raise SetupError(
                "the theater is not open: use `async with Theater(...)` or `await theater.open()`"
            )
        return self._stage

    def __repr__(self) -> str:
        where = "in memory" if self._folder is None else f"in {self._folder}"
        return f"<Theater {where}>"
