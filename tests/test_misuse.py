"""What is called wrongly says what to do instead, and changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from theater import (
    Actor,
    History,
    NameTakenError,
    SetupError,
    SigningKey,
    Theater,
    TheaterError,
    compact,
    effect,
    handler,
)

pytestmark = pytest.mark.real_clock


class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    async with Theater(tmp_path / "theater") as theater:
        counter = await theater.spawn(Counter(), name="counter")
        await counter.ask(Counter.add, 1)
    return tmp_path / "theater"


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"older_than": "30d"}, "a number of seconds of at least 0, not '30d'"),
        ({"older_than": -1}, "a number of seconds of at least 0, not -1"),
        ({"older_than": True}, "a number of seconds of at least 0, not True"),
        ({"keep_bytes": 1.5}, "a whole number of bytes of at least 0, not 1.5"),
        ({"keep_bytes": -1}, "a whole number of bytes of at least 0, not -1"),
        ({"erase": "counter"}, r"a list of names or ids, such as \['counter'\]"),
        ({"reason": 3}, "a text of 1 to 1024 bytes, not 3"),
        ({"reason": ""}, "a text of 1 to 1024 bytes, not ''"),
    ],
)
async def test_compact_says_what_it_takes(home: Path, options: dict[str, Any], remedy: str) -> None:
    with pytest.raises(SetupError, match=remedy):
        compact(home, dry_run=True, **options)


@pytest.mark.parametrize("classes", [Counter, "Counter", [Counter()], [str], ["Counter"]])
async def test_whoever_takes_classes_says_so(home: Path, classes: Any) -> None:
    with pytest.raises(SetupError, match=r"a list of classes of actors, such as \[Counter\]"):
        History(home).replay("counter", classes=classes)
    async with Theater(home) as theater:
        with pytest.raises(SetupError, match=r"a list of classes of actors, such as \[Counter\]"):
            await theater.resume(classes=classes)
        assert [ref.name for ref in (await theater.resume(classes=[Counter])).refs] == ["counter"]


@pytest.mark.parametrize("keys", [SigningKey(bytes(32)).public, ["03a1"], "03a1"])
async def test_verify_says_that_it_takes_public_keys(home: Path, keys: Any) -> None:
    with pytest.raises(SetupError, match=r"a list of VerifyKey, such as \[history.key\]"):
        History(home).verify(keys=keys)


@pytest.mark.parametrize("seq", ["2", 1.0, True])
async def test_a_moment_is_a_whole_number(home: Path, seq: Any) -> None:
    for look in (
        lambda: History(home).replay("counter", until=seq),
        lambda: History(home).replay("counter", break_at=seq),
        lambda: History(home).state_at("counter", seq),
    ):
        with pytest.raises(SetupError, match="named by its seq, a whole number"):
            look()


async def test_an_actor_is_a_ref_a_name_or_an_id(home: Path) -> None:
    async with Theater(home) as theater:
        wrong: Any = 5
        with pytest.raises(SetupError, match="a ref, a name or an id, not 5"):
            await theater.replay(wrong)
        with pytest.raises(SetupError, match="a ref, a name or an id, not 5"):
            await theater.fork(wrong)
        with pytest.raises(SetupError, match="a ref, a name or an id, not 5"):
            theater.chain(wrong)


async def test_a_fork_under_a_name_that_sleeps_is_to_take_another(home: Path) -> None:
    async with Theater(home) as theater:
        with pytest.raises(NameTakenError, match=r"is asleep in the record; give the fork another name$"):
            await theater.fork("counter", name="counter")


async def test_snapshots_are_said_by_their_class(home: Path) -> None:
    wrong: Any = 100
    with pytest.raises(SetupError, match=r"Snapshots\(events=..., bytes=...\) or None, not 100"):
        Theater(home, snapshots=wrong)


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"raises": TimeoutError}, r"a tuple of exception classes, such as \(ValueError,\)"),
        ({"raises": (3,)}, r"a tuple of exception classes, such as \(ValueError,\)"),
        ({"idempotent": "yes"}, "True or False, not 'yes'"),
        ({"retry": 3}, "a Retry, not 3"),
    ],
)
async def test_effect_says_what_it_takes(options: dict[str, Any], remedy: str) -> None:
    with pytest.raises(TheaterError, match=remedy):
        effect(**options)


def test_a_version_that_was_made_a_field_is_to_be_a_class_variable() -> None:
    with pytest.raises(SetupError, match=r"field 'version': .*; annotate it as ClassVar\[int\]$"):

        class Versioned(Actor):  # pyright: ignore[reportUnusedClass]  # making it is the test
            version: int = 2  # type: ignore[misc]  # as newcomers write it
