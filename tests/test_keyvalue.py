"""Keys and values, with every version that a key ever had."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from actors import KeyValue
from theater import ContentNotFoundError, ContentRef, MalformedError, Theater


async def test_a_key_that_was_never_put_holds_nothing(theater: Theater) -> None:
    pairs = await theater.spawn(KeyValue())

    assert await pairs.ask(KeyValue.get, "key") is None
    assert await pairs.ask(KeyValue.history, "key") == []
    assert await pairs.ask(KeyValue.remove, "key") is False


async def test_a_history_has_every_version_also_a_value_that_came_back(theater: Theater) -> None:
    pairs = await theater.spawn(KeyValue())

    for value in (b"a", b"b", b"a"):
        await pairs.ask(KeyValue.put, "key", value)

    history = await pairs.ask(KeyValue.history, "key")
    assert [version.number for version in history] == [3, 2, 1]
    assert [version.ref for version in history] == [ContentRef.of(value) for value in (b"a", b"b", b"a")]


async def test_the_history_of_one_key_is_not_that_of_another(theater: Theater) -> None:
    pairs = await theater.spawn(KeyValue())

    await pairs.ask(KeyValue.put, "one", b"1")
    await pairs.ask(KeyValue.put, "two", b"2")

    assert [version.ref for version in await pairs.ask(KeyValue.history, "two")] == [ContentRef.of(b"2")]


async def test_versions_carry_the_time_at_which_they_were_put(theater: Theater) -> None:
    pairs = await theater.spawn(KeyValue())

    first = await pairs.ask(KeyValue.put, "key", b"a")
    await anyio.sleep(3600)
    second = await pairs.ask(KeyValue.put, "key", b"b")

    assert (second.time - first.time).total_seconds() == pytest.approx(3600)
    assert await pairs.ask(KeyValue.history, "key") == [second, first]


async def test_a_removed_key_keeps_its_history_and_is_no_longer_listed(theater: Theater) -> None:
    pairs = await theater.spawn(KeyValue())
    await pairs.ask(KeyValue.put, "stays", b"")
    await pairs.ask(KeyValue.put, "goes", b"old")

    assert await pairs.ask(KeyValue.remove, "goes") is True

    assert await pairs.ask(KeyValue.get, "goes") is None
    assert await pairs.ask(KeyValue.keys) == ["stays"]
    assert await pairs.ask(KeyValue.read, ContentRef.of(b"old")) == b"old"
    assert await pairs.ask(KeyValue.remove, "goes") is False


@pytest.mark.parametrize("key", ["", "k" * 1025])
async def test_a_bad_key_is_refused_and_nothing_is_kept(theater: Theater, key: str) -> None:
    pairs = await theater.spawn(KeyValue())

    with pytest.raises(MalformedError):
        await pairs.ask(KeyValue.put, key, b"value")

    with pytest.raises(ContentNotFoundError):
        await pairs.ask(KeyValue.read, ContentRef.of(b"value"))
    assert theater.statistics().failures == 0


@pytest.mark.real_clock
async def test_keys_and_values_outlive_their_theater(tmp_path: Path) -> None:
    async with Theater(tmp_path / "folder") as theater:
        pairs = await theater.spawn(KeyValue(), name="pairs")
        first = await pairs.ask(KeyValue.put, "key", b"a")

    async with Theater(tmp_path / "folder") as theater:
        pairs = await theater.spawn(KeyValue(), name="pairs", resume=True)
        second = await pairs.ask(KeyValue.put, "key", b"b")

        assert await pairs.ask(KeyValue.history, "key") == [second, first]
        assert await pairs.ask(KeyValue.get, "key") == b"b"
