"""Streams: items in order, never too far ahead, and over wherever either side ends."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import anyio
import pytest
from told import kinds, meanwhile, only, told, triple

from theater import (
    TRANSIENT,
    Actor,
    ActorFailedError,
    ActorRef,
    AskCycleError,
    NotRunningError,
    SetupError,
    Stream,
    Theater,
    handler,
)

HOUR = 3600.0
MADE: list[int] = []  # what producers of the running test have made
OPEN: list[str] = []  # generators that have begun and not ended


@pytest.fixture(autouse=True)
def _clean() -> Any:
    MADE.clear()
    OPEN.clear()
    yield
    gc.collect()
    assert not OPEN, "a generator was left open"


@dataclass
class Row:
    cells: list[int] = field(default_factory=list)


class Producer(Actor):
    """Counts, and keeps book of what it made and which generators are open."""

    begun: int = 0
    ended: int = 0

    @handler
    async def count(self, to: int, every: float = 0.0) -> AsyncIterator[int]:
        self.begun += 1
        OPEN.append("count")
        try:
            for number in range(to):
                if every:
                    await anyio.sleep(every)
                MADE.append(number)
                yield number
        finally:
            OPEN.remove("count")
            self.ended += 1

    @handler(ahead=1)
    async def in_step(self, to: int) -> AsyncIterator[int]:
        for number in range(to):
            MADE.append(number)
            yield number

    @handler
    async def rows(self, count: int) -> AsyncIterator[Row]:
        row = Row()
        for number in range(count):
            row.cells.append(number)
            yield row

    @handler
    async def wrong(self) -> AsyncIterator[str]:
        OPEN.append("wrong")
        try:
            yield "right"
            yield 5  # type: ignore[misc]  # on purpose
        finally:
            OPEN.remove("wrong")

    @handler(raises=(KeyError,))
    async def breaks(self, how: str) -> AsyncIterator[int]:
        yield 1
        yield 2
        raise {"declared": KeyError, "not declared": ValueError}[how]("broken")

    @handler
    async def asks(self, other: ActorRef[Any], handler: str, *args: Any) -> AsyncIterator[Any]:
        OPEN.append("asks")
        try:
            yield "asking"
            yield await other.ask(handler, *args)
        finally:
            OPEN.remove("asks")

    @handler
    async def tidy(self, other: ActorRef[Any]) -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            await other.ask(Other.note, "tidied")

    @handler
    async def never_tidy(self) -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            raise ValueError("cannot tidy")

    @handler
    async def nothing(self) -> AsyncIterator[int]:
        for number in range(0):
            yield number

    @handler
    async def book(self) -> tuple[int, int]:
        return self.begun, self.ended


class Other(Actor):
    notes: list[str] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def note(self, text: str) -> None:
        self.notes.append(text)

    @handler
    async def read(self) -> list[str]:
        return self.notes

    @handler
    async def work(self, seconds: float) -> str:
        await anyio.sleep(seconds)
        return "worked"


class Reader(Actor):
    """Reads a producer, and does with the stream what its handler's name says."""

    @handler
    async def all(self, producer: ActorRef[Producer], to: int) -> list[int]:
        return [number async for number in producer.stream(Producer.count, to)]

    @handler
    async def some(self, producer: ActorRef[Producer], to: int, take: int) -> list[int]:
        taken: list[int] = []
        async for number in producer.stream(Producer.count, to):
            taken.append(number)
            if len(taken) == take:
                break
        return taken

    @handler
    async def forget(self, producer: ActorRef[Producer]) -> int:
        self._stream = producer.stream(Producer.count, 1000)  # scratch: longer than the handler
        return await anext(self._stream)

    @handler
    async def again(self) -> int:
        return await anext(self._stream)

    @handler
    async def slowly(self, producer: ActorRef[Producer], seconds: float) -> int:
        stream = producer.stream(Producer.count, 1000)
        await anext(stream)
        await anyio.sleep(seconds)
        return await anext(stream)

    @handler
    async def wait_long(self, producer: ActorRef[Producer]) -> list[int]:
        return [number async for number in producer.stream(Producer.count, 1000, HOUR)]

    @handler
    async def ask_too(self, producer: ActorRef[Producer]) -> str:
        stream = producer.stream(Producer.count, 1000)
        await anext(stream)
        try:
            await producer.ask(Producer.book)
        except AskCycleError as error:
            return str(error)
        return "answered"

    @handler
    async def ask_in_a_task(self, producer: ActorRef[Producer]) -> tuple[int, int]:
        books: list[tuple[int, int]] = []

        async def read() -> None:
            async for number in producer.stream(Producer.count, 100):
                if number == 50:
                    begun.set()
                await anyio.sleep(1)

        async def ask() -> None:
            books.append(await producer.ask(Producer.book))

        begun = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await begun.wait()
            tasks.start_soon(ask)
        return books[0]

    @handler
    async def two_at_once(self, first: ActorRef[Producer], second: ActorRef[Producer]) -> list[Any]:
        pairs: list[Any] = []
        one, two = first.stream(Producer.count, 1000), second.stream(Producer.count, 1000)
        try:
            for _ in range(30):
                pairs.append((await anext(one), await anext(two)))  # noqa: PERF401  # what came before an error
        except AskCycleError as error:
            pairs.append(error.path)
        return pairs

    @handler
    async def be_asked(self, producer: ActorRef[Producer]) -> list[Any]:
        stream = producer.stream(Producer.asks, self.context.ref, "ping")
        return [item async for item in stream]

    @handler
    async def ping(self) -> str:
        return "pong"

    @handler
    async def fail(self, producer: ActorRef[Producer]) -> None:
        stream = producer.stream(Producer.count, 1000)
        await anext(stream)
        raise ValueError("reader failed")

    @handler
    async def of_itself(self) -> Any:
        return [item async for item in self.context.ref.stream("endless")]

    @handler
    async def endless(self) -> AsyncIterator[int]:
        while True:
            yield 1


