"""Messages: a handler's name and its arguments, packed when sent, handled one at a time and in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import anyio
import msgspec
import pytest
from told import meanwhile

from theater import Actor, ActorRef, ContentRef, Theater, handler

PLAIN: list[Any] = [
    None,
    True,
    0,
    -(2**63),
    2**64 - 1,
    -0.0,
    1e308,
    "",
    "grüße 🎭 \0",
    b"",
    b"\xff" * 2000,
    [],
    [1, [2, [3]]],
    {},
    {"a": {1: b"b", b"c": None}, b"k": []},
    (),
    (1, ("a", (None,))),
    set(),
    {1, "a", b"a"},
    frozenset({(1, 2), frozenset({3})}),
    datetime(2024, 2, 29, 12, 30, 15, 123456),  # noqa: DTZ001  # naive stays naive
    datetime(1969, 1, 1, tzinfo=UTC),
    datetime(2024, 7, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    UUID("12345678-1234-5678-1234-567812345678"),
    ContentRef.of(b"content"),
]

HOLDS_ITSELF: list[Any] = []
HOLDS_ITSELF.append(HOLDS_ITSELF)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: int = 0


@dataclass
class Pixel(Point):
    colour: Colour = Colour.RED


class Order(msgspec.Struct):
    title: str
    places: list[Point]


class TextOfOnesOwn(str):
    __slots__ = ()


class Keeper(Actor):
    """Keeps what it is given, and gives it back."""

    things: list[Any] = []  # noqa: RUF012  # given fresh to each instance
    seen: int = 0

    @handler
    async def echo(self, thing: Any) -> Any:
        self.seen += 1
        return thing

    @handler
    async def keep(self, thing: Any) -> None:
        self.things.append(thing)

    @handler
    async def kept(self) -> list[Any]:
        return self.things

    @handler
    async def kind(self, thing: Any) -> str:
        return type(thing).__name__

    @handler
    async def spoil(self, things: list[int]) -> None:
        things.append(-1)

    @handler
    async def is_me(self, thing: Any) -> bool:
        return bool(thing == self.context.ref)

    @handler
    async def move(self, point: Point, /, *, by: int = 1) -> Point:
        self.seen += 1
        return Point(point.x + by, point.y)

    @handler
    async def order(self, order: Order, colour: Colour) -> tuple[Order, Colour]:
        assert isinstance(order, Order)
        assert isinstance(order.places[0], Point)
        assert isinstance(colour, Colour)
        return order, colour

    @handler
    async def few(self, share: Annotated[int, msgspec.Meta(ge=0, le=100)]) -> None:
        self.seen += share

    @handler
    async def promise(self, lie: Any) -> int:
        self.seen += 1
        return lie  # type: ignore[no-any-return]  # the point

    @handler
    async def rest(self, seconds: float) -> None:
        await anyio.sleep(seconds)  # virtual

    async def secret(self) -> int:
        return 1

    @staticmethod
    def aside() -> int:
        return 1


# -- what a message is -----------------------------------------------------------------------------------


async def test_a_message_is_sent_by_its_handler_or_by_the_handlers_name(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper())

    by_function = await keeper.ask(Keeper.move, Point(1), by=2)
    by_name = await keeper.ask("move", Point(1), by=2)

    assert by_function == by_name == Point(3)


async def test_arguments_that_are_left_out_have_the_handlers_defaults(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper())

    assert await keeper.ask(Keeper.move, Point(1)) == Point(2)


async def test_a_tell_returns_when_the_message_is_queued_and_its_answer_goes_nowhere(
    theater: Theater,
) -> None:
    keeper = await theater.spawn(Keeper())

    assert await keeper.tell(Keeper.echo, 1) is None  # type: ignore[func-returns-value]  # the point

    assert theater.statistics().queued == 1
    await theater.settled()
    assert theater.statistics().queued == 0


async def test_one_message_is_handled_at_a_time(theater: Theater) -> None:
    at_work: list[int] = []
    most: list[int] = []

    class Worker(Actor):
        @handler
        async def work(self, number: int) -> None:
            at_work.append(number)
            await anyio.sleep(1)
            most.append(len(at_work))
            at_work.remove(number)

    worker = await theater.spawn(Worker())

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            meanwhile(tasks, worker.ask, Worker.work, number)

    assert most == [1, 1, 1, 1, 1]


@pytest.mark.virtual_clock(seeds=5)
async def test_messages_of_one_sender_arrive_in_the_order_in_which_they_were_sent(theater: Theater) -> None:
    class Sender(Actor):
        @handler
        async def send(self, to: ActorRef[Keeper], name: str) -> None:
            for number in range(20):
                if number % 2:
                    await to.tell(Keeper.keep, (name, number))
                else:
                    await to.ask(Keeper.keep, (name, number))

    keeper = await theater.spawn(Keeper(), mailbox=1)
    senders = [await theater.spawn(Sender()) for _ in range(3)]

    async with anyio.create_task_group() as tasks:
        for sender, name in zip(senders, "abc", strict=True):
            meanwhile(tasks, sender.ask, Sender.send, keeper, name)

    kept = await keeper.ask(Keeper.kept)
    for name in "abc":
        assert [number for sender, number in kept if sender == name] == list(range(20))


async def test_the_world_outside_is_one_more_sender(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper())

    for number in range(50):
        await keeper.tell(Keeper.keep, number)

    assert await keeper.ask(Keeper.kept) == list(range(50))


async def test_an_actor_can_send_messages_to_itself(theater: Theater) -> None:
    class Looper(Actor):
        left: int = 0

        @handler
        async def run(self, left: int) -> None:
            self.left = left
            if left:
                await self.context.ref.tell(Looper.run, left - 1)

        @handler
        async def rest(self) -> int:
            return self.left

    looper = await theater.spawn(Looper(left=9))

    await looper.tell(Looper.run, 5)
    await theater.settled()

    assert await looper.ask(Looper.rest) == 0


# -- what arrives ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: repr(value)[:30])
async def test_a_plain_value_arrives_as_what_it_was_and_comes_back_so(theater: Theater, value: Any) -> None:
    keeper = await theater.spawn(Keeper())

    answer = await keeper.ask(Keeper.echo, value)

    assert (answer, type(answer), repr(answer)) == (value, type(value), repr(value))
    assert await keeper.ask(Keeper.kind, value) == type(value).__name__


async def test_a_moment_in_a_named_zone_arrives_as_the_same_moment_with_its_offset(theater: Theater) -> None:
    zoneinfo = pytest.importorskip("zoneinfo")
    keeper = await theater.spawn(Keeper())
    moment = datetime(2024, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Vienna"))

    arrived = await keeper.ask(Keeper.echo, moment)

    assert arrived == moment
    assert arrived.utcoffset() == timedelta(hours=2)


async def test_a_ref_arrives_as_a_ref_also_deep_inside_an_untyped_value(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper())

    assert await keeper.ask(Keeper.is_me, keeper)
    assert await keeper.ask(Keeper.echo, {"refs": [(keeper,)]}) == {"refs": [(keeper,)]}


async def test_the_ref_of_an_actor_that_has_ended_still_travels(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper())
    ended = await theater.spawn(Keeper())
    await ended.stop()

    assert await keeper.ask(Keeper.echo, ended) == ended


async def test_dataclasses_enums_and_structs_arrive_as_the_handlers_annotations_say(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper())
    order = Order("chairs", [Point(1, 2)])

    assert await keeper.ask(Keeper.order, order, Colour.BLUE) == (order, Colour.BLUE)


# -- nothing is shared -----------------------------------------------------------------------------------


async def test_changing_an_argument_after_sending_does_not_reach_the_actor(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper())
    inner = [1]
    thing = {"inner": inner}

    await keeper.tell(Keeper.keep, thing)
    inner.append(2)
    thing["more"] = [3]

    assert await keeper.ask(Keeper.kept) == [{"inner": [1]}]


async def test_a_handler_that_changes_its_argument_changes_only_its_own(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper())
    things = [1, 2]

    await keeper.ask(Keeper.spoil, things)

    assert things == [1, 2]


async def test_changing_an_answer_does_not_reach_the_actors_state(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper(things=[["a"]]))

    answer = await keeper.ask(Keeper.kept)
    answer[0].append("b")
    answer.clear()

    assert await keeper.ask(Keeper.kept) == [["a"]]


async def test_an_answer_is_what_the_handler_returned_whatever_happens_to_the_state_later(
    theater: Theater,
) -> None:
    keeper = await theater.spawn(Keeper(things=[["a"]]))

    answer = await keeper.ask(Keeper.kept)
    await keeper.ask(Keeper.keep, "b")

    assert answer == [["a"]]


async def test_two_actors_that_got_one_list_have_two(theater: Theater) -> None:
    first, second = await theater.spawn(Keeper()), await theater.spawn(Keeper())
    point = Point(1)

    assert await first.ask(Keeper.move, point) is not await second.ask(Keeper.move, point)
    for keeper in (first, second):
        await keeper.tell(Keeper.keep, shared := [0])
        shared.append(1)

    assert await first.ask(Keeper.kept) == await second.ask(Keeper.kept) == [[0]]


# -- refused at the sender -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        object(),
        Point(1),
        Colour.RED,
        1j,
        bytearray(b"a"),
        memoryview(b"a"),
        2**64,
        -(2**63) - 1,
        "\ud800",
        TextOfOnesOwn("a"),
        [1, {"a": object()}],
        {1.5: "a"},
        {(1, 2): "a"},
        HOLDS_ITSELF,
        lambda: None,
        Keeper(),
        range(3),
        timedelta(1),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_cannot_be_packed_is_refused_at_the_sender_naming_the_argument(
    theater: Theater, value: Any
) -> None:
    keeper = await theater.spawn(Keeper())

    for send in (keeper.tell, keeper.ask):
        with pytest.raises(TypeError, match=r"Keeper\.echo\(\) argument 'thing'"):
            await send(Keeper.echo, value)
    with pytest.raises(TypeError, match=r"Keeper\.echo\(\) argument 'thing'"):
        keeper.tell_nowait(Keeper.echo, value)

    await theater.settled()
    assert theater.statistics().handled == 0


async def test_a_refusal_says_where_in_the_argument_the_fault_is(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper())

    with pytest.raises(TypeError, match=r"\[1\]\['b'\]"):
        await keeper.tell(Keeper.keep, [0, {"b": object()}])


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "why"),
    [
        ("move", (Pixel(1),), {}, "'point'"),  # a subclass of the declared class
        ("move", ({"x": 1, "z": 2},), {}, "'point'"),  # an unknown field
        ("move", (Point("1"),), {}, "'point'"),  # type: ignore[arg-type]  # the point
        ("move", (Point(1),), {"by": "2"}, "'by'"),
        ("move", (Point(1),), {"by": True}, "'by'"),
        ("move", (), {}, "missing argument 'point'"),
        ("move", (), {"point": Point(1)}, "missing argument 'point'|unexpected argument 'point'"),
        ("move", (Point(1), 2), {}, "takes 1 argument by position, but 2 came"),
        ("move", (Point(1),), {"far": 2}, "unexpected argument 'far'"),
        ("echo", (1,), {"thing": 2}, "several values for argument 'thing'"),
        ("order", (Order("a", [Point(1)]), "red"), {}, "'colour'"),
        ("few", (101,), {}, "'share'"),
        ("few", (1.0,), {}, "'share'"),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_at_the_sender(
    theater: Theater, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], why: str
) -> None:
    keeper = await theater.spawn(Keeper())

    with pytest.raises(TypeError, match=why) as caught:
        await keeper.ask(name, *args, **kwargs)

    assert f"Keeper.{name}()" in str(caught.value)
    assert theater.statistics().handled == 0


@pytest.mark.parametrize(
    "name", ["secret", "aside", "on_start", "on_stop", "context", "things", "_cell", "__init__", ""]
)
async def test_only_handlers_can_be_called_and_any_other_name_is_refused(theater: Theater, name: str) -> None:
    keeper = await theater.spawn(Keeper())

    for send in (keeper.tell, keeper.ask):
        with pytest.raises(TypeError, match=f"Keeper has no handler '{name}'"):
            await send(name)
    with pytest.raises(TypeError, match="no handler"):
        keeper.tell_nowait(name)

    assert theater.statistics().handled == 0


@pytest.mark.parametrize("thing", [None, 5, Keeper.secret, Keeper.aside, object(), lambda: None, Keeper])
async def test_what_is_no_handler_at_all_is_refused_too(theater: Theater, thing: Any) -> None:
    keeper = await theater.spawn(Keeper())

    with pytest.raises(TypeError, match="Keeper has no handler"):
        await keeper.ask(thing)


async def test_an_answer_that_is_not_what_the_handler_says_fails_the_actor(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper())

    with pytest.raises(Exception, match=r"TypeError: the answer of Keeper\.promise\(\)"):
        await keeper.ask(Keeper.promise, "no int")

    assert theater.statistics().failures == 1
    assert await keeper.ask(Keeper.promise, 1) == 1


async def test_a_refused_message_leaves_the_ones_around_it_alone(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper())

    await keeper.tell(Keeper.keep, 1)
    with pytest.raises(TypeError):
        await keeper.tell(Keeper.keep, object())
    await keeper.tell(Keeper.keep, 2)

    assert await keeper.ask(Keeper.kept) == [1, 2]


# -- handlers at work ------------------------------------------------------------------------------------


async def test_other_actors_work_while_one_waits(theater: Theater) -> None:
    slow, quick = await theater.spawn(Keeper()), await theater.spawn(Keeper())

    async with anyio.create_task_group() as tasks:
        meanwhile(tasks, slow.ask, Keeper.rest, 3600)
        await anyio.wait_all_tasks_blocked()
        assert await quick.ask(Keeper.echo, 1) == 1
        tasks.cancel_scope.cancel()


async def test_names_of_further_arguments_must_pack_too(theater: Theater) -> None:
    class Collector(Actor):
        @handler
        async def collect(self, **more: int) -> list[str]:
            return list(more)

    class Name(str):
        __slots__ = ()

    collector = await theater.spawn(Collector())

    with pytest.raises(TypeError, match=r"argument name '\\ud800': Expected Unicode text"):
        await collector.ask("collect", **{"\ud800": 1})
    with pytest.raises(TypeError, match=r"argument name 'name': Expected `str`, got `Name`"):
        await collector.ask("collect", **{Name("name"): 1})

    assert await collector.ask("collect", größe=1) == ["größe"]
