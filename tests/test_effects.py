"""Effects: intent before, outcome after; what travels, what fails, what is recorded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from told import kinds, only, told

from theater import Actor, ActorRef, History, Theater, effect, handler
from theater.errors import ActorFailedError, EffectFailedError, SetupError

CALLS: list[Any] = []


@pytest.fixture(autouse=True)
def calls() -> list[Any]:
    """What effects were called with, in this test alone."""
    CALLS.clear()
    return CALLS


class Colour(Enum):
    RED = "red"


@dataclass
class Page:
    title: str
    colour: Colour = Colour.RED


class FetchError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class TeapotError(FetchError):
    """One kind of it, declared by nobody."""


async def fetch(url: str, *, times: int = 1) -> str:
    await anyio.sleep(1)
    CALLS.append((url, times))
    return url * times


def in_a_thread(name: str) -> str:
    CALLS.append(threading.current_thread() is threading.main_thread())
    return name.upper()


async def make(page: Page) -> Page:
    CALLS.append(page)
    return Page(page.title.upper(), page.colour)


async def append(things: list[int]) -> list[int]:
    things.append(1)
    return things


@effect(raises=(FetchError,))
async def fail(status: int) -> None:
    raise TeapotError(status) if status == 418 else FetchError(status)


async def fail_without_a_word() -> None:
    raise FetchError(500)


async def answer_what_does_not_pack() -> Any:
    return object()


def with_unknown_names(thing: "Nowhere") -> "Nowhere":  # type: ignore[name-defined]  # noqa: F821, UP037  # the test
    return thing


def with_a_lock(thing: Any, lock: threading.Lock | None = None) -> Any:
    return (thing, lock is None)


def start_something() -> Any:
    return fetch("later")


async def through(client: Callable[[str], str], url: str) -> str:
    return client(url)


class Doer(Actor):
    """Does what it is told to."""

    outcome: str = ""

    def on_load(self) -> None:
        self._client = str.upper

    @handler
    async def fetch(self, url: str, times: int = 1) -> str:
        return await self.context.effect(fetch, url, times=times)

    @handler
    async def fetch_both(self, first: str, second: str) -> list[str]:
        found: list[str] = []

        async def one(url: str) -> None:
            found.append(await self.context.effect(fetch, url))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one, first)
            tasks.start_soon(one, second)
        return found

    @handler
    async def sync(self, name: str) -> str:
        return await self.context.effect(in_a_thread, name)

    @handler
    async def make(self, title: str) -> Page:
        page = await self.context.effect(make, Page(title))
        assert isinstance(page, Page)
        return page

    @handler
    async def isolate(self) -> tuple[list[int], list[int]]:
        mine = [0]
        return mine, await self.context.effect(append, mine)

    @handler
    async def fail(self, status: int) -> list[Any]:
        try:
            await self.context.effect(fail, status)
        except FetchError as error:
            return [type(error).__name__, str(error), error.status]
        return []

    @handler
    async def fail_without_a_word(self) -> list[str]:
        try:
            await self.context.effect(fail_without_a_word)
        except EffectFailedError as error:
            return [error.error, error.text, str(error)]
        return []

    @handler
    async def let_it_fail(self) -> None:
        await self.context.effect(fail_without_a_word)

    @handler
    async def through_a_handle(self, url: str) -> str:
        return await self.context.effect(partial(through, self._client), url)

    @handler
    async def with_an_argument_that_does_not_pack(self) -> None:
        await self.context.effect(fetch, object())  # type: ignore[call-overload]  # that is the test

    @handler
    async def with_a_wrong_argument(self) -> None:
        await self.context.effect(fetch, 5)  # type: ignore[call-overload]  # that is the test

    @handler
    async def with_one_too_many(self) -> None:
        await self.context.effect(fetch, "url", 2)  # type: ignore[call-overload]  # that is the test

    @handler
    async def with_an_answer_that_does_not_pack(self) -> str:
        try:
            await self.context.effect(answer_what_does_not_pack)
        except EffectFailedError as error:
            return error.error
        return "packed"

    @handler
    async def written_in_c(self) -> tuple[Any, Any]:
        return await self.context.effect(max, 1, 5), await self.context.effect(len, [1, 2])

    @handler
    async def oddly_annotated(self) -> list[Any]:
        context = self.context
        return [await context.effect(with_unknown_names, 1), await context.effect(with_a_lock, 2)]

    @handler
    async def nameless(self) -> None:
        class Nameless:
            def __call__(self) -> None: ...

        await self.context.effect(Nameless())

    @handler
    async def of_no_module(self) -> None:
        await self.context.effect("a".__contains__, "a")

    @handler
    async def started_in_a_thread(self) -> str:
        answer: str = await self.context.effect(start_something)
        return answer

    @handler
    async def as_a_lambda(self) -> int:
        return await self.context.effect(lambda: 7)


@pytest.fixture
async def doer(theater: Theater) -> ActorRef[Doer]:
    return await theater.spawn(Doer(), name="doer")


async def test_an_effect_is_run_and_its_answer_comes_back(doer: ActorRef[Doer]) -> None:
    assert await doer.ask(Doer.fetch, "x", 3) == "xxx"
    assert CALLS == [("x", 3)]


async def test_intent_and_outcome_are_events(theater: Theater, doer: ActorRef[Doer]) -> None:
    await doer.ask(Doer.fetch, "x", 3)

    begun, ended = only(theater, doer, "effect/begun"), only(theater, doer, "effect/ended")
    assert kinds(theater, doer) == ["message/received", "effect/begun", "effect/ended", "message/handled"]
    assert begun.body == {"args": ["x"], "effect": "test_effects:fetch", "kwargs": {"times": 3}}
    assert ended.body == {"answer": "xxx", "effect": begun.seq}
    assert ended.time - begun.time == 1_000_000_000


@pytest.mark.real_clock
async def test_the_intent_is_durable_before_the_effect_runs(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    async def look() -> None:
        chain = History(tmp_path / "theater").chain("looker")
        seen.append([event.kind for event in chain])

    class Looker(Actor):
        @handler
        async def look(self) -> None:
            await self.context.effect(look)

    async with Theater(tmp_path / "theater") as theater:
        looker = await theater.spawn(Looker(), name="looker")
        await looker.ask(Looker.look)

    assert seen == [["actor/spawned", "message/received", "effect/begun"]]


async def test_a_plain_function_runs_in_a_thread(doer: ActorRef[Doer]) -> None:
    assert await doer.ask(Doer.sync, "x") == "X"
    assert CALLS == [False]


async def test_an_awaitable_from_a_plain_function_is_awaited(doer: ActorRef[Doer]) -> None:
    assert await doer.ask(Doer.started_in_a_thread) == "later"


async def test_types_come_and_go_as_what_they_were(theater: Theater, doer: ActorRef[Doer]) -> None:
    assert await doer.ask(Doer.make, "title") == Page("TITLE")
    assert CALLS[0] == Page("title")
    assert only(theater, doer, "effect/begun").body["args"] == [{"title": "title", "colour": "red"}]


async def test_an_effect_shares_nothing_with_its_actor(doer: ActorRef[Doer]) -> None:
    assert await doer.ask(Doer.isolate) == ([0], [0, 1])


async def test_handles_come_through_partial_and_are_not_recorded(
    theater: Theater, doer: ActorRef[Doer]
) -> None:
    assert await doer.ask(Doer.through_a_handle, "x") == "X"
    assert only(theater, doer, "effect/begun").body == {"args": ["x"], "effect": "test_effects:through"}


@pytest.mark.parametrize(("status", "name"), [(404, "FetchError"), (418, "TeapotError")])
async def test_a_declared_error_arrives_as_itself(
    theater: Theater, doer: ActorRef[Doer], status: int, name: str
) -> None:
    assert await doer.ask(Doer.fail, status) == [name, f"status {status}", status]
    error = only(theater, doer, "effect/ended").body["error"]
    assert (error["class"], error["text"]) == (name, f"status {status}")


async def test_any_other_error_arrives_as_class_name_and_text(theater: Theater, doer: ActorRef[Doer]) -> None:
    told_ = await doer.ask(Doer.fail_without_a_word)

    assert told_ == ["FetchError", "status 500", "FetchError: status 500"]
    assert only(theater, doer, "effect/ended").body["error"] == {"class": "FetchError", "text": "status 500"}


async def test_an_error_that_nobody_catches_is_a_failure_of_the_actor(doer: ActorRef[Doer]) -> None:
    with pytest.raises(ActorFailedError, match="EffectFailedError: FetchError: status 500"):
        await doer.ask(Doer.let_it_fail)


@pytest.mark.parametrize(
    "how",
    [
        "with_an_argument_that_does_not_pack",
        "with_a_wrong_argument",
        "with_one_too_many",
        "nameless",
        "of_no_module",
    ],
)
async def test_bad_arguments_are_refused_before_anything_happens(
    theater: Theater, doer: ActorRef[Doer], how: str
) -> None:
    with pytest.raises(ActorFailedError, match="TypeError"):
        await doer.ask(how)

    assert told(theater, doer, "effect/begun") == []
    assert CALLS == []


async def test_an_answer_that_does_not_pack_is_a_failed_effect(
    theater: Theater, doer: ActorRef[Doer]
) -> None:
    assert await doer.ask(Doer.with_an_answer_that_does_not_pack) == "TypeError"
    assert only(theater, doer, "effect/ended").body["error"]["class"] == "TypeError"


async def test_functions_written_in_c_are_effects_too(theater: Theater, doer: ActorRef[Doer]) -> None:
    assert await doer.ask(Doer.written_in_c) == (5, 2)
    names = [event.body["effect"] for event in told(theater, doer, "effect/begun")]
    assert names == ["builtins:max", "builtins:len"]


async def test_arguments_whose_types_cannot_be_carried_come_as_plain_values(doer: ActorRef[Doer]) -> None:
    assert await doer.ask(Doer.oddly_annotated) == [1, (2, True)]


async def test_a_lambda_is_an_effect_too(theater: Theater, doer: ActorRef[Doer]) -> None:
    assert await doer.ask(Doer.as_a_lambda) == 7
    assert "<lambda>" in only(theater, doer, "effect/begun").body["effect"]


async def test_effects_of_one_message_may_run_at_the_same_time(
    theater: Theater, doer: ActorRef[Doer]
) -> None:
    assert sorted(await doer.ask(Doer.fetch_both, "a", "b")) == ["a", "b"]
    assert anyio.current_time() == 1
    begun, ended = told(theater, doer, "effect/begun"), told(theater, doer, "effect/ended")
    assert {event.body["effect"] for event in ended} == {event.seq for event in begun}


async def test_an_effect_of_a_killed_actor_has_no_outcome(theater: Theater, doer: ActorRef[Doer]) -> None:
    asking = asyncio.ensure_future(doer.ask(Doer.fetch, "x"))
    await anyio.sleep(0.5)

    await doer.kill()

    with pytest.raises(ActorFailedError):
        await asking
    assert CALLS == []
    assert told(theater, doer, "effect/ended") == []


async def test_effects_are_recorded_where_messages_are_not() -> None:
    async with Theater(record_messages=False) as theater:
        doer = await theater.spawn(Doer())
        await doer.ask(Doer.fetch, "x")

        assert kinds(theater, doer) == ["effect/begun", "effect/ended"]


def test_effect_leaves_the_function_as_it_is() -> None:
    def plain() -> int:
        return 1

    assert effect(plain) is plain
    assert effect(idempotent=True)(plain) is plain


@pytest.mark.parametrize("raises", [(int,), (ValueError(),), (BaseException,)])
def test_only_exception_classes_can_be_declared(raises: Any) -> None:
    with pytest.raises(SetupError, match="exception classes"):
        effect(raises=raises)


@pytest.mark.real_clock
@pytest.mark.parametrize("error", [GeneratorExit, StopIteration])
async def test_an_effect_in_a_thread_that_raises_what_would_close_a_coroutine_has_failed(
    theater: Theater, error: type[BaseException]
) -> None:
    def raise_it() -> None:
        raise error("odd")

    class Odd(Actor):
        @handler
        async def run(self) -> str:
            with pytest.raises(EffectFailedError, match="odd"):
                await self.context.effect(raise_it)
            return "lives"

    odd = await theater.spawn(Odd())

    assert await odd.ask(Odd.run) == "lives"
    ended = [event for event in theater.chain(odd) if event.kind == "effect/ended"]
    assert [event.body["error"]["class"] for event in ended] == [error.__name__]
