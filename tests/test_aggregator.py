"""The aggregator: when a batch is over, what is in it, and who is told."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from pathlib import Path

import anyio
import pytest

from actors import Aggregator, BatchError, Gathered
from theater import Actor, ActorFailedError, Theater, handler


class Voter(Actor):
    vote: int
    pace: float = 0.0  # seconds
    given_up: int = 0

    @handler(raises=(LookupError,))
    async def say(self, of: str = "") -> int:
        await anyio.sleep(self.pace)
        if self.vote < 0:
            raise LookupError(f"no opinion of {of}")
        return self.vote

    @handler
    async def is_free(self) -> bool:
        return True


@dataclass(frozen=True)
class Ballot:
    name: str


class Urn(Aggregator[Ballot]):
    pass


class Clumsy(Aggregator[int]):
    @handler
    async def trip(self) -> None:
        raise RuntimeError("over the wire")


def whole(*items: int) -> Gathered[int]:
    return Gathered(list(items), is_whole=True, errors=[], silent=[])


def part(*items: int) -> Gathered[int]:
    return Gathered(list(items), is_whole=False, errors=[], silent=[])


async def test_a_batch_is_over_when_enough_is_there_and_not_before(theater: Theater) -> None:
    jury = await theater.spawn(Aggregator[int]())
    await jury.ask(Aggregator.begin, "votes", enough=2, within=60)
    gathered: list[Gathered[int]] = []

    async def collect() -> None:
        gathered.append(await jury.ask(Aggregator.collect, "votes"))

    async with anyio.create_task_group() as group:
        group.start_soon(collect)
        group.start_soon(collect)
        assert await jury.ask(Aggregator.give, "votes", 7) is True
        await anyio.sleep(1)
        assert gathered == []
        assert await jury.ask(Aggregator.give, "votes", 9) is True

    assert gathered == [whole(7, 9)] * 2


async def test_when_the_time_is_over_what_is_there_is_all(theater: Theater) -> None:
    jury = await theater.spawn(Aggregator[int]())
    await jury.ask(Aggregator.begin, "votes", enough=3, within=60)
    await jury.ask(Aggregator.give, "votes", 7)
    begin = anyio.current_time()

    assert await jury.ask(Aggregator.collect, "votes") == part(7)

    assert anyio.current_time() - begin == pytest.approx(60)
    assert await jury.ask(Aggregator.give, "votes", 9) is False
    assert await jury.ask(Aggregator.collect, "votes") == part(7)


async def test_batches_do_not_disturb_each_other(theater: Theater) -> None:
    jury = await theater.spawn(Aggregator[int]())
    for key, enough in (("one", 1), ("two", 2)):
        await jury.ask(Aggregator.begin, key, enough=enough, within=60)
    for key, item in (("two", 1), ("one", 2), ("two", 3)):
        await jury.ask(Aggregator.give, key, item)

    assert await jury.ask(Aggregator.collect, "one") == whole(2)
    assert await jury.ask(Aggregator.collect, "two") == whole(1, 3)


@pytest.mark.parametrize("within", [0.0, -1.0, inf, nan])
async def test_a_batch_that_takes_no_time_that_there_is_is_refused_and_disturbs_no_other(
    theater: Theater, within: float
) -> None:
    jury = await theater.spawn(Aggregator[int]())

    with pytest.raises(ValueError, match=r"a batch takes 0\.001 to 1,000,000,000 seconds"):
        await jury.ask(Aggregator.begin, "votes", enough=1, within=within)
    with pytest.raises(ValueError, match="a batch takes"):
        await jury.ask(Aggregator.survey, "votes", [], "say", within=within)
    with pytest.raises(ActorFailedError, match="a batch is kept"):
        await theater.spawn(Aggregator[int](keep=within))

    with pytest.raises(BatchError, match="no batch"):
        await jury.ask(Aggregator.collect, "votes")


async def test_a_key_is_refused_while_it_is_known_and_free_when_it_is_forgotten(theater: Theater) -> None:
    jury = await theater.spawn(Aggregator[int](keep=100))
    await jury.ask(Aggregator.begin, "votes", enough=0)

    with pytest.raises(BatchError):
        await jury.ask(Aggregator.begin, "votes", enough=1)
    await anyio.sleep(99)
    assert await jury.ask(Aggregator.collect, "votes") == whole()
    await anyio.sleep(2)

    with pytest.raises(BatchError):
        await jury.ask(Aggregator.collect, "votes")
    assert await jury.ask(Aggregator.give, "votes", 1) is False
    await jury.ask(Aggregator.begin, "votes", enough=1)


async def test_a_survey_asks_all_at_once_and_answers_in_the_order_of_the_answers(theater: Theater) -> None:
    jury = await theater.spawn(Aggregator[int]())
    voters = [await theater.spawn(Voter(vote=vote, pace=vote)) for vote in (3, 1, 2)]
    begin = anyio.current_time()

    await jury.ask(Aggregator.survey, "votes", voters, "say", ["Hamlet"])

    assert await jury.ask(Aggregator.collect, "votes") == whole(1, 2, 3)
    assert anyio.current_time() - begin == pytest.approx(3)
    await theater.settled()
    assert theater.statistics().actors == 4


async def test_when_enough_have_answered_the_others_are_asked_no_longer(theater: Theater) -> None:
    jury = await theater.spawn(Aggregator[int]())
    quick, slow = await theater.spawn(Voter(vote=1)), await theater.spawn(Voter(vote=2, pace=3600))
    busy = await theater.spawn(Voter(vote=3, pace=3600))
    await busy.tell(Voter.say)

    await jury.ask(Aggregator.survey, "votes", [slow, quick, busy], "say", enough=1)

    assert await jury.ask(Aggregator.collect, "votes") == whole(1)
    await theater.settled()
    assert theater.statistics().withdrawn == 1
    assert theater.statistics().actors == 4


async def test_those_who_failed_and_those_who_said_nothing_are_named(theater: Theater) -> None:
    jury = await theater.spawn(Aggregator[int]())
    voters = [await theater.spawn(Voter(vote=vote, pace=vote * 1000)) for vote in (0, 9)]
    mute = await theater.spawn(Voter(vote=-1))
    ended = await theater.spawn(Voter(vote=5), name="ended")
    await ended.kill()

    await jury.ask(Aggregator.survey, "votes", [*voters, mute, ended], "say", ["Hamlet"], within=60)
    gathered = await jury.ask(Aggregator.collect, "votes")

    assert (gathered.items, gathered.is_whole, gathered.silent) == ([0], False, [voters[1]])
    assert sorted(gathered.errors) == ["ended has ended", "no opinion of Hamlet"]


async def test_a_survey_is_over_when_nobody_is_left_to_answer(theater: Theater) -> None:
    jury = await theater.spawn(Aggregator[int]())
    mute = await theater.spawn(Voter(vote=-1))
    begin = anyio.current_time()

    await jury.ask(Aggregator.survey, "votes", [mute], "say", within=3600)
    gathered = await jury.ask(Aggregator.collect, "votes")

    assert (gathered.items, gathered.is_whole) == ([], False)
    assert anyio.current_time() == begin


async def test_a_survey_of_nobody_is_over_at_once(theater: Theater) -> None:
    jury = await theater.spawn(Aggregator[int]())

    await jury.ask(Aggregator.survey, "votes", [], "say")

    assert await jury.ask(Aggregator.collect, "votes") == whole()


async def test_an_asker_that_is_killed_is_an_error(theater: Theater) -> None:
    jury = await theater.spawn(Aggregator[int](), name="jury")
    slow = await theater.spawn(Voter(vote=1, pace=3600))
    await jury.ask(Aggregator.survey, "votes", [slow], "say", within=7200)

    await theater.find("jury/asker-1").kill()

    assert (await jury.ask(Aggregator.collect, "votes")).errors == ["its asker ended: killed"]


async def test_an_answer_of_the_wrong_kind_is_an_error(theater: Theater) -> None:
    urn = await theater.spawn(Urn())
    await urn.ask(Urn.begin, "given", enough=1)
    await urn.ask(Urn.give, "given", Ballot("ann"))

    await urn.ask(Urn.survey, "asked", [await theater.spawn(Voter(vote=1))], "say")

    assert (await urn.ask(Urn.collect, "given")).items == [Ballot("ann")]
    (error,) = (await urn.ask(Urn.collect, "asked")).errors
    assert "Expected `Ballot`" in error


async def test_who_collects_is_answered_also_after_a_failure_of_the_aggregator(theater: Theater) -> None:
    jury = await theater.spawn(Clumsy())
    slow = await theater.spawn(Voter(vote=1, pace=3600))
    await jury.ask(Aggregator.begin, "votes", enough=2, within=60)
    await jury.ask(Aggregator.give, "votes", 7)
    await jury.ask(Aggregator.survey, "asked", [slow], "say", within=60)
    gathered: list[Gathered[int]] = []

    async def collect(key: str) -> None:
        gathered.append(await jury.ask(Aggregator.collect, key))

    async with anyio.create_task_group() as group:
        group.start_soon(collect, "votes")
        group.start_soon(collect, "asked")
        await anyio.sleep(1)
        await jury.tell(Clumsy.trip)

    assert theater.statistics().restarts == 1
    assert gathered == [Gathered([], is_whole=False, errors=[], silent=[slow]), part(7)]


@pytest.mark.real_clock
async def test_a_batch_outlives_its_theater(tmp_path: Path) -> None:
    async with Theater(tmp_path / "folder") as theater:
        jury = await theater.spawn(Aggregator[int](), name="jury")
        await jury.ask(Aggregator.begin, "votes", enough=2, within=3600)
        await jury.ask(Aggregator.give, "votes", 7)

    async with Theater(tmp_path / "folder") as theater:
        jury = await theater.spawn(Aggregator[int](), name="jury", resume=True)
        await jury.ask(Aggregator.give, "votes", 9)

        assert await jury.ask(Aggregator.collect, "votes") == whole(7, 9)
