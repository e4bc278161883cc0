"""The notary: it signs and writes what goes on from the record, and nothing else."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import pytest
from click.testing import CliRunner
from handmade import ROOT, actor_id, triple
from independent_verifier import Verifier
from journal_contract import JournalContract
from journal_disks import KEY, ORIGIN, FailingDisk

from theater import Actor, ContentRef, History, Report, SigningKey, Snapshots, Theater, handler
from theater.chain import Chain
from theater.checkpoint import Checkpoint, Note
from theater.cli import main
from theater.codec import Outlined, encode, prepare
from theater.errors import (
    CorruptJournalError,
    DiskFullError,
    FolderError,
    FolderInUseError,
    ForgedError,
    JournalError,
    JournalFailedError,
    SetupError,
    SignatureError,
)
from theater.event import Event, Stub, event_bytes
from theater.journal import DiskJournal, Journal
from theater.journal.calls import Calls
from theater.journal.folder import Folder
from theater.journal.frames import (
    BLOB,
    COMMIT,
    EVENT,
    FILE,
    FRONTIER,
    STUB,
    file_size,
    frame,
    frontier_payload,
)
from theater.journal.log import SEGMENT_BYTES
from theater.journal.pending import Pending
from theater.journal.reader import Reader
from theater.journal.walk import Batch, Place
from theater.merkle import Frontier, root_of
from theater.notary import choose_journal
from theater.notary.client import NotaryLog, open_by_notary
from theater.notary.desk import Desk
from theater.notary.lines import Line
from theater.notary.scrutiny import Scrutiny
from theater.notary.serving import Office
from theater.recorder import Line as ChainLine
from theater.recorder import Recorder

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]

COUNTER, OTHER = actor_id(1), actor_id(2)


class Near:
    """A notary in a thread of this process: quick to start, and open to look at."""

    def __init__(
        self, folder: Path, *, calls: Calls | None = None, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self._folder = folder
        self._office = Office(folder, calls=calls, segment_bytes=segment_bytes)
        self._threads: list[Thread] = []

    def journal(self) -> DiskJournal:
        return DiskJournal(self._folder, notary=partial(open_by_notary, Folder(self._folder), self.reach))

    def reach(self) -> tuple[socket.socket, None]:
        ours, theirs = socket.socketpair()
        thread = Thread(target=self._office.serve, args=(Line(theirs),))
        thread.start()
        self._threads.append(thread)
        return ours, None

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


class TestJournal(JournalContract):
    """A journal that a notary writes keeps the promises of any."""

    @pytest.fixture
    async def journal(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Journal]:
        # the contract's chains are no theater's: they begin with whatever they like, at any time
        for rule in ("_take_word", "_take_time"):
            monkeypatch.setattr(Scrutiny, rule, lambda *_: None)
        near = Near(tmp_path / "theater")
        journal = near.journal()
        await journal.open()
        try:
            yield journal
        finally:
            await journal.close()
            near.join()


class Counter(Actor):
    """Adds up."""

    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total


class Keeper(Actor):
    """Keeps what it is told."""

    @handler
    async def keep(self, content: bytes) -> ContentRef:
        return await self.context.store.store(content)

    @handler
    async def pour(self, count: int) -> ContentRef:
        return await self.context.store.put_stream(_chunks(count))

    @handler
    async def get(self, ref: ContentRef) -> bytes:
        return await self.context.store.get(ref)


async def _chunks(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number]) * 300_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "theater"


@pytest.fixture
def socket_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s") / "n"  # short: such a path has 107 bytes at most


def verified(path: Path) -> Report:
    report = History(path).verify(signatures=True)
    assert report.ok, report.wrong
    other = Verifier(path)
    assert other.ok, other.wrong
    return report


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def is_there(path: Path) -> bool:
    return path.exists()


def notary_of(path: Path) -> int:
    """The process that has the folder."""
    return int((path / "lock").read_text().split()[0])


def until_ended(process: int) -> None:
    """Wait for the end of a process that is not ours."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return
    ready, _, _ = select.select([descriptor], [], [], 30)
    os.close(descriptor)
    assert ready, "it goes on"


# -- a process of its own -----------------------------------------------------------------------------------


