"""The context: what an actor may ask of the world, and when."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from random import Random
from typing import Any

import anyio
import pytest
from told import kinds, only, told

from theater import Actor, ActorRef, Context, Theater, handler
from theater.errors import ActorFailedError, SetupError

BEGINNING = datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)  # of virtual time


class Asker(Actor):
    """Asks its context for everything."""

    dice: list[float] = []  # noqa: RUF012  # given fresh to each instance

    @handler
    async def who(self) -> tuple[bytes, str, ActorRef[Any]]:
        context = self.context
        return context.id, context.name, context.ref

    @handler
    async def now_twice(self, seconds: float = 0.0) -> tuple[datetime, datetime]:
        first = self.context.now()
        await anyio.sleep(seconds)
        return first, self.context.now()

    @handler
    async def throw(self, times: int) -> list[float]:
        return [self.context.random.random() for _ in range(times)]

    @handler
    async def throw_in_between(self) -> list[float]:
        first = self.context.random.random()
        await anyio.sleep(1)
        self.context.log("between two throws")
        return [first, self.context.random.random()]

    @handler
    async def log(self, text: Any, fields: dict[str, Any]) -> None:
        self.context.log(text, **fields)

    @handler
    async def hire(self, names: list[str]) -> list[ActorRef[Any]]:
        for name in names:
            await self.context.spawn(Asker(), name=name)
        return list(self.context.children)

    @handler
    async def children(self) -> list[ActorRef[Any]]:
        return list(self.context.children)

    @handler
    async def nothing(self) -> None:
        pass


async def test_it_knows_who_the_actor_is(theater: Theater) -> None:
    asker = await theater.spawn(Asker(), name="asker")

    assert await asker.ask(Asker.who) == (asker.id, "asker", asker)
    assert len(asker.id) == 16


async def test_who_the_actor_is_leaves_no_event_of_its_own(theater: Theater) -> None:
    asker = await theater.spawn(Asker())

    await asker.ask(Asker.who)

    assert kinds(theater, asker) == ["message/handled"]


async def test_who_the_children_are_is_on_record_with_the_answer(theater: Theater) -> None:
    asker = await theater.spawn(Asker())
    hired = await asker.ask(Asker.hire, ["a", "b"])

    await asker.ask(Asker.children)

    assert kinds(theater, asker)[-3:] == ["message/received", "message/sent", "message/handled"]
    looked = theater.chain(asker)[-2]
    assert looked.body == {
        "args": [],
        "ask": False,
        "found": [ref.address for ref in hired],
        "handler": "@below",
        "to": asker.id,
    }


async def test_now_is_the_recorded_time_of_the_message_at_hand(theater: Theater) -> None:
    asker = await theater.spawn(Asker())
    await anyio.sleep(60)

    now, _ = await asker.ask(Asker.now_twice)

    received = only(theater, asker, "message/received")
    assert now == BEGINNING.replace(minute=47)
    assert now.timestamp() * 1e9 == received.time


async def test_now_is_the_same_throughout_one_message_and_another_in_the_next(theater: Theater) -> None:
    asker = await theater.spawn(Asker())

    first, again = await asker.ask(Asker.now_twice, 60)
    later, _ = await asker.ask(Asker.now_twice)

    assert first == again
    assert (later - first).total_seconds() == 60


async def test_the_dice_are_those_of_the_recorded_message(theater: Theater) -> None:
    asker = await theater.spawn(Asker())

    thrown = await asker.ask(Asker.throw, 3)

    dice = Random(only(theater, asker, "message/received").hash)
    assert thrown == [dice.random() for _ in range(3)]


async def test_the_dice_go_on_within_a_message_and_are_others_in_the_next(theater: Theater) -> None:
    asker = await theater.spawn(Asker())

    first, second = await asker.ask(Asker.throw_in_between)
    [third] = await asker.ask(Asker.throw, 1)

    assert len({first, second, third}) == 3


async def test_the_children_stand_in_the_order_of_their_start(theater: Theater) -> None:
    asker = await theater.spawn(Asker(), name="asker")

    children = await asker.ask(Asker.hire, ["c", "a", "b"])
    await children[1].stop()

    assert [child.name for child in children] == ["asker/c", "asker/a", "asker/b"]
    assert await asker.ask(Asker.children) == [children[0], children[2]]


async def test_a_log_line_is_an_event_and_goes_to_the_logger(
    theater: Theater, caplog: pytest.LogCaptureFixture
) -> None:
    asker = await theater.spawn(Asker(), name="asker")

    with caplog.at_level(logging.INFO, logger="theater.log"):
        await asker.ask(Asker.log, "plain", {})
        await asker.ask(Asker.log, "with fields", {"n": 1, "who": asker})

    plain, rich = told(theater, asker, "log")
    assert plain.body == {"text": "plain"}
    assert rich.body["text"] == "with fields"
    assert rich.body["fields"]["n"] == 1
    assert rich.body["fields"]["who"].id == asker.id
    lines = [line for line in caplog.records if line.name == "theater.log"]
    assert [line.getMessage() for line in lines] == ["asker: plain", "asker: with fields"]
    assert vars(lines[1])["theater_fields"]["n"] == 1


@pytest.mark.parametrize(("text", "fields"), [(5, {}), (b"bytes", {})])
async def test_only_text_can_be_logged(theater: Theater, text: Any, fields: dict[str, Any]) -> None:
    asker = await theater.spawn(Asker())

    with pytest.raises(ActorFailedError, match="log takes text"):
        await asker.ask(Asker.log, text, fields)


async def test_a_long_log_line_leaves_the_event_and_is_still_there(theater: Theater) -> None:
    asker = await theater.spawn(Asker())

    await asker.ask(Asker.log, "x" * 100_000, {"bytes": b"y" * 5_000})

    assert len(only(theater, asker, "log").data) < 2_000


async def test_a_log_field_that_does_not_pack_fails_the_message(theater: Theater) -> None:
    class Odd(Actor):
        @handler
        async def log(self) -> None:
            self.context.log("odd", thing=object())

    odd = await theater.spawn(Odd())

    with pytest.raises(ActorFailedError, match="TypeError"):
        await odd.ask(Odd.log)
    assert told(theater, odd, "log") == []


async def test_outside_a_handler_there_is_no_context(theater: Theater) -> None:
    with pytest.raises(SetupError, match="only in its handlers and hooks"):
        _ = Asker().context
    await theater.spawn(Asker())


async def test_a_context_that_was_kept_is_of_no_use_after_its_message(theater: Theater) -> None:
    kept: list[Context] = []

    class Leaky(Actor):
        @handler
        async def leak(self) -> None:
            kept.append(self.context)

    leaky = await theater.spawn(Leaky())
    await leaky.ask(Leaky.leak)
    before = len(theater.chain(leaky))

    for use in (
        lambda: kept[0].log("late"),
        kept[0].now,
        lambda: kept[0].random,
        kept[0].stop,
        lambda: kept[0].after(1, Leaky.leak),
    ):
        with pytest.raises(SetupError, match="outside a hook or handler"):
            use()
    with pytest.raises(SetupError, match="outside a hook or handler"):
        await kept[0].spawn(Asker())
    with pytest.raises(SetupError, match="outside a hook or handler"):
        await kept[0].store.store(b"late")
    with pytest.raises(SetupError, match="outside a hook or handler"):
        await kept[0].effect(logging.getLevelName, 1)
    assert len(theater.chain(leaky)) == before


async def test_the_first_request_records_the_message_as_received(theater: Theater) -> None:
    asker = await theater.spawn(Asker())

    await asker.ask(Asker.nothing)
    await asker.ask(Asker.now_twice)

    assert kinds(theater, asker) == ["message/handled", "message/received", "message/handled"]
    received = only(theater, asker, "message/received")
    assert told(theater, asker, "message/handled")[1].body["message"] == received.seq
