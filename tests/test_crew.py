"""Crews: what a manifest's classes must have, and how a crew takes its places, again and again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from theater import ActorFailedError, History, HistoryCutError, ManifestError, SetupError, Theater

pytestmark = pytest.mark.anyio

CREW = """
import anyio
from theater import Actor, ActorRef, Supervision, child, handler

class Counter(Actor):
    total: int = 0
    step: int

    def __post_init__(self) -> None:
        if self.step < 0:
            raise ValueError("only upwards")

    @handler
    async def add(self) -> int:
        self.total += self.step
        return self.total

    @handler
    async def fail(self) -> None:
        raise ValueError("broken")

class Teller(Actor):
    counter: ActorRef[Counter]
    word: str = "x"

    @handler
    async def tell(self) -> int:
        return await self.counter.ask(Counter.add)

class Boss(Actor):
    names: list[str] = []

    async def on_start(self) -> None:
        self.names = [one.name for one in self.context.children]

    @handler
    async def seen(self) -> list[str]:
        return self.names

    @handler
    async def fail(self) -> None:
        raise ValueError("broken")

    @handler
    async def fail_late(self) -> None:
        await anyio.sleep(0.05)
        raise ValueError("broken")

class Declared(Boss):
    supervision = Supervision(children=(child(Counter(step=1), name="own"),))

class Brief(Actor):
    async def on_start(self) -> None:
        self.context.stop()

class Unlucky(Actor):
    async def on_start(self) -> None:
        raise ValueError("no luck")

number = 3
"""
COUNTER = '[[actor]]\nclass = "crew_of_tests:Counter"\nstate = { step = 2 }\n'
BOSS = COUNTER + '[[actor]]\nclass = "crew_of_tests:Boss"\n'
CHILD = '[[actor.children]]\nclass = "crew_of_tests:{}"\nname = "{}"\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a module of actors, in which Python looks for modules."""
    (tmp_path / "crew_of_tests.py").write_text(CREW)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("crew_of_tests", None)


def manifest(folder: Path, text: str) -> Path:
    path = folder / "crew.toml"
    path.write_text('[theater]\nfolder = "t"\n' + text)
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        Theater.from_manifest(manifest(folder, text))
    return [str(problem) for problem in caught.value.problems]


# -- classes and fields ----------------------------------------------------------------------------------

MODULE = '[[actor]]\nclass = "crew_of_tests:'
WRONG = [
    (
        MODULE + 'Conter"',
        "actor[0].class: crew_of_tests has no actor class 'Conter'; did you mean 'Counter'?",
    ),
    (
        MODULE + 'number"',
        "actor[0].class: crew_of_tests has no actor class 'number'; there are Counter, Teller",
    ),
    (
        MODULE + 'Actor"',
        "actor[0].class: crew_of_tests has no actor class 'Actor'; there are Counter, Teller",
    ),
    (
        '[[actor]]\nclass = "crew_of_test:A"',
        "actor[0].class: there is no module 'crew_of_test'; did you mean",
    ),
    (
        '[[actor]]\nclass = "crew_of_tests.b:A"',
        "actor[0].class: there is no module 'crew_of_tests.b'; did you mean",
    ),
    (
        '[[actor]]\nclass = "zzyzx.b:A"',
        "actor[0].class: there is no module 'zzyzx.b'; is it where Python looks",
    ),
    ('[[actor]]\nclass = "leaving:A"', "actor[0].class: importing leaving failed: SystemExit: 3"),
    ('[[actor]]\nclass = "needing:A"', "actor[0].class: importing needing failed: ModuleNotFoundError"),
    ('[[actor]]\nclass = "wrong:A"', "actor[0].class: importing wrong failed: SetupError"),
    (MODULE + 'Counter"', "actor[0].state: 'step' is missing: Counter has no default for it"),
    (COUNTER.replace("step", "stp"), "actor[0].state.stp: Counter has no such field; did you mean 'step'?"),
    (COUNTER.replace("2", '"2"'), "actor[0].state.step: Expected `int`, got `str`"),
    (COUNTER.replace("2", "-2"), "actor[0].state: Counter refuses it: ValueError: only upwards"),
    (MODULE + 'Boss"\nstate = { names = ["a", 3] }', "actor[0].state.names[1]: Expected `str`, got `int`"),
    (
        MODULE + 'Teller"\nstate = { counter = "counter" }',
        "actor[0].state.counter: No actor 'counter'; it names",
    ),
    (
        COUNTER + MODULE + 'Teller"\nstate = { counter = "conter" }',
        "actor[1].state.counter: No actor 'conter'; did you mean 'counter'?",
    ),
]


