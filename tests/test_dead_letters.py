"""Dead letters: messages that nobody will handle, as a stream that never slows an actor."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from theater import Actor, ActorRef, DeadLetter, Theater, handler
from theater.errors import NotRunningError, SetupError


class Desk(Actor):
    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    @handler
    async def hear(self, thing: Any, *, twice: bool = False) -> None:
        pass

    @handler
    async def tell(self, desk: ActorRef[Desk], thing: Any) -> None:
        await desk.tell(Desk.hear, thing)

    @handler
    async def ring_in(self, seconds: float) -> None:
        self.context.after(seconds, Desk.hear, "rang")


async def busy(theater: Theater, name: str = "desk", **options: Any) -> ActorRef[Desk]:
    desk = await theater.spawn(Desk(), name=name, **options)
    await desk.tell(Desk.rest, 60)
    await anyio.wait_all_tasks_blocked()
    return desk


async def read(letters: Any) -> list[DeadLetter]:
    return [letter async for letter in letters]


async def test_a_letter_says_whose_it_was_and_why_it_died(theater: Theater) -> None:
    desk = await busy(theater)
    writer = await theater.spawn(Desk(), name="writer")
    async with theater.dead_letters() as letters:
        await desk.tell(Desk.hear, "a", twice=True)
        await writer.ask(Desk.tell, desk, ["b"])
        await desk.kill()

        first, second = await anext(letters), await anext(letters)

    moment = theater.chain(desk)[-1].time // 1_000_000_000
    assert first == DeadLetter(
        to=desk,
        handler="hear",
        args=("a",),
        kwargs={"twice": True},
        sender=None,
        why="ended",
        time=first.time,
    )
    assert abs((first.time - datetime.fromtimestamp(moment, UTC)).total_seconds()) <= 1
    assert (second.sender, second.args, second.why) == (writer, (["b"],), "ended")


@pytest.mark.parametrize(("overflow", "lost"), [("drop_newest", "new"), ("drop_oldest", "old")])
async def test_what_a_full_mailbox_drops_is_a_letter(theater: Theater, overflow: Any, lost: str) -> None:
    desk = await busy(theater, mailbox=1, overflow=overflow)
    async with theater.dead_letters() as letters:
        await desk.tell(Desk.hear, "old")
        await desk.tell(Desk.hear, "new")

        letter = await anext(letters)

    assert (letter.args, letter.why) == ((lost,), overflow)


async def test_a_timer_that_finds_no_actor_any_more_is_a_letter_of_the_actor_itself(
    theater: Theater,
) -> None:
    desk = await theater.spawn(Desk())
    await desk.ask(Desk.ring_in, 1)
    await desk.tell(Desk.rest, 60)
    await anyio.sleep(2)
    async with theater.dead_letters() as letters:
        await desk.kill()

        letter = await anext(letters)

    assert (letter.handler, letter.args, letter.sender) == ("hear", ("rang",), desk)


async def test_what_is_handed_back_to_its_sender_is_no_letter(theater: Theater) -> None:
    desk = await theater.spawn(Desk())
    await desk.stop()
    async with theater.dead_letters() as letters:
        with pytest.raises(NotRunningError) as caught:
            await desk.tell(Desk.hear, "a")
        assert caught.value.message is not None

        with pytest.raises(TimeoutError), anyio.fail_after(1):
            await anext(letters)

    counts = theater.statistics()
    assert (counts.returned, counts.dead_letters) == (1, 0)


async def test_letters_of_before_are_not_read_and_none_after_leaving(theater: Theater) -> None:
    letters = theater.dead_letters()
    for name in "abc":
        desk = await busy(theater, name)
        await desk.tell(Desk.hear, name)
        if name == "b":
            async with letters:
                await desk.kill()
        else:
            await desk.kill()

    assert [letter.args for letter in await read(letters)] == [("b",)]


async def test_a_slow_reader_loses_the_oldest_and_knows_how_many(theater: Theater) -> None:
    desk = await busy(theater)
    async with (
        theater.dead_letters(buffer=3) as slow,
        theater.dead_letters() as quick,
    ):
        for number in range(10):
            await desk.tell(Desk.hear, number)
        await desk.kill()

    assert [letter.args[0] for letter in await read(slow)] == [7, 8, 9]
    assert [letter.args[0] for letter in await read(quick)] == list(range(10))
    assert (slow.missed, quick.missed) == (7, 0)


async def test_a_reader_waits_for_the_next_and_may_give_up(theater: Theater) -> None:
    desk = await busy(theater)
    await desk.tell(Desk.hear, "a")
    came: list[float] = []

    async def wait() -> None:
        await anext(letters)
        came.append(anyio.current_time())

    async with theater.dead_letters() as letters, anyio.create_task_group() as tasks:
        with anyio.move_on_after(5):
            await anext(letters)
        tasks.start_soon(wait)
        await anyio.sleep(5)
        assert came == []
        await desk.kill()

    assert came == [pytest.approx(10, abs=1)]


async def test_two_tasks_may_read_one_stream(theater: Theater) -> None:
    desk = await busy(theater)
    got: list[Any] = []

    async def wait() -> None:
        got.append((await anext(letters)).args[0])

    async with theater.dead_letters() as letters, anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        for number in range(2):
            await desk.tell(Desk.hear, number)
        await desk.kill()

    assert sorted(got) == [0, 1]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_stream_ends_with_its_theater() -> None:
    async with anyio.create_task_group() as tasks:
        async with Theater() as theater:
            letters = theater.dead_letters()
            read_to_end = anyio.Event()

            async def follow() -> None:
                async with letters:
                    assert await read(letters) == []
                read_to_end.set()

            tasks.start_soon(follow)
            await anyio.wait_all_tasks_blocked()
        await read_to_end.wait()


async def test_a_stream_that_is_entered_after_the_close_is_at_its_end() -> None:
    async with Theater() as theater:
        late = theater.dead_letters()

    with anyio.fail_after(5):
        async with late as letters:
            assert [letter async for letter in letters] == []


@pytest.mark.parametrize("buffer", [0, -1, 1.5, True, None])
async def test_a_buffer_without_a_whole_number_of_places_is_a_mistake(theater: Theater, buffer: Any) -> None:
    with pytest.raises(SetupError, match="buffer must be a whole number of letters"):
        theater.dead_letters(buffer=buffer)