async def test_a_notary_writes_what_the_theater_would_and_it_verifies(path: Path) -> None:
    large = os.urandom(3_000_000)
    async with Theater(path, notary=True) as theater:
        assert notary_of(path) != os.getpid()
        counter = await theater.spawn(Counter(), name="counter")
        keeper = await theater.spawn(Keeper(), name="keeper")
        assert [await counter.ask(Counter.add, 1) for _ in range(3)] == [1, 2, 3]
        assert await keeper.ask(Keeper.get, await keeper.ask(Keeper.keep, large)) == large
        assert len(await keeper.ask(Keeper.get, await keeper.ask(Keeper.pour, 9))) == 9 * 300_000
        theater.checkpoint().checkpoint(History(path).key)
        running = notary_of(path)

    until_ended(running)
    assert verified(path).closed
    async with Theater(path) as theater:  # and one without goes on
        counter = await theater.spawn(Counter(), name="counter", resume=True)
        assert await counter.ask(Counter.add, 1) == 4


class Author(Actor):
    """Writes a book, a page at a time."""

    pages: list[str] = []  # noqa: RUF012  # a field

    @handler
    async def write(self, seed: int, count: int) -> int:
        self.pages += [
            f"{seed}/{number} {sha256(bytes([seed, number % 256])).hexdigest()}" for number in range(count)
        ]
        return len(self.pages)


async def test_a_notary_takes_large_values_in_parts(path: Path) -> None:
    for life in range(2):  # the second goes on from parts that the first kept
        async with Theater(path, notary=True, snapshots=Snapshots(events=2)) as theater:
            author = await theater.spawn(Author(), name="author", resume=True)
            for number in range(3):
                total = await author.ask(Author.write, life * 3 + number, 2_000)
            assert total == 6_000 * (life + 1)  # pyright: ignore[reportPossiblyUnboundVariable]

    assert verified(path).contents > 10


