"""kill -9 at random instants: after each, all that was acknowledged is there, and happened once."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from crowd_at_work import ACCOUNTS, AT_FIRST, CLASSES, Found, content_of
from tally import Tally

from theater import History

HERE = Path(__file__).parent
PARTS = 4
KILLS = 16  # of one theater
LONGEST = 0.06  # seconds of work before a kill


class Lives:
    """The process that forks lives, and what they say."""

    def __init__(self, how: str) -> None:
        paths = os.pathsep.join(map(str, (HERE, HERE.parent, HERE.parent.parent)))
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "lives.py"), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a process group of its own, to be ended whole
            env={**os.environ, "PYTHONPATH": paths},
        )
        self._rest = b""

    def begin(self, folder: Path, seed: int, mode: str) -> int:
        """Begin a life; returns its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{folder} {seed} {mode}\n".encode())
        self._process.stdin.flush()
        word, pid = self.line(within=30).split()
        assert word == "pid"
        return int(pid)

    def line(self, *, within: float) -> str:
        """The next line; empty if none comes within so many seconds."""
        assert self._process.stdout is not None
        until = time.monotonic() + within
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return ""
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            assert more, "the process that forks lives has ended"
            self._rest += more
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode()

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # a life may be at work
        self._process.communicate()


@pytest.fixture
def lives(request: pytest.FixtureRequest) -> Iterator[Lives]:
    lives = Lives(getattr(request, "param", "sync"))
    yield lives
    lives.close()


class World:
    """What somebody outside knows of a theater over its many lives."""

    def __init__(self, lives: Lives, folder: Path, random: Random) -> None:
        self._lives = lives
        self._folder = folder
        self._random = random
        self._tried: dict[str, set[int]] = defaultdict(set)
        self._told: dict[str, set[int]] = defaultdict(set)
        self._seed = 0
        self._hasty = 0
        folder.mkdir()

    def live_until_killed(self) -> None:
        """One life, killed while it works, or sometimes while it is still finding its feet."""
        self._seed += 1
        pid = self._lives.begin(self._folder, self._seed, "work")
        is_hasty = self._hasty < 2 and self._random.random() < 0.3  # a message is tried three times again
        self._hasty = self._hasty + 1 if is_hasty else 0
        if not is_hasty:
            self._until("found", within=30)
        self._until("", within=self._random.random() * LONGEST)
        os.kill(pid, signal.SIGKILL)
        status = self._until("ended", within=30)
        assert status == str(int(signal.SIGKILL)), f"it ended by itself: {status}"

    def end(self) -> None:
        """The last life comes to rest and closes."""
        self._lives.begin(self._folder, self._seed + 1, "end")
        assert self._until("ended", within=30) == "0"

    def _until(self, wanted: str, *, within: float) -> str:
        """Take in what is said until there is a line of this kind, or time is over; returns its rest."""
        until = time.monotonic() + within
        while line := self._lives.line(within=max(0.0, until - time.monotonic())):
            word, _, rest = line.partition(" ")
            if word == "found":
                self.check(json.loads(rest))
            elif word in ("try", "ack"):
                kind, number = rest.split()
                (self._tried if word == "try" else self._told)[kind].add(int(number))
            if word == wanted:
                return rest
            assert word != "ended", f"it ended by itself: {rest}"
        assert not wanted, f"no {wanted!r} came"
        return ""

    def check(self, found: Found) -> None:
        """All that was acknowledged is there, and once."""
        tried, told = self._tried, self._told
        assert found["left"] == []
        balances, sent, got = map(sum, zip(*found["accounts"], strict=True))
        assert (balances, sent) == (ACCOUNTS * AT_FIRST, got)
        kept = {sha256(content_of(number)).hexdigest() for number in told["shelve"]}
        assert kept <= set(found["shelf"]), "shelf"
        assert set(found["alarm"][1].values()) <= {1}
        staff = set(found["staff"])
        assert told["hire"] - tried["fire"] <= staff <= tried["hire"] - told["fire"]
        assert len(found["gone"]) == len(set(found["gone"]))
        assert {f"boss/worker-{number}" for number in told["fire"]} <= set(found["gone"])
        assert {f"fork-{number}" for number in told["fork"]} <= set(found["forks"])
        assert told["write"] <= set(found["notebook"]) <= tried["write"]
        assert found["clumsy"][0] == found["clumsy"][1] >= sum(number % 3 > 0 for number in told["try_it"])
        assert len(told["wait_for"]) <= found["desk"] <= len(tried["wait_for"])
        self._check_outside(found)

    def _check_outside(self, found: Found) -> None:
        outside: Counter[str] = Counter(found["outside"])
        paid, ordered, doubts = found["buyer"]
        assert all(outside[f"paid {number}"] == 1 for number in self._told["pay"])
        assert all(times == 1 for line, times in outside.items() if line.startswith("paid"))
        assert all(outside[f"paid {number}"] <= 1 for number in doubts)
        assert paid + len(doubts) >= sum(line.startswith("paid") for line in outside)
        orders = [line.split()[1:] for line in outside if line.startswith("ordered")]
        assert self._told["order"] <= {int(number) for number, _ in orders}
        assert len(orders) == len({number for number, _ in orders}) >= ordered  # one key for each

    def check_signatures(self) -> None:
        """What was signed is whole."""
        if (self._folder / "theater" / "format").exists():  # else it was killed before
            report = History(self._folder / "theater").verify()
            assert report.ok, report

    def check_record(self, *, at_rest: bool) -> None:
        """Each message between actors has one place in the record."""
        history = History(self._folder / "theater")
        sent, taken = sent_and_taken(history)
        assert not {key: times for key, times in taken.items() if times > 1}
        assert taken.keys() <= sent
        if at_rest:
            assert taken.keys() == sent
            assert history.verify().closed

    def check_replay(self) -> int:
        """The code does again what is on record of each actor; returns how many there were."""
        history = History(self._folder / "theater")
        actors = history.actors()
        for actor in actors:
            replay = history.replay(actor.id, classes=CLASSES)
            assert replay.ok, f"{actor.name}: {replay}"
        return len(actors)