# -- items -----------------------------------------------------------------------------------------------


async def test_items_come_in_their_order_and_then_the_stream_ends(theater: Theater) -> None:
    producer = await theater.spawn(Producer())

    assert [number async for number in producer.stream(Producer.count, 100)] == list(range(100))
    assert await producer.ask(Producer.book) == (1, 1)


async def test_an_actor_reads_a_stream_as_the_world_outside_does(theater: Theater) -> None:
    producer, reader = await theater.spawn(Producer()), await theater.spawn(Reader())

    assert await reader.ask(Reader.all, producer, 100) == list(range(100))


async def test_a_stream_without_items_just_ends(theater: Theater) -> None:
    producer = await theater.spawn(Producer())

    assert [item async for item in producer.stream(Producer.nothing)] == []
    assert kinds(theater, producer) == ["message/handled"]


async def test_a_stream_is_read_by_name_without_the_class_at_hand(theater: Theater) -> None:
    producer = await theater.spawn(Producer())

    assert [number async for number in producer.stream("count", to=3)] == [0, 1, 2]


class Counts(Protocol):
    def count(self, to: int, every: float = 0.0) -> AsyncIterator[int]: ...


async def test_a_stream_is_read_through_a_protocol(theater: Theater) -> None:
    producer: ActorRef[Counts] = await theater.spawn(Producer())

    assert [number async for number in producer.stream(Counts.count, 3)] == [0, 1, 2]


class Doubling(Producer):
    async def count(self, to: int, every: float = 0.0) -> AsyncIterator[int]:
        async for number in super().count(to, every):
            yield 2 * number


async def test_an_override_of_a_stream_is_a_stream_and_may_call_the_one_it_overrides(
    theater: Theater,
) -> None:
    doubling = await theater.spawn(Doubling())

    assert [number async for number in doubling.stream(Producer.count, 3)] == [0, 2, 4]


async def test_what_is_yielded_and_what_is_read_share_nothing(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.rows, 3)

    first = await anext(stream)
    first.cells.append(99)

    assert first.cells == [0, 99]
    assert [row.cells async for row in stream] == [[0, 1], [0, 1, 2]]