async def test_the_key_is_read_by_the_notary_and_not_by_the_theater(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the theater has a key")

    monkeypatch.setattr(SigningKey, "__init__", refuse)

    async with Theater(path, notary=True) as theater:
        await theater.spawn(Counter())
        await theater.rotate_key()

    assert len(verified(path).keys) == 2


async def test_a_key_file_elsewhere_is_the_notarys_too(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "my.key"
    async with Theater(path, notary=True, key=file) as theater:
        await theater.rotate_key()

    assert not (path / "key").exists()
    assert SigningKey(bytes.fromhex(file.read_text())).public == History(path).key
    assert len(verified(path).keys) == 2


async def test_a_notary_that_is_killed_ends_the_theater_as_a_crash_does(path: Path) -> None:
    theater = Theater(path, notary=True)
    await theater.open()
    counter = await theater.spawn(Counter(), name="counter")
    assert await counter.ask(Counter.add, 1) == 1

    os.kill(notary_of(path), signal.SIGKILL)

    with pytest.raises(JournalFailedError, match="the notary has ended"):
        while True:
            await counter.ask(Counter.add, 1)
    await theater.close()
    assert not verified(path).closed
    async with Theater(path, notary=True) as theater:
        counter = await theater.spawn(Counter(), name="counter", resume=True)
        assert await counter.ask(Counter.add, 0) >= 1


async def test_the_end_of_a_notary_is_seen_though_nothing_is_asked_of_it(path: Path) -> None:
    journal = choose_journal(path, keep=1, key=None, notary=True)
    await journal.open()
    failed = anyio.Event()
    journal.on_failure = lambda _: failed.set()

    os.kill(notary_of(path), signal.SIGKILL)

    with anyio.fail_after(30):
        await failed.wait()
    await journal.close()


KILLED = """
import os, signal, sys
import anyio
from theater import Actor, Theater, handler

class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total

async def main():
    async with Theater(sys.argv[1], notary=True) as theater:
        counter = await theater.spawn(Counter(), name="counter")
        await counter.ask(Counter.add, 1)
        if os.fork() == 0:  # a child that has all its parent had open, and lives on
            print(open(sys.argv[1] + "/lock").read().split()[0], os.getpid(), flush=True)
            os.close(1)
            os.close(2)
            signal.pause()
        await counter.tell(Counter.add, 1)
        os.kill(os.getpid(), signal.SIGKILL)

anyio.run(main)
"""


async def test_a_theater_that_is_killed_ends_its_notary_whoever_it_forked_before(path: Path) -> None:
    with anyio.fail_after(60):  # also the notary and the child have what it prints to open
        done = await anyio.run_process([sys.executable, "-c", KILLED, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    notary, child = map(int, done.stdout.decode().split())

    try:
        until_ended(notary)
    finally:
        os.kill(child, signal.SIGKILL)
    assert not verified(path).closed
    async with Theater(path) as theater:
        counter = await theater.spawn(Counter(), name="counter", resume=True)
        assert await counter.ask(Counter.add, 0) in (1, 2)


async def test_a_signal_to_all_leaves_the_notary_to_the_theater_which_closes(
    path: Path,
) -> None:
    async with Theater(path, notary=True) as theater:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(notary_of(path), each)
        await theater.spawn(Counter())

    assert verified(path).closed


async def test_what_a_notary_finds_wrong_with_a_folder_is_the_theaters_error(path: Path) -> None:
    async with Theater(path):
        with pytest.raises(FolderInUseError, match="is open in"):
            await Theater(path, notary=True).open()
    segment = path / "segments" / "00000001"
    segment.write_bytes(segment.read_bytes()[:-5])

    with pytest.raises(CorruptJournalError):
        await Theater(path, notary=True).open()
    with pytest.raises(FolderError):
        await Theater(__file__, notary=True).open()


@pytest.mark.parametrize(
    "options",
    [
        {"folder": None, "notary": True},
        {"folder": "t", "notary": True, "key": KEY},
        {"folder": "t", "notary": "s", "key": "k"},
    ],
)
async def test_options_that_do_not_go_together_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        await Theater(**options).open()


async def test_a_notary_makes_the_next_key_itself(path: Path) -> None:
    async with Theater(path, notary=True) as theater:
        with pytest.raises(SetupError, match="makes the next one"):
            await theater.rotate_key(KEY)
        await theater.rotate_key()


# -- a notary that listens ----------------------------------------------------------------------------------


@contextmanager
def listening(path: Path, at: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    code = "from theater.cli import main; main()"
    command = [sys.executable, "-c", code, "notary", "--home", str(path), "--socket", str(at), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert "listening at" in process.stdout.readline()
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            finally:
                process.kill()


async def test_a_notary_that_listens_serves_one_theater_after_the_other(
    path: Path, socket_path: Path, tmp_path: Path
) -> None:
    with listening(path, socket_path, "--key", str(tmp_path / "k"), "--mode", "600") as process:
        assert mode_of(socket_path) == 0o600
        for total in (1, 2):
            async with Theater(path, notary=socket_path) as theater:
                assert notary_of(path) == process.pid
                counter = await theater.spawn(Counter(), name="counter", resume=True)
                assert await counter.ask(Counter.add, 1) == total
                with pytest.raises(FolderInUseError):
                    await Theater(path, notary=socket_path).open()
        assert verified(path).closed
        other = tmp_path / "other"
        async with Theater(other):
            pass
        with pytest.raises(CorruptJournalError, match="its notary"):
            await Theater(other, notary=socket_path).open()

    assert process.returncode == 128 + signal.SIGTERM
    assert not is_there(socket_path)
    with pytest.raises(FolderError, match="no notary listens"):
        await Theater(path, notary=str(socket_path)).open()


async def test_a_notary_takes_the_place_of_one_that_was_killed_and_of_no_other(
    path: Path, socket_path: Path
) -> None:
    with listening(path, socket_path) as process:
        with pytest.raises(FolderInUseError, match="listens at"):
            Desk(Office(path), socket_path, mode=0o600)
        process.kill()
        process.wait()
    assert is_there(socket_path)

    with listening(path, socket_path):
        async with Theater(path, notary=socket_path):
            pass
    assert verified(path).closed


async def test_a_theater_whose_notary_is_told_to_end_ends_as_by_a_crash(
    path: Path, socket_path: Path
) -> None:
    with listening(path, socket_path) as process:
        theater = Theater(path, notary=socket_path)
        await theater.open()
        counter = await theater.spawn(Counter(), name="counter")
        process.terminate()
        with pytest.raises(JournalFailedError, match="the notary has ended"):
            while True:
                await counter.ask(Counter.add, 1)
        await theater.close()

    assert not verified(path).closed


@pytest.mark.parametrize("mode", ["rw", "1000", "-1"])
def test_a_mode_is_octal_digits(path: Path, socket_path: Path, mode: str) -> None:
    words = ["notary", "--home", str(path), "--socket", str(socket_path), "--mode", mode]

    assert CliRunner().invoke(main, words).exit_code == 2
    assert not is_there(socket_path)


def test_a_notary_listens_nowhere_but_at_a_socket(path: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")

    with pytest.raises(FolderError, match="can listen"):
        Desk(Office(path), taken, mode=0o600)
    assert taken.read_text() == "mine"


OTHER_USER = """
import os, sys
import anyio
from theater import Actor, Theater, handler

class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total

async def main():
    folder, notary = sys.argv[1:]
    async with Theater(folder, notary=notary) as theater:
        counter = await theater.spawn(Counter(), name="counter")
        assert await counter.ask(Counter.add, 1) == 1
        for name in ("key", "format", "segments/00000001"):
            try:
                open(os.path.join(folder, name), "r+b")
            except PermissionError:
                print(name)

async def import_all():  # while all of it can be read
    async with Theater() as theater:
        await theater.spawn(Counter())

anyio.run(import_all)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
anyio.run(main)
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can be another user")
async def test_a_theater_of_another_user_works_and_can_neither_read_the_key_nor_write() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)  # noqa: PTH101  # the other user comes in
        path, at = Path(place) / "theater", Path(place) / "notary"
        with listening(path, at, "--mode", "666"):
            with anyio.fail_after(60):
                done = await anyio.run_process(
                    [sys.executable, "-c", OTHER_USER, str(path), str(at)], check=False
                )

        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout.decode().split() == ["key", "format", "segments/00000001"]
        assert verified(path).closed


# -- lies ---------------------------------------------------------------------------------------------------


class Forger:
    """Speaks to a notary as a theater does, and says what it likes."""

    def __init__(self, path: Path, near: Near | None = None) -> None:
        self.path = path
        self.near = near or Near(path)
        self.log = NotaryLog(*self.near.reach())
        self.opened = self.log.open(Folder(path), ORIGIN)
        self.key = self.opened.signer.public
        self.place = self.opened.place
        self.tree = Frontier()
        self.chains = {actor: Chain(actor) for actor in (ROOT, COUNTER, OTHER)}
        self.time = 10
        opening = {"format": 1, "key": self.key.data, "origin": ORIGIN, "version": "0"}
        self.commit(
            frame(FRONTIER, frontier_payload(1, self.tree)),
            self.say(ROOT, "theater/opened", opening),
            *self.birth(COUNTER),
            self.say(COUNTER, "log", {"text": "as it was"}),
            self.say(COUNTER, "log", {"text": "and went on"}),
        )

    def say(self, actor: bytes, kind: str, body: dict[str, Any]) -> bytes:
        """The frame of an event that goes on."""
        self.time += 1
        return frame(EVENT, self.chains[actor].append(kind, body, time=self.time).data)

    def birth(self, actor: bytes, **other: Any) -> list[bytes]:
        intent = {"child": actor, "class": "app:Actor", "name": "counter"}
        first = self.say(ROOT, "actor/spawned", intent)
        supervisor = triple(self.chains[ROOT][-1])
        body: dict[str, Any] = {**intent, "key": self.key.data, "options": {}, "source": None, "state": {}}
        del body["child"]
        return [first, self.say(actor, "actor/spawned", body | {"supervisor": supervisor} | other)]

    def again(
        self, seq: int, *, parent: int | None = None, time: int | None = None, text: str = "x"
    ) -> bytes:
        """The frame of an event of the counter at a place that is not its next."""
        chain = self.chains[COUNTER]
        head = chain[seq - 1 if parent is None else parent].hash
        body = prepare({"text": text})
        return frame(EVENT, event_bytes(COUNTER, seq, head, self.time if time is None else time, "log", body))

    def tree_of_all(self) -> Frontier:
        """The tree over all that was said, in its order."""
        events = [event for chain in self.chains.values() for event in chain]
        tree = Frontier()
        for event in sorted(events, key=lambda event: event.time):
            tree.append(event.hash)
        return tree

    def commit(self, *frames: bytes, place: Place | None = None, size: int | None = None) -> Note:
        """Send a batch, under a root of our own; returns what the notary signed."""
        pending = Pending(place or self.place, frontier=None)
        pending.buffer += b"".join(frames)
        events = sum(map(len, self.chains.values())) if size is None else size
        pending.seal(self.opened.signer.sign(Checkpoint(ORIGIN, events, bytes(32))), events)
        self.log.write(pending)
        self.place = pending.end
        assert pending.note is not None
        return pending.note

    def end(self) -> None:
        self.log.release()
        self.near.join()


@pytest.fixture
def forger(path: Path) -> Iterator[Forger]:
    forger = Forger(path)
    yield forger
    forger.end()


async def test_what_a_theater_says_of_the_root_counts_for_nothing(forger: Forger, path: Path) -> None:
    note = forger.commit(forger.say(COUNTER, "log", {"text": "more"}))

    leaves = [event.data for batch in Reader(path).walk() for event in events_of(batch)]
    assert note.checkpoint(forger.key).root == root_of(leaves)
    assert note.checkpoint(forger.key).size == len(leaves) == 6


def blob(content: bytes) -> bytes:
    """The frame of a content."""
    return frame(BLOB, sha256(content).digest() + content)


def shot(contents: dict[Any, int]) -> dict[str, Any]:
    """Stores as a snapshot tells of them."""
    return {"default": "s", "stores": {"s": {"contents": contents, "labels": {}, "readers": []}}}


def flipped(framed: bytes) -> bytes:
    """The same frame with one bit of its checksum the other way."""
    return bytes([framed[0] ^ 1]) + framed[1:]


LIES: dict[str, Callable[[Forger], list[bytes]]] = {
    "an event told anew": lambda forger: [forger.again(1, text="as it was not")],
    "the last event told anew": lambda forger: [forger.again(2, text="as it was not")],
    "an event left out": lambda forger: [forger.again(4, parent=2)],
    "a fork": lambda forger: [forger.again(3, parent=1)],
    "two events in the other order": lambda forger: [
        forger.say(COUNTER, "log", {"text": text}) for text in ("first", "second")
    ][::-1],
    "an earlier time": lambda forger: [forger.again(3, time=1)],
    "bytes that are not canonical": lambda forger: [frame(EVENT, forger.chains[COUNTER][2].data + b"\xc0")],
    "a chain without a birth": lambda forger: [forger.say(OTHER, "log", {"text": "here I am"})],
    "a birth under another key": lambda forger: forger.birth(OTHER, key=KEY.public.data),
    "a birth by nobody": lambda forger: forger.birth(OTHER, supervisor=[ROOT, 1, bytes(32)]),
    "a birth by who is to come": lambda forger: forger.birth(OTHER, supervisor=[ROOT, 99, bytes(32)]),
    "a fork of what never was": lambda forger: forger.birth(OTHER, fork=[COUNTER, 1, bytes(32)]),
    "a birth by no name of an event": lambda forger: forger.birth(OTHER, supervisor=[ROOT]),
    "an opening under another name": lambda forger: [
        forger.say(ROOT, "theater/opened", {"origin": "theater/x", "key": forger.key.data})
    ],
    "an opening under another key": lambda forger: [
        forger.say(ROOT, "theater/opened", {"origin": ORIGIN, "key": KEY.public.data})
    ],
    "a key that the notary did not make": lambda forger: [
        forger.say(ROOT, "theater/key", {"old": forger.key.data, "new": KEY.public.data})
    ],
    "a removal": lambda forger: [
        forger.say(ROOT, "theater/removed", {"actor": COUNTER, "first": 1, "last": 1, "reason": "none"})
    ],
    "a stub": lambda _: [frame(STUB, Stub(COUNTER, 3, bytes(32)).data)],
    "a content under another name": lambda _: [frame(BLOB, bytes(32) + b"content")],
    "a content that is not there": lambda forger: [
        forger.say(
            COUNTER, "store/store", {"store": "s", "ref": ContentRef.of(b"content"), "size": 7}
        )
    ],
    "a content of another size": lambda forger: [
        frame(BLOB, sha256(b"content").digest() + b"content"),
        forger.say(COUNTER, "store/store", {"store": "s", "ref": ContentRef.of(b"content"), "size": 8}),
    ],
    "a snapshot of contents that are not there": lambda forger: [
        forger.say(COUNTER, "actor/snapshot", {"full": True, "state": {}, "stores": shot({bytes(32): 7})})
    ],
    "a snapshot of contents without a name": lambda forger: [
        forger.say(COUNTER, "actor/snapshot", {"full": True, "state": {}, "stores": shot({"x": 7})})
    ],
    "parts that are not there": lambda forger: [
        blob(node := encode([Outlined(0, bytes(32), 7)])),
        forger.say(COUNTER, "log", {"text": Outlined(2, sha256(node).digest(), 7)}),
    ],
    "parts of what is no node": lambda forger: [
        blob(b"content"), forger.say(COUNTER, "log", {"text": Outlined(2, sha256(b"content").digest(), 7)})
    ],
    "a file that is not there": lambda _: [frame(FILE, bytes(32) + file_size(2_000_000))],
    "another frontier": lambda _: [frame(FRONTIER, frontier_payload(1, Frontier()))],
    "a frontier in the midst": lambda forger: [
        forger.say(COUNTER, "log", {"text": "x"}), frame(FRONTIER, frontier_payload(1, forger.tree_of_all()))
    ],
    "a checksum that does not fit": lambda forger: [flipped(forger.again(3))],
    "a commit within": lambda forger: [forger.again(3), frame(COMMIT, b"x" * 20), forger.again(3)],
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_a_lie_is_not_signed_and_ends_the_session(
    forger: Forger, path: Path, lie: Callable[[Forger], list[bytes]]
) -> None:
    before = segments(path)

    with pytest.raises((ForgedError, JournalFailedError)):
        forger.commit(*lie(forger))
    forger.near.join()
    with pytest.raises(OSError, match="has ended"):
        forger.commit(forger.again(3))

    forger.end()
    assert segments(path) == before
    assert verified(path).events == 5


@pytest.mark.parametrize(
    "place",
    [Place(1, 0), Place(1, 100), Place(1, 1_000_000), Place(2, 0)],
    ids=["what was written", "its midst", "far behind it", "a segment that is not there"],
)
async def test_a_batch_goes_where_the_log_ends_and_nowhere_else(
    forger: Forger, path: Path, place: Place
) -> None:
    before = segments(path)

    with pytest.raises(CorruptJournalError, match="batch: expected at"):
        forger.commit(forger.again(3), place=place)

    forger.end()
    assert segments(path) == before


async def test_a_batch_is_of_the_length_that_it_will_have(forger: Forger, path: Path) -> None:
    with pytest.raises(CorruptJournalError, match="bytes"):
        forger.commit(forger.say(COUNTER, "log", {"text": "x"}), size=1_000_000)

    forger.end()
    assert verified(path).events == 5


async def test_a_new_key_is_handed_over_to_once_it_was_made(forger: Forger, path: Path) -> None:
    handover = forger.log.prepare(None, current=forger.key, origin=ORIGIN)
    keys = {"old": forger.key.data, "new": handover.public.data}
    forger.opened.signer.hand_over(handover)
    both = forger.commit(forger.say(ROOT, "theater/key", keys))

    both.checkpoint(forger.key, handover.public)
    with pytest.raises(SignatureError):
        forger.commit(forger.say(ROOT, "theater/key", {"old": keys["new"], "new": keys["old"]}))
    forger.end()
    assert verified(path).keys == (forger.key, handover.public)


async def test_nothing_comes_after_a_close(forger: Forger, path: Path) -> None:
    forger.log.finish(size=0, root=bytes(32))

    with pytest.raises(OSError, match="has ended"):
        forger.commit(forger.say(COUNTER, "log", {"text": "and went on"}))

    forger.end()
    assert verified(path).closed


async def test_a_name_that_is_none_makes_no_folder(path: Path) -> None:
    near = Near(path)
    log = NotaryLog(*near.reach())

    with pytest.raises(OSError, match="has ended"):
        log.open(Folder(path), "theater/x\nkey y")

    log.release()
    near.join()
    assert not is_there(path)


async def test_no_other_key_is_handed_over_to_than_the_one_that_was_made(forger: Forger, path: Path) -> None:
    forger.log.prepare(None, current=forger.key, origin=ORIGIN)

    with pytest.raises(SignatureError):
        forger.commit(forger.say(ROOT, "theater/key", {"old": forger.key.data, "new": KEY.public.data}))
    forger.end()
    assert verified(path).keys == (forger.key,)


async def test_a_large_content_is_hashed_by_the_notary(forger: Forger, path: Path) -> None:
    draft = forger.log.draft(0)
    draft.write(b"content")

    with pytest.raises(ForgedError, match="these bytes"):
        draft.publish(bytes(32))

    forger.end()
    assert not [*(path / "blobs").rglob("*")]
    assert not [*(path / "tmp").iterdir()]


async def test_a_file_is_named_once_it_is_there(forger: Forger, path: Path) -> None:
    content = os.urandom(5_000_000)
    draft = forger.log.draft(len(content))
    draft.write(content)
    draft.publish(sha256(content).digest())
    draft.abort()  # which is nothing now
    named = frame(FILE, sha256(content).digest() + file_size(len(content)))

    forger.commit(named, forger.say(COUNTER, "log", {"text": "with a file"}))
    with pytest.raises(ForgedError):
        forger.commit(named)

    forger.end()
    assert verified(path).contents == 1


async def test_a_content_that_is_given_up_leaves_nothing(forger: Forger, path: Path) -> None:
    given_up, left = forger.log.draft(0), forger.log.draft(0)
    given_up.write(b"content")
    given_up.abort()
    left.write(b"content")

    assert len([*(path / "tmp").iterdir()]) == 1
    forger.end()
    assert not [*(path / "tmp").iterdir()]


@pytest.mark.parametrize("line", ["_control", "_contents", "_batches"])
async def test_a_word_that_a_notary_does_not_know_ends_the_session(forger: Forger, line: str) -> None:
    with pytest.raises(JournalFailedError, match="not a request"):
        getattr(forger.log, line).ask("sing")
    forger.near.join()
    with pytest.raises(OSError, match="has ended"):
        forger.commit(forger.again(3))


@pytest.mark.parametrize(
    "words",
    [["write", 99], ["write"], ["publish", "x"], ["next key", 1]],
    ids=["number", "none", "kind", "more"],
)
async def test_arguments_that_make_no_sense_end_the_session(forger: Forger, words: list[Any]) -> None:
    with pytest.raises(OSError, match="has ended"):
        forger.log._contents.ask(*words)
    forger.near.join()
    with pytest.raises(OSError, match="has ended"):
        forger.commit(forger.again(3))


@pytest.mark.parametrize("sent", [b"\xff" * 8, b"\0\0\0\x01\0\0\0\0\x90", b"\0\0\0\x05\0\0\0\0\x91"])
async def test_bytes_that_are_no_request_end_the_session(forger: Forger, sent: bytes) -> None:
    forger.log._batches.connection.sendall(sent)
    forger.log._batches.connection.shutdown(socket.SHUT_WR)

    forger.near.join()
    assert forger.log._control.has_ended()


async def test_who_does_not_greet_is_sent_away(path: Path) -> None:
    near = Near(path)
    connection, _ = near.reach()
    with connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):  # what was sent and not read
            assert connection.recv(1) == b""
    near.join()

    assert not is_there(path)


async def test_who_greets_and_says_no_more_is_sent_away(path: Path) -> None:
    near = Near(path)
    log = NotaryLog(*near.reach())
    log._control.send(["sing"])
    assert log._control.receive() is None
    log.release()
    near.join()

    gone = NotaryLog(*near.reach())
    gone.release()
    near.join()
    assert not is_there(path)


# -- the disk under it --------------------------------------------------------------------------------------


class Writer:
    """The theater's own chain, event by event."""

    def __init__(self, journal: DiskJournal) -> None:
        self._journal = journal
        events, head = journal.tips().get(ROOT, (0, None))
        self._root, self._recorder = ChainLine(ROOT, events, head), Recorder(journal, lambda: 1)
        opened = {"format": 1, "key": journal.key.data, "origin": journal.origin, "version": "0"}
        self._recorder.append(self._root, "theater/opened", opened)

    def append(self, content: bytes) -> None:
        self._recorder.append(self._root, "log", {"text": "more", "fields": {"content": content}})

    async def write(self, content: bytes = b"") -> None:
        self.append(content)
        flushed = self._journal.flushed()
        assert flushed is not None
        await flushed


async def test_a_notary_goes_on_in_the_next_segment(path: Path) -> None:
    near = Near(path, segment_bytes=50_000)
    for _ in range(2):
        journal = near.journal()
        await journal.open()
        writer = Writer(journal)
        for number in range(30):
            content = bytes([number]) * 20_000
            journal.put(sha256(content).digest(), content, kept=True)
            await writer.write(bytes(1000))
        await journal.close()
    near.join()

    assert len(segments(path)) > 5
    assert verified(path).closed


async def test_no_more_than_a_moments_work_waits_for_a_notary(path: Path) -> None:
    gate = threading.Event()
    gate.set()

    def sync(descriptor: int) -> None:
        assert gate.wait(30)
        os.fdatasync(descriptor)

    near = Near(path, calls=Calls(sync=sync))
    journal = near.journal()
    await journal.open()
    writer = Writer(journal)
    await writer.write()
    gate.clear()
    count = 0
    while not journal.full and count < 2_000:
        writer.append(bytes(1000))
        count += 1
        await anyio.lowlevel.checkpoint()
    rooms: list[bool] = []
    journal.on_room = lambda: rooms.append(journal.full)
    gate.set()
    await writer.write()
    await journal.close()
    near.join()

    assert 800 <= count < 900  # somebody looks each 64 KB
    assert rooms == [False]
    assert verified(path).closed


async def test_a_content_for_which_the_disk_has_no_room_is_refused_and_others_go_on(path: Path) -> None:
    disk = FailingDisk()
    near = Near(path, calls=disk.calls)
    journal = near.journal()
    await journal.open()
    writer = Writer(journal)
    await writer.write()
    for size in (900_000, 2_000_000):
        disk.fail_next("allocate", error=errno.ENOSPC)
        with pytest.raises(DiskFullError):
            journal.put(bytes(32), bytes(size), kept=True)
    ingest = journal.ingest()
    disk.fail_next("write", error=errno.ENOSPC)
    with pytest.raises(DiskFullError):
        ingest.write(b"content")
    await writer.write()
    await journal.close()
    near.join()

    assert verified(path).closed


async def test_a_sync_that_fails_under_a_notary_ends_the_journal(path: Path) -> None:
    disk = FailingDisk()
    near = Near(path, calls=disk.calls)
    journal = near.journal()
    await journal.open()
    writer = Writer(journal)
    await writer.write()
    disk.fail_next("sync")

    with pytest.raises(JournalError, match="Input/output error"):
        await writer.write()

    await journal.close()
    near.join()
    assert not verified(path).closed


@asynccontextmanager
async def writer_who_hears_last(
    near: Near, monkeypatch: pytest.MonkeyPatch, *, answered: Callable[[NotaryLog], None]
) -> AsyncIterator[Writer]:
    """One whose journal sees the end of the notary before it has what the notary answered."""
    journal = near.journal()
    await journal.open()
    log = journal._log
    assert isinstance(log, NotaryLog)
    unwatch, ask, seen = log.unwatch, log._batches.ask, threading.Event()

    def see() -> None:
        unwatch()
        seen.set()

    def ask_slowly(*args: Any, **options: Any) -> Any:
        try:
            return ask(*args, **options)
        finally:
            answered(log)
            assert seen.wait(10)

    monkeypatch.setattr(log, "unwatch", see)
    monkeypatch.setattr(log._batches, "ask", ask_slowly)
    yield Writer(journal)
    await journal.close()
    near.join()


async def test_why_a_batch_was_not_written_is_told_also_if_the_end_of_the_notary_is_seen_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FailingDisk()
    near = Near(path, calls=disk.calls)
    async with writer_who_hears_last(near, monkeypatch, answered=lambda _: None) as writer:
        disk.fail_next("sync")

        with pytest.raises(JournalError, match="Input/output error"):
            await writer.write()


async def test_the_end_of_a_notary_that_answered_last_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(log: NotaryLog) -> None:
        log._control.connection.shutdown(socket.SHUT_RD)

    async with writer_who_hears_last(Near(path), monkeypatch, answered=end) as writer:
        with contextlib.suppress(JournalFailedError):  # its end is told before its answer, or behind it
            await writer.write()

        with pytest.raises(JournalFailedError, match="the notary has ended"):
            await writer.write()


def test_nothing_stays_open_of_a_line_to_a_notary_that_has_ended(path: Path) -> None:
    near, far = socket.socketpair()
    far.close()
    before = len([*Path("/proc/self/fd").iterdir()])

    with pytest.raises(FolderError, match="could not be opened"):
        open_by_notary(Folder(path), lambda: (near, None), ORIGIN)

    assert near.fileno() == -1
    assert len([*Path("/proc/self/fd").iterdir()]) == before - 1


async def test_nothing_goes_on_from_a_batch_that_was_not_written(path: Path) -> None:
    disk = FailingDisk()
    forger = Forger(path, Near(path, calls=disk.calls))
    disk.fail_next("write", error=errno.ENOSPC)
    with pytest.raises(OSError, match="No space"):
        forger.commit(forger.say(COUNTER, "log", {"text": "not written"}))

    with pytest.raises(OSError, match="has ended"):
        forger.commit(forger.say(COUNTER, "log", {"text": "signed all the same"}))

    forger.end()
    assert verified(path).events == 5


async def test_no_other_key_is_made_while_one_is_handed_over_to(path: Path) -> None:
    forger: Forger
    is_made = threading.Event()
    asked: list[Line] = []

    def sync(descriptor: int) -> None:
        if asked:  # the batch that hands over is at the disk
            asked.pop().send(["next key"])
            is_made.wait(0.2)
        os.fsync(descriptor)

    def open_(path: Path, flags: int, mode: int) -> int:
        if path.name == "key.next":
            is_made.set()
        return os.open(path, flags, mode)

    forger = Forger(path, Near(path, calls=Calls(sync=sync, open=open_)))
    handover = forger.log.prepare(None, current=forger.key, origin=ORIGIN)
    forger.opened.signer.hand_over(handover)
    is_made.clear()
    asked.append(forger.log._contents)
    forger.commit(forger.say(ROOT, "theater/key", {"old": forger.key.data, "new": handover.public.data}))

    forger.end()
    async with Theater(path):
        pass
    assert verified(path).keys == (forger.key, handover.public)


@pytest.mark.parametrize("name", ["rename", "unlink", "mkdir", "open"])
async def test_a_folder_that_a_notary_cannot_open_is_the_theaters_error(path: Path, name: str) -> None:
    disk = FailingDisk()
    near = Near(path, calls=disk.calls)
    disk.fail_next(name)

    with pytest.raises(JournalError) if name != "unlink" else contextlib.nullcontext():
        journal = near.journal()
        await journal.open()
        await journal.close()
    near.join()


def segments(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes().rstrip(b"\0") for file in (path / "segments").iterdir()}


def events_of(batch: Batch) -> Iterator[Event]:
    for kind, start, end in batch.frames:
        if kind == EVENT:
            yield Event.read(batch.chunk[start:end])