Letter = tuple[bytes, int]
"""A message between actors: its sender, and the seq of the event by which it was sent."""


def sent_and_taken(history: History) -> tuple[set[Letter], Counter[Letter]]:
    """Every message that was sent and not withdrawn, and how often each was received."""
    sent: set[Letter] = set()
    taken: Counter[Letter] = Counter()
    for actor in history.actors():
        for event in history.chain(actor.id):
            body = event.body
            if (
                event.kind == "message/sent" and not body["handler"].startswith("@")
            ) or event.kind == "timer/fired":
                sent.add((event.actor, event.seq))
            elif event.kind == "message/withdrawn":
                sent.discard((event.actor, body["message"]))
            elif event.kind in ("message/received", "message/handled", "message/dead") and body.get("from"):
                taken[body["from"][0], body["from"][1]] += 1
    return sent, taken


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_any_instant_everything_is_there_and_happened_once(
    quick_path: Path, lives: Lives, part: int, tally: Tally, request: pytest.FixtureRequest
) -> None:
    kills = int(request.config.getoption("--kills") or 0) // PARTS

    for start in range(0, kills, KILLS):
        world = World(lives, quick_path / f"{part}-{start}", Random(start * PARTS + part))
        for number in range(min(KILLS, kills - start)):
            world.live_until_killed()
            world.check_signatures()
            if number % 4 == 3:
                world.check_record(at_rest=False)
            tally("kill -9")
        world.end()
        world.check_record(at_rest=True)
        for _ in range(world.check_replay()):
            tally("actor of a theater that was often killed, replayed")


@pytest.mark.parametrize("lives", ["nosync"], indirect=True)
def test_without_its_syncs_it_would_not_be_there(quick_path: Path, lives: Lives) -> None:
    world = World(lives, quick_path / "unsynced", Random(0))

    with pytest.raises(AssertionError, match=r"shelf|ended by itself"):
        for _ in range(8):
            world.live_until_killed()