async def test_an_item_of_another_type_fails_the_actor_and_the_reader_is_told(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.wrong)

    assert await anext(stream) == "right"
    with pytest.raises(
        ActorFailedError, match=r"the answer of Producer.wrong\(\): Expected `str`, got `int`"
    ):
        await anext(stream)


# -- only streams are streams ----------------------------------------------------------------------------


async def test_a_stream_cannot_be_asked_or_told_and_the_error_says_what_to_do(theater: Theater) -> None:
    producer = await theater.spawn(Producer())

    for send in (producer.ask, producer.tell):
        with pytest.raises(TypeError, match=r"async for item in ref.stream\(Producer.count"):
            await send("count", 1)
    with pytest.raises(TypeError, match="is a stream"):
        producer.tell_nowait("count", 1)


async def test_a_handler_that_answers_once_is_no_stream(theater: Theater) -> None:
    producer = await theater.spawn(Producer())

    with pytest.raises(TypeError, match=r"is no stream: ask .* `await ref.ask\(Producer.book"):
        producer.stream("book")
    with pytest.raises(TypeError, match="has no handler 'unknown'"):
        producer.stream("unknown")


async def test_wrong_arguments_are_refused_where_the_stream_is_made(theater: Theater) -> None:
    producer = await theater.spawn(Producer())

    with pytest.raises(TypeError, match="argument 'to'"):
        producer.stream(Producer.count, "many")  # type: ignore[call-overload]  # on purpose
    assert kinds(theater, producer) == []


def test_a_stream_says_in_its_annotation_that_it_is_one() -> None:
    with pytest.raises(SetupError, match=r"Bad.lines\(\) yields: annotate it as a stream"):

        class Bad(Actor):
            @handler  # type: ignore[type-var]  # on purpose
            async def lines(self) -> str:  # type: ignore[misc]  # as above
                yield "line"  # pyright: ignore[reportReturnType]  # as above


def test_an_item_that_cannot_be_carried_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(SetupError, match=r"Bad.things\(\) item"):

        class Bad(Actor):
            @handler
            async def things(self) -> AsyncIterator[asyncio.Task[None]]:
                yield asyncio.create_task(asyncio.sleep(0))


def test_a_stream_overrides_no_handler_that_answers_once_nor_the_other_way_round() -> None:
    with pytest.raises(SetupError, match=r"Bad.book\(\) is a stream, but overrides"):

        class Bad(Producer):
            async def book(self) -> AsyncIterator[int]:  # type: ignore[override]  # on purpose
                yield 1

    with pytest.raises(SetupError, match=r"Worse.nothing\(\) overrides a stream"):

        class Worse(Producer):
            async def nothing(self) -> int:  # type: ignore[override]  # on purpose
                return 0


@pytest.mark.parametrize("ahead", [0, -1, True, 1.5])
def test_a_number_of_items_ahead_is_at_least_one(ahead: Any) -> None:
    with pytest.raises(SetupError, match="ahead="):
        handler(ahead=ahead)


def test_only_a_stream_can_be_ahead() -> None:
    with pytest.raises(SetupError, match=r"Bad.answer\(\) is no stream: leave out ahead="):

        class Bad(Actor):
            @handler(ahead=3)
            async def answer(self) -> int:
                return 1


# -- back-pressure ---------------------------------------------------------------------------------------