@pytest.mark.parametrize(("text", "why"), WRONG, ids=[why[:70] for _, why in WRONG])
def test_what_does_not_fit_the_classes_is_said(folder: Path, text: str, why: str) -> None:
    (folder / "leaving.py").write_text("raise SystemExit(3)")
    (folder / "needing.py").write_text("import not_there_at_all")
    (folder / "wrong.py").write_text("from theater import *\nclass A(Actor):\n    def __init__(self): ...")

    assert any(problem.startswith(why) for problem in problems(folder, text)), problems(folder, text)


def test_problems_of_the_file_and_of_its_classes_are_said_together_in_the_order_of_the_file(
    folder: Path,
) -> None:
    text = COUNTER.replace("step", "stp") + "mailbox = 0\n" + MODULE + 'Conter"\nrestat = 1'

    assert [problem.partition(": ")[0] for problem in problems(folder, text)] == [
        "actor[0].mailbox",
        "actor[0].state",
        "actor[0].state.stp",
        "actor[1].class",
        "actor[1].restat",
    ]


def test_a_manifest_that_is_not_there_is_an_error_of_the_disk(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Theater.from_manifest(folder / "nothing.toml")


# -- a crew at work --------------------------------------------------------------------------------------


async def test_a_crew_is_started_first_to_last_and_knows_those_before_it(folder: Path) -> None:
    text = COUNTER + MODULE + 'Teller"\nname = "teller"\nstate = { counter = "${WHO}" }\nmailbox = 7'

    async with Theater.from_manifest(manifest(folder, text), variables={"WHO": "counter"}) as theater:
        counter, teller = theater.crew

        assert (counter.name, teller.name) == ("counter", "teller")
        assert await teller.ask("tell") == 2
        assert theater.chain(teller)[0].body["options"] == {"mailbox": 7}

    assert [actor.name for actor in History(folder / "t").actors()] == ["counter", "teller"]


async def test_children_are_there_before_their_supervisor_starts_and_in_each_of_its_lives(
    folder: Path,
) -> None:
    child = CHILD.format("Teller", "second") + 'state = { counter = "counter" }\n'
    text = BOSS + CHILD.format("Boss", "first") + "\n" + child

    async with Theater.from_manifest(manifest(folder, text)) as theater:
        boss = theater.find("boss")
        assert await boss.ask("seen") == ["boss/first", "boss/second"]
        before = theater.find("boss/second").id

        with pytest.raises(ActorFailedError):
            await boss.ask("fail")

        assert await boss.ask("seen") == ["boss/first", "boss/second"]
        assert theater.find("boss/second").id != before
        assert await theater.find("boss/second").ask("tell") == 2


async def test_children_of_the_manifest_come_after_those_of_the_class(folder: Path) -> None:
    text = MODULE + 'Declared"\nname = "boss"\n' + CHILD.format("Boss", "other")

    async with Theater.from_manifest(manifest(folder, text)) as theater:
        assert await theater.find("boss").ask("seen") == ["boss/own", "boss/other"]


async def test_a_strategy_of_the_manifest_is_kept_to(folder: Path) -> None:
    text = BOSS + 'supervision = { strategy = "one_for_all" }\n'
    text += CHILD.format("Boss", "first") + CHILD.format("Boss", "second")

    async with Theater.from_manifest(manifest(folder, text)) as theater:
        with pytest.raises(ActorFailedError):
            await theater.find("boss/first").ask("fail")
        await theater.find("boss/first").ask("seen")
        await theater.find("boss/second").ask("seen")  # they start again one after the other

        kinds = [event.kind for event in theater.chain("boss/second")]
        assert "actor/restarted" in kinds


async def test_a_second_run_goes_on_and_starts_only_who_is_new(folder: Path) -> None:
    first = BOSS + CHILD.format("Boss", "first")
    async with Theater.from_manifest(manifest(folder, first)) as theater:
        assert await theater.find("counter").ask("add") == 2
        ids = [theater.find(name).id for name in ("counter", "boss", "boss/first")]
    more = first.replace("step = 2", "step = 100") + CHILD.format("Boss", "second")

    async with Theater.from_manifest(manifest(folder, more)) as theater:
        assert await theater.find("counter").ask("add") == 4, "its state is that of the record"
        assert ids == [theater.find(name).id for name in ("counter", "boss", "boss/first")]
        assert await theater.find("boss/second").ask("seen") == []

        with pytest.raises(ActorFailedError):
            await theater.find("boss").ask("fail")
        assert await theater.find("boss").ask("seen") == ["boss/first", "boss/second"]

    assert History(folder / "t").verify().ok


async def test_one_who_fails_before_its_new_children_have_started_has_them_in_its_next_life(
    folder: Path,
) -> None:
    async with Theater.from_manifest(manifest(folder, "closing = 0\n" + BOSS)) as theater:
        await theater.find("boss").tell("fail_late")  # it is cut off, and begins once more in the next run

    more = BOSS + CHILD.format("Boss", "first")
    with anyio.fail_after(20):
        async with Theater.from_manifest(manifest(folder, more)) as theater:
            assert await theater.find("boss").ask("seen") == ["boss/first"]


async def test_refs_among_those_who_go_on_lead_to_them(folder: Path) -> None:
    text = COUNTER + MODULE + 'Teller"\nname = "teller"\nstate = { counter = "counter" }\n'
    for total in (2, 4, 6):
        async with Theater.from_manifest(manifest(folder, text)) as theater:
            assert await theater.find("teller").ask("tell") == total


async def test_who_was_taken_out_of_the_manifest_stays_asleep(folder: Path) -> None:
    async with Theater.from_manifest(manifest(folder, BOSS)):
        pass

    async with Theater.from_manifest(manifest(folder, COUNTER)) as theater:
        assert len(theater.crew) == 1

    assert {actor.name: actor.state for actor in History(folder / "t").actors()}["boss"] == "asleep"


async def test_one_who_cannot_go_on_ends_the_opening_and_changes_nothing(folder: Path) -> None:
    async with Theater.from_manifest(manifest(folder, COUNTER)):
        pass
    other = MODULE + 'Boss"\nname = "counter"'

    why = "'counter' cannot go on: the recorded state has a field 'step'.*; mend that, or begin anew"
    with pytest.raises(SetupError, match=why):
        async with Theater.from_manifest(manifest(folder, other)):
            pass

    async with Theater.from_manifest(manifest(folder, COUNTER)) as theater:
        assert await theater.find("counter").ask("add") == 2


@pytest.mark.parametrize("nested", [False, True])
async def test_one_who_does_not_start_ends_the_opening_and_the_theater_is_closed(
    folder: Path, *, nested: bool
) -> None:
    text = BOSS + CHILD.format("Unlucky", "unlucky") if nested else BOSS + MODULE + 'Unlucky"'

    with pytest.raises(ActorFailedError):
        await Theater.from_manifest(manifest(folder, text)).open()

    report = History(folder / "t").verify()
    assert report.ok
    assert report.closed


async def test_a_new_child_that_does_not_start_ends_the_opening(folder: Path) -> None:
    async with Theater.from_manifest(manifest(folder, BOSS)):
        pass

    with anyio.fail_after(30), pytest.raises(ActorFailedError):
        await Theater.from_manifest(manifest(folder, BOSS + CHILD.format("Unlucky", "unlucky"))).open()


async def test_who_has_ended_cannot_be_given_to_another(folder: Path) -> None:
    text = MODULE + 'Brief"\n' + MODULE + 'Teller"\nstate = { counter = "brief" }'

    with pytest.raises(SetupError, match="'brief', which has ended already"):
        await Theater.from_manifest(manifest(folder, text)).open()


async def test_without_a_folder_a_crew_is_kept_in_memory_and_a_folder_can_be_given(folder: Path) -> None:
    path = folder / "crew.toml"
    path.write_text(COUNTER)
    options: list[dict[str, Any]] = [{}, {"folder": folder / "elsewhere"}]
    for given in options:
        async with Theater.from_manifest(path, **given) as theater:
            assert await theater.crew[0].ask("add") == 2

    assert History(folder / "elsewhere").verify().closed
    assert not (folder / "t").exists()


async def test_options_of_the_theater_are_taken_from_the_manifest(folder: Path) -> None:
    path = folder / "crew.toml"
    path.write_text("[theater]\nrecord_messages = false\nkeep = 7\n" + COUNTER)

    async with Theater.from_manifest(path) as theater:
        await theater.crew[0].ask("add")

        assert [event.kind for event in theater.chain("counter")] == ["actor/spawned"]


async def test_how_many_bytes_are_kept_is_taken_from_the_manifest(folder: Path) -> None:
    path = folder / "crew.toml"
    path.write_text("[theater]\nkeep_bytes = 1\n" + COUNTER)

    async with Theater.from_manifest(path) as theater:
        await theater.crew[0].ask("add")

        with pytest.raises(HistoryCutError, match="the oldest kept is 1"):
            theater.chain("counter")[0]


def test_a_theater_without_a_manifest_has_no_crew() -> None:
    assert Theater().crew == ()
