"""The cache: who is asked how often, what is kept for how long, and what a load that goes wrong means."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from pathlib import Path

import anyio
import pytest

from actors import Cache, LoadError
from theater import Actor, ActorFailedError, ActorRef, Theater, handler


@dataclass(frozen=True)
class Page:
    title: str


class Source(Actor):
    pace: float = 0.0  # seconds
    asked: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def load(self, key: str) -> str:
        self.asked.append(key)
        await anyio.sleep(self.pace)
        return f"{key} {len(self.asked)}"

    @handler
    async def all(self) -> list[str]:
        return self.asked


class Broken(Actor):
    """Fails for one key, but lives."""

    tries: int = 0

    @handler(raises=(LookupError,))
    async def load(self, key: str) -> str:
        self.tries += 1
        await anyio.sleep(1)
        if key == "bad":
            raise LookupError(f"no {key}, try {self.tries}")
        return key


class Library(Actor):
    @handler
    async def load(self, key: str) -> Page:
        return Page(key)


class Pages(Cache[Page]):
    pass


class Clumsy(Cache[str]):
    @handler
    async def trip(self) -> None:
        raise RuntimeError("over the wire")


async def ask_all(cache: ActorRef[Cache[str]], *keys: str) -> list[str]:
    """Ask for all of them at once; answers by place, an error as its text."""
    answers = [""] * len(keys)

    async def ask(place: int) -> None:
        try:
            answers[place] = await cache.ask(Cache.get, keys[place])
        except LoadError as error:
            answers[place] = error.why

    async with anyio.create_task_group() as group:
        for place in range(len(keys)):
            group.start_soon(ask, place)
    return answers


async def test_one_load_serves_all_who_ask_meanwhile(theater: Theater) -> None:
    source = await theater.spawn(Source(pace=30))
    cache = await theater.spawn(Cache[str](source=source))

    assert await ask_all(cache, "a", "a", "a") == ["a 1"] * 3
    assert await ask_all(cache, "a") == ["a 1"]
    assert await source.ask(Source.all) == ["a"]


async def test_a_value_is_answered_while_another_is_loaded(theater: Theater) -> None:
    cache = await theater.spawn(Cache[str](source=await theater.spawn(Source(pace=30))))
    await cache.ask(Cache.put, "here", "at once")
    await cache.tell(Cache.get, "slow")
    begin = anyio.current_time()

    assert await cache.ask(Cache.get, "here") == "at once"

    assert anyio.current_time() == begin


async def test_a_value_is_loaded_anew_when_it_is_too_old(theater: Theater) -> None:
    source = await theater.spawn(Source())
    cache = await theater.spawn(Cache[str](source=source, keep=60))
    await cache.ask(Cache.get, "a")

    await anyio.sleep(59)
    assert await cache.ask(Cache.get, "a") == "a 1"
    await anyio.sleep(1)

    assert await cache.ask(Cache.keys) == []
    assert await cache.ask(Cache.get, "a") == "a 2"


async def test_the_one_that_was_longest_not_asked_for_makes_room(theater: Theater) -> None:
    cache = await theater.spawn(Cache[str](source=await theater.spawn(Source()), most=2))
    for key in ("a", "b", "a", "c"):
        await cache.ask(Cache.get, key)

    assert await cache.ask(Cache.keys) == ["a", "c"]


async def test_a_failed_load_is_told_to_all_and_not_kept(theater: Theater) -> None:
    broken = await theater.spawn(Broken())
    cache = await theater.spawn(Cache[str](source=broken))

    assert await ask_all(cache, "bad", "good", "bad") == ["no bad, try 1", "good", "no bad, try 1"]

    with pytest.raises(LoadError) as again:
        await cache.ask(Cache.get, "bad")
    assert (again.value.key, again.value.why) == ("bad", "no bad, try 3")
    assert theater.statistics().failures == 0


async def test_a_source_that_ended_is_an_error_for_who_asks_and_not_for_the_cache(theater: Theater) -> None:
    source = await theater.spawn(Source())
    cache = await theater.spawn(Cache[str](source=source))
    await source.kill()

    with pytest.raises(LoadError, match="has ended"):
        await cache.ask(Cache.get, "a")

    assert theater.statistics().failures == 0


async def test_a_load_that_takes_too_long_is_given_up(theater: Theater) -> None:
    source = await theater.spawn(Source(pace=3600))
    cache = await theater.spawn(Cache[str](source=source, patience=5))
    begin = anyio.current_time()

    with pytest.raises(LoadError, match="longer than 5 s"):
        await cache.ask(Cache.get, "a")

    assert anyio.current_time() - begin == pytest.approx(5)


async def test_no_more_than_so_many_loads_are_at_work_at_once(theater: Theater) -> None:
    source = await theater.spawn(Source(pace=10), mailbox=100)
    cache = await theater.spawn(Cache[str](source=source, at_once=2))

    async with anyio.create_task_group() as group:
        group.start_soon(ask_all, cache, *"abcde")
        await anyio.sleep(1)
        assert theater.statistics().actors == 2 + 2

    assert await source.ask(Source.all) == list("abcde")
    await theater.settled()
    assert theater.statistics().actors == 2


async def test_a_load_that_nobody_waits_for_any_more_is_not_begun(theater: Theater) -> None:
    source = await theater.spawn(Source(pace=10))
    cache = await theater.spawn(Cache[str](source=source, at_once=1))

    async with anyio.create_task_group() as group:
        group.start_soon(ask_all, cache, "a")
        await anyio.sleep(1)
        with anyio.move_on_after(5):
            await ask_all(cache, "b")
        group.start_soon(ask_all, cache, "c")

    assert await source.ask(Source.all) == ["a", "c"]


async def test_who_waits_gets_what_was_put_meanwhile(theater: Theater) -> None:
    cache = await theater.spawn(Cache[str](source=await theater.spawn(Source(pace=60))))
    begin = anyio.current_time()
    answers: list[str] = []

    async def ask() -> None:
        answers.extend(await ask_all(cache, "a"))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await anyio.sleep(1)
        await cache.ask(Cache.put, "a", "mine")

    assert answers == ["mine"]
    assert anyio.current_time() - begin == pytest.approx(1)
    assert await cache.ask(Cache.get, "a") == "mine"


async def test_what_is_forgotten_while_it_is_loaded_is_loaded_anew(theater: Theater) -> None:
    source = await theater.spawn(Source(pace=10))
    cache = await theater.spawn(Cache[str](source=source))
    answers: list[str] = []

    async def ask() -> None:
        answers.extend(await ask_all(cache, "a"))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await anyio.sleep(1)
        assert await cache.ask(Cache.forget, "a") is False

        await cache.tell(Cache.loaded, "a", 1, "from before")

    assert answers == ["a 2"]
    assert await cache.ask(Cache.forget, "a") is True
    assert await cache.ask(Cache.keys) == []


async def test_a_carrier_that_is_killed_is_an_error_and_the_next_in_the_queue_is_loaded(
    theater: Theater,
) -> None:
    cache = await theater.spawn(
        Cache[str](source=await theater.spawn(Source(pace=10)), at_once=1), name="cache"
    )
    answers: list[str] = []

    async def ask() -> None:
        answers.extend(await ask_all(cache, "a", "b"))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await anyio.sleep(1)
        await theater.find("cache/load-1").kill()

    assert answers == ["its carrier ended: killed", "b 2"]


async def test_who_waits_is_served_also_after_a_failure_of_the_cache(theater: Theater) -> None:
    cache = await theater.spawn(Clumsy(source=await theater.spawn(Source(pace=10)), at_once=1))
    answers: list[str] = []

    async def ask() -> None:
        answers.extend(await ask_all(cache, "a", "b"))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await anyio.sleep(1)
        await cache.tell(Clumsy.trip)

    assert theater.statistics().restarts == 1
    assert [answer[0] for answer in answers] == ["a", "b"]


async def test_what_nobody_waits_for_is_not_loaded_anew_after_a_failure(theater: Theater) -> None:
    source = await theater.spawn(Source(pace=10))
    cache = await theater.spawn(Clumsy(source=source))
    await cache.tell(Cache.get, "a")
    await cache.tell(Clumsy.trip)
    await theater.settled()

    await cache.ask(Cache.forget, "a")
    await theater.settled()

    assert (await source.ask(Source.all)).count("a") <= 1


async def test_records_are_kept_by_a_class_that_says_what_they_are(theater: Theater) -> None:
    library = await theater.spawn(Library())
    pages, plain = (
        await theater.spawn(Pages(source=library)),
        await theater.spawn(Cache[Page](source=library)),
    )

    assert await pages.ask(Pages.get, "a") == Page("a")
    assert await pages.ask(Pages.get, "a") == Page("a")
    with pytest.raises(LoadError, match="Expected a plain value"):
        await plain.ask(Cache.get, "a")


@pytest.mark.parametrize("bad", [{"most": 0}, {"at_once": 0}])
async def test_a_cache_of_nothing_does_not_start(theater: Theater, bad: dict[str, int]) -> None:
    source = await theater.spawn(Source())

    with pytest.raises(ActorFailedError, match="at least one"):
        await theater.spawn(Cache[str](source=source, **bad))  # type: ignore[arg-type]  # a case


@pytest.mark.parametrize("bad", [{"keep": inf}, {"keep": nan}, {"keep": -1.0}, {"patience": nan}])
async def test_a_cache_for_no_time_that_there_is_does_not_start(
    theater: Theater, bad: dict[str, float]
) -> None:
    source = await theater.spawn(Source())

    with pytest.raises(ActorFailedError, match="a cache keeps a value for 0 to 1,000,000,000 seconds"):
        await theater.spawn(Cache[str](source=source, **bad))  # type: ignore[arg-type]  # a case


@pytest.mark.real_clock
async def test_what_was_loaded_is_here_after_its_folder_was_closed(tmp_path: Path) -> None:
    async with Theater(tmp_path / "folder") as theater:
        source = await theater.spawn(Source(), name="source")
        await (await theater.spawn(Cache[str](source=source), name="cache")).ask(Cache.get, "a")

    async with Theater(tmp_path / "folder") as theater:
        await theater.resume(classes=[Source])

        assert await theater.find("cache").ask("get", "a") == "a 1"
        assert await theater.find("cache").ask("get", "b") == "b 2"