async def test_the_producer_is_never_more_than_sixteen_items_ahead(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    distances = []

    async with producer.stream(Producer.count, 1000) as stream:
        for read in range(1, 101):
            await anext(stream)
            await anyio.wait_all_tasks_blocked()
            distances.append(len(MADE) - read)

    assert set(distances) == {16}


async def test_a_handler_says_how_far_it_may_be_ahead(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.in_step, 3)

    made = []
    async for _ in stream:
        await anyio.wait_all_tasks_blocked()
        made.append(len(MADE))

    assert made == [2, 3, 3]


async def test_nothing_is_sent_before_the_first_read(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.count, 3)
    await anyio.wait_all_tasks_blocked()
    assert MADE == []

    async with stream:
        await anyio.wait_all_tasks_blocked()

    assert MADE == [0, 1, 2]


async def test_a_stream_is_one_message_and_others_wait_for_its_end(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.count, 100)
    await anext(stream)

    with anyio.move_on_after(10):
        await producer.ask(Producer.book)
        raise AssertionError("answered in the middle of a stream")

    await stream.aclose()
    assert await producer.ask(Producer.book) == (1, 1)


# -- leaving ---------------------------------------------------------------------------------------------


async def test_closing_a_stream_closes_the_generator_where_it_yields(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.count, 1000)
    await anext(stream)
    await anyio.wait_all_tasks_blocked()

    await stream.aclose()

    assert OPEN == []
    assert len(MADE) == 17
    assert await producer.ask(Producer.book) == (1, 1)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    await stream.aclose()  # once more does nothing


async def test_leaving_the_block_closes_the_stream(theater: Theater) -> None:
    producer = await theater.spawn(Producer())

    async with producer.stream(Producer.count, 1000) as stream:
        async for number in stream:
            if number == 40:
                break

    assert await producer.ask(Producer.book) == (1, 1)
    assert len(MADE) <= 41 + 16


async def test_a_loop_that_is_left_drops_its_stream(theater: Theater) -> None:
    producer, reader = await theater.spawn(Producer()), await theater.spawn(Reader())

    assert await reader.ask(Reader.some, producer, 1000, 3) == [0, 1, 2]
    async for _ in producer.stream(Producer.count, 1000):
        break

    assert await producer.ask(Producer.book) == (2, 2)


async def test_who_has_left_a_loop_may_ask_the_producer_at_once(theater: Theater) -> None:
    class Hasty(Actor):
        @handler
        async def read(self, producer: ActorRef[Producer]) -> tuple[int, int]:
            async for _ in producer.stream(Producer.count, 1000):
                break
            return await producer.ask(Producer.book)

    producer, hasty = await theater.spawn(Producer()), await theater.spawn(Hasty())

    assert await hasty.ask(Hasty.read, producer) == (1, 1)


async def test_a_stream_that_is_garbage_is_left(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.count, 1000)
    await anext(stream)
    knot: list[Any] = [stream]
    knot.append(knot)

    del stream, knot
    gc.collect()

    assert await producer.ask(Producer.book) == (1, 1)


async def test_a_stream_that_becomes_garbage_in_another_thread_is_left(theater: Theater) -> None:
    asyncio.get_running_loop().set_debug(True)  # then a loop says so if it is used from the wrong thread
    producer = await theater.spawn(Producer())
    held = [producer.stream(Producer.count, 100)]
    await anext(held[0])

    await anyio.to_thread.run_sync(held.clear)
    await theater.settled()

    assert await producer.ask(Producer.book) == (1, 1)


async def test_a_stream_that_is_dropped_unread_has_sent_nothing(theater: Theater) -> None:
    producer = await theater.spawn(Producer())

    producer.stream(Producer.count, 1000)
    await producer.stream(Producer.count, 1000).aclose()
    await anyio.wait_all_tasks_blocked()

    assert kinds(theater, producer) == []


async def test_a_time_limit_around_a_read_leaves_the_stream(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.count, 1000, 10)

    with pytest.raises(TimeoutError), anyio.fail_after(25):
        async for _ in stream:
            pass
    with anyio.fail_after(10):  # it is closed when it has made its next item
        assert await producer.ask(Producer.book) == (1, 1)

    assert MADE == [0, 1, 2]
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_reader_that_leaves_before_its_turn_withdraws_its_message(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    first = producer.stream(Producer.count, 1000)
    await anext(first)

    with anyio.move_on_after(5):
        async with producer.stream(Producer.count, 1000) as second:
            await anext(second)

    assert theater.statistics().queued == 0
    await first.aclose()
    assert await producer.ask(Producer.book) == (1, 1)


async def test_a_stream_whose_message_waits_for_room_can_be_left(theater: Theater) -> None:
    producer = await theater.spawn(Producer(), mailbox=1)
    first, second = producer.stream(Producer.count, 1000), producer.stream(Producer.count, 1000)
    await anext(first)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(second.__aenter__)
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(5):
            await anext(producer.stream(Producer.count, 1000))
    await first.aclose()

    assert await anext(second) == 0
    await second.aclose()
    assert await producer.ask(Producer.book) == (2, 2)


async def test_a_generator_at_work_is_not_waited_for_and_closed_when_it_yields(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.count, 1000, 60)
    await anext(stream)

    await stream.aclose()

    assert anyio.current_time() == 60
    assert await producer.ask(Producer.book) == (1, 1)
    assert anyio.current_time() == 120


async def test_when_a_reader_leaves_the_ask_of_its_generator_gives_up(theater: Theater) -> None:
    producer, other = await theater.spawn(Producer()), await theater.spawn(Other())
    await other.tell(Other.work, HOUR)
    stream = producer.stream(Producer.asks, other, "work", HOUR)
    assert await anext(stream) == "asking"

    await stream.aclose()
    await producer.ask(Producer.book)

    assert anyio.current_time() == 0
    assert told(theater, producer, "message/handled")[0].body["abandoned"] is True
    assert theater.statistics().failures == 0


async def test_a_generator_may_ask_others_while_it_is_closed(theater: Theater) -> None:
    producer, other = await theater.spawn(Producer()), await theater.spawn(Other())

    async with producer.stream(Producer.tidy, other) as stream:
        await anext(stream)
        await anyio.wait_all_tasks_blocked()

    assert await other.ask(Other.read) == ["tidied"]


async def test_a_generator_that_raises_while_it_is_closed_has_failed(theater: Theater) -> None:
    producer = await theater.spawn(Producer())

    async with producer.stream(Producer.never_tidy) as stream:
        await anext(stream)
    await producer.ask(Producer.book)

    assert only(theater, producer, "actor/failed").body["error"] == {
        "class": "ValueError",
        "text": "cannot tidy",
    }


async def test_a_stream_that_is_left_is_abandoned_not_failed_and_keeps_its_changes(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.count, 1000)
    await anext(stream)
    await stream.aclose()

    await anyio.wait_all_tasks_blocked()

    body = only(theater, producer, "message/handled").body
    assert (body["abandoned"], body["state"]) == (True, {"begun": 1, "ended": 1})
    assert theater.statistics().failures == 0


# -- the reader is an actor ------------------------------------------------------------------------------


async def test_the_end_of_a_handler_leaves_its_streams(theater: Theater) -> None:
    producer, reader = await theater.spawn(Producer()), await theater.spawn(Reader())

    assert await reader.ask(Reader.forget, producer) == 0

    assert await producer.ask(Producer.book) == (1, 1)
    with pytest.raises(ActorFailedError, match="SetupError: it ended with the handler that held it"):
        await reader.ask(Reader.again)


async def test_a_failing_reader_leaves_its_streams(theater: Theater) -> None:
    producer, reader = await theater.spawn(Producer()), await theater.spawn(Reader())

    with pytest.raises(ActorFailedError, match="reader failed"):
        await reader.ask(Reader.fail, producer)

    assert await producer.ask(Producer.book) == (1, 1)
    assert await reader.ask(Reader.all, producer, 2) == [0, 1]  # it was started again


@pytest.mark.parametrize("handler_name", ["slowly", "wait_long"])
async def test_killing_a_reader_leaves_its_streams(theater: Theater, handler_name: str) -> None:
    producer, reader = await theater.spawn(Producer()), await theater.spawn(Reader())
    extra = [HOUR] if handler_name == "slowly" else []
    await reader.tell(handler_name, producer, *extra)
    await anyio.wait_all_tasks_blocked()

    await reader.kill()

    assert await producer.ask(Producer.book) == (1, 1)


async def test_giving_up_travels_through_a_stream(theater: Theater) -> None:
    producer, reader = await theater.spawn(Producer()), await theater.spawn(Reader())

    with anyio.move_on_after(10):
        await reader.ask(Reader.wait_long, producer)

    assert await reader.ask(Reader.ping) == "pong"
    assert anyio.current_time() == 10
    assert told(theater, reader, "message/handled")[0].body["abandoned"] is True
    assert [event.kind for event in theater.chain(reader)][1:5] == [
        "message/received", "message/sent", "message/withdrawn", "message/handled",
    ]  # fmt: skip
    assert await producer.ask(Producer.book) == (1, 1)


async def test_a_stream_is_read_only_by_whoever_began_to_read_it(theater: Theater) -> None:
    producer, other = await theater.spawn(Producer()), await theater.spawn(Thief())
    Thief.loot = stream = producer.stream(Producer.count, 1000)
    await anext(stream)

    assert "read by whoever began" in await other.ask(Thief.steal)

    assert await anext(stream) == 1
    await stream.aclose()


class Thief(Actor):
    loot: ClassVar[Stream[int] | None] = None

    @handler
    async def steal(self) -> str:
        assert isinstance(Thief.loot, Stream)
        try:
            return str(await anext(Thief.loot))
        except SetupError as error:
            return str(error)


async def test_a_stream_is_read_by_one_task_at_a_time(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.count, 3, 10)
    read: list[int] = []

    async def read_all() -> None:
        read.extend([number async for number in stream])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read_all)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(SetupError, match="one task at a time"):
            await anext(stream)

    assert read == [0, 1, 2]


# -- the producer ends -----------------------------------------------------------------------------------


async def test_a_declared_error_comes_as_itself_after_the_items_before_it(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    read = []

    with pytest.raises(KeyError, match="broken"):
        async for number in producer.stream(Producer.breaks, "declared"):
            read.append(number)  # noqa: PERF401  # what came before the error

    assert read == [1, 2]
    assert theater.statistics().failures == 0


async def test_a_failing_producer_is_started_again_and_its_reader_is_told_after_the_items(
    theater: Theater,
) -> None:
    producer = await theater.spawn(Producer())
    read = []

    with pytest.raises(ActorFailedError, match="ValueError: broken") as caught:
        async for number in producer.stream(Producer.breaks, "not declared"):
            read.append(number)  # noqa: PERF401  # as above

    assert read == [1, 2]
    assert isinstance(caught.value.__cause__, ValueError)
    assert [number async for number in producer.stream(Producer.count, 2)] == [0, 1]
    assert theater.statistics().restarts == 1


@pytest.mark.parametrize("every", [0.0, HOUR])
async def test_killing_the_producer_ends_the_stream_with_an_error(theater: Theater, every: float) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.count, 1000, every)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream.__aenter__)
        await anyio.wait_all_tasks_blocked()
        await producer.kill()

    with pytest.raises(ActorFailedError, match="was killed while it handled count"):
        async for number in stream:
            assert number < 16
    with pytest.raises(NotRunningError):
        producer.stream(Producer.count, 1)


async def test_stopping_the_producer_waits_for_the_end_of_the_stream(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    read: list[int] = []

    async with anyio.create_task_group() as tasks, producer.stream(Producer.count, 100) as stream:
        meanwhile(tasks, producer.stop)
        await anyio.wait_all_tasks_blocked()
        read = [number async for number in stream]

    assert len(read) == 100


async def test_a_stream_that_waits_in_the_mailbox_of_one_that_ends_is_refused(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    await producer.stream(Producer.count, 10, HOUR).__aenter__()
    queued = producer.stream(Producer.count, 10)
    await queued.__aenter__()

    await producer.kill()

    with pytest.raises(NotRunningError, match="has ended"):
        await anext(queued)


# -- the wait graph --------------------------------------------------------------------------------------


async def test_an_actor_cannot_read_itself(theater: Theater) -> None:
    reader = await theater.spawn(Reader(), name="reader", restart=TRANSIENT)

    with pytest.raises(ActorFailedError, match=r"AskCycleError: .*reader → reader"):
        await reader.ask(Reader.of_itself)

    assert only(theater, reader, "message/refused").body["error"]["class"] == "AskCycleError"
    assert not told(theater, reader, "message/sent")


async def test_a_reader_cannot_ask_the_actor_whose_stream_it_holds_open(theater: Theater) -> None:
    producer, reader = await theater.spawn(Producer(), name="p"), await theater.spawn(Reader(), name="r")

    assert await reader.ask(Reader.ask_too, producer) == "waiting would close a circle: r → p → r"


async def test_a_reader_with_tasks_of_its_own_may_ask_in_one_and_read_in_the_other(theater: Theater) -> None:
    producer, reader = await theater.spawn(Producer()), await theater.spawn(Reader())

    assert await reader.ask(Reader.ask_in_a_task, producer) == (1, 1)


async def test_a_generator_cannot_ask_who_waits_for_its_next_item(theater: Theater) -> None:
    producer, reader = await theater.spawn(Producer(), name="p"), await theater.spawn(Reader(), name="r")

    with pytest.raises(ActorFailedError, match=r"AskCycleError: .*p → r → p"):
        await reader.ask(Reader.be_asked, producer)


async def test_two_producers_can_be_read_by_turns_but_not_one_twice(theater: Theater) -> None:
    first, second = await theater.spawn(Producer()), await theater.spawn(Producer(), name="p")
    reader = await theater.spawn(Reader(), name="r")

    assert await reader.ask(Reader.two_at_once, first, second) == [(n, n) for n in range(30)]
    assert await reader.ask(Reader.two_at_once, second, second) == [("r", "p", "r")]
    assert await second.ask(Producer.book) == (2, 2)


# -- the theater closes ----------------------------------------------------------------------------------


async def test_closing_the_theater_ends_the_streams_of_the_world_outside() -> None:
    async with Theater() as theater:
        producer = await theater.spawn(Producer())
        stream = producer.stream(Producer.count, 1000)
        await anext(stream)
        began = anyio.current_time()

    assert OPEN == []
    assert anyio.current_time() == began
    with pytest.raises(NotRunningError, match="the theater is closed"):
        await anext(stream)


async def test_a_reader_that_waits_when_the_theater_closes_is_told() -> None:
    errors: list[Exception] = []

    async def read(stream: Stream[int]) -> None:
        try:
            async for _ in stream:
                pass
        except NotRunningError as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks, Theater(closing=1) as theater:
        producer = await theater.spawn(Producer())
        tasks.start_soon(read, producer.stream(Producer.count, 10, HOUR))
        await anyio.wait_all_tasks_blocked()

    assert len(errors) == 1


async def test_a_stream_between_actors_is_cut_off_with_them() -> None:
    before = asyncio.all_tasks()

    async with Theater(closing=10) as theater:
        producer, reader = await theater.spawn(Producer()), await theater.spawn(Reader())
        await reader.tell(Reader.wait_long, producer)
        await anyio.wait_all_tasks_blocked()

    assert OPEN == []
    assert asyncio.all_tasks() == before


async def test_a_short_stream_between_actors_ends_before_the_theater_does() -> None:
    async with Theater(closing=10) as theater:
        producer, reader = await theater.spawn(Producer()), await theater.spawn(Reader())
        await reader.tell(Reader.all, producer, 100)

    assert len(MADE) == 100
    assert told(theater, reader, "message/handled")[0].body["message"] == 1


# -- the record ------------------------------------------------------------------------------------------


async def test_both_chains_hold_each_item_and_name_each_other(theater: Theater) -> None:
    producer, reader = await theater.spawn(Producer()), await theater.spawn(Reader())

    await reader.ask(Reader.all, producer, 2)

    received, sent = only(theater, producer, "message/received"), only(theater, reader, "message/sent")
    made = told(theater, producer, "message/answered")
    assert received.body["from"] == triple(sent)
    assert [event.body for event in made] == [{"item": n, "reply": received.seq} for n in (0, 1)]
    read = told(theater, reader, "message/answered")
    assert [event.body for event in read] == [
        {"from": triple(made[0]), "item": 0, "message": sent.seq},
        {"from": triple(made[1]), "item": 1, "message": sent.seq},
        {"answer": None, "from": triple(only(theater, producer, "message/handled")), "message": sent.seq},
    ]


async def test_a_reader_that_leaves_withdraws_its_message_on_record(theater: Theater) -> None:
    producer, reader = await theater.spawn(Producer()), await theater.spawn(Reader())

    await reader.ask(Reader.some, producer, 1000, 2)

    assert kinds(theater, reader) == [
        "message/received", "message/sent", "message/answered", "message/answered", "message/withdrawn",
        "message/handled",
    ]  # fmt: skip


async def test_without_records_of_messages_items_are_not_recorded() -> None:
    async with Theater(record_messages=False) as theater:
        producer, reader = await theater.spawn(Producer()), await theater.spawn(Reader())

        assert await reader.ask(Reader.all, producer, 20) == list(range(20))
        assert await reader.ask(Reader.some, producer, 1000, 2) == [0, 1]

        assert (kinds(theater, reader), kinds(theater, producer)) == ([], [])


# -- any order -------------------------------------------------------------------------------------------


@pytest.mark.virtual_clock(seeds=20)
async def test_in_any_order_of_events_readers_that_come_and_go_leave_nothing_behind(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    readers = [await theater.spawn(Reader()) for _ in range(3)]

    async with anyio.create_task_group() as tasks:
        for limit in (0.5, 1.5, 2.5):
            tasks.start_soon(read_within, producer, limit)
        for number, reader in enumerate(readers):
            meanwhile(tasks, reader.ask, Reader.some, producer, 1000, 5 * number + 1)
    await readers[0].stop()
    await theater.settled()

    begun, ended = await producer.ask(Producer.book)
    assert begun == ended >= 3
    assert OPEN == []
    assert (theater.statistics().failures, theater.statistics().unaccounted) == (0, 0)
    assert producer._cell.waits in (None, set())
    assert not producer._cell.theater.held


async def read_within(producer: ActorRef[Producer], limit: float) -> None:
    with anyio.move_on_after(limit):
        async for _ in producer.stream(Producer.count, 1000, 0.2):
            pass


# -- odds ------------------------------------------------------------------------------------------------


async def test_a_stream_without_an_annotation_carries_plain_values(theater: Theater) -> None:
    class Loose(Actor):
        @handler
        async def things(self):  # type: ignore[no-untyped-def]  # noqa: ANN202  # on purpose
            yield 1
            yield ["two"]

    loose = await theater.spawn(Loose())

    assert [thing async for thing in loose.stream("things")] == [1, ["two"]]


async def test_a_stream_that_another_task_closes_while_its_message_waits_for_room_is_never_begun(
    theater: Theater,
) -> None:
    producer = await theater.spawn(Producer(), mailbox=1)
    first, second = producer.stream(Producer.count, 1000), producer.stream(Producer.count, 1000)
    await anext(first)
    await second.__aenter__()
    third = producer.stream(Producer.count, 1000)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(third.__aenter__)
        await anyio.wait_all_tasks_blocked()
        await third.aclose()
        await first.aclose()
        await second.aclose()

    assert await producer.ask(Producer.book) == (2, 2)
    assert theater.statistics().unaccounted == 0


async def test_a_stream_tells_how_it_stands(theater: Theater) -> None:
    producer = await theater.spawn(Producer(), name="p")
    stream = producer.stream(Producer.count, 3)

    shown = [repr(stream)]
    async with stream:
        shown.append(repr(stream))
    shown.append(repr(stream))

    states = ("not begun", "open", "left or ended")
    assert shown == [f"<Stream Producer.count of 'p' {state}>" for state in states]


async def test_a_stream_is_not_read_in_another_thread(theater: Theater) -> None:
    producer = await theater.spawn(Producer())
    stream = producer.stream(Producer.count, 3)
    await anext(stream)

    async def read() -> None:
        await anext(stream)

    with pytest.raises(SetupError, match="from_thread"):
        await anyio.to_thread.run_sync(asyncio.run, read())
    await stream.aclose()
