"""Folders that released versions wrote: each opens, verifies, goes on and replays, for ever."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from independent_verifier import Verifier

from theater import FolderError, History, Theater

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = sorted(path.name for path in GOLDEN.iterdir())

pytestmark = pytest.mark.real_clock


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def play(version: str) -> Iterator[None]:
    """The classes of the actors in the folders of that version, under the name that the folders know."""
    name = f"golden_{version.replace('.', '_')}"
    spec = importlib.util.spec_from_file_location(name, GOLDEN / version / "play.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield
    del sys.modules[name]


def taken(tmp_path: Path, version: str, name: str) -> Path:
    """A copy to go on with."""
    folder = Path(shutil.copytree(GOLDEN / version / name, tmp_path / name))
    (folder / "key").chmod(0o600)  # which a checkout does not keep
    return folder


@pytest.mark.parametrize("name", ["closed", "crashed"])
def test_it_verifies_to_two_verifiers(version: str, name: str) -> None:
    folder = GOLDEN / version / name

    report = History(folder).verify(signatures=True)

    assert report.ok, report
    assert report.closed is (name == "closed")
    assert report.tail == 0
    assert report.stubs > 0
    assert Verifier(folder).ok


@pytest.mark.usefixtures("play")
async def test_one_that_was_closed_goes_on(tmp_path: Path, version: str) -> None:
    folder = taken(tmp_path, version, "closed")
    async with Theater(folder) as theater:
        resumed = await theater.resume()
        bank, keeper = theater.find("bank"), theater.find("keeper")

        assert resumed.left == ()
        assert {ref.name for ref in resumed.refs} == {"bank", "bank/ann", "bank/bob", "keeper", "what-if"}
        assert await bank.ask("transfer", 1) == [24, 26]
        assert await keeper.ask("look", "b.example") == "<b.example>"
        state = theater.state_at("keeper")
        assert sorted(state["notes"]) == sorted([*(f"note {number}" for number in range(12)), "ended"])
        assert state["notes"]["note 3"] == b"note 3" * 1_000
        assert await theater.find("what-if").ask("move", 0) == theater.state_at("what-if")["balance"]

    assert History(folder).verify().ok
    assert Verifier(folder).ok


@pytest.mark.usefixtures("play")
async def test_one_that_crashed_goes_on_where_it_was(tmp_path: Path, version: str) -> None:
    folder = taken(tmp_path, version, "crashed")
    async with Theater(folder) as theater:
        resumed = await theater.resume()
        await theater.settled()
        chain = theater.chain("keeper")
        doubted = [event for event in chain if event.kind == "effect/ended"][-1]

        assert resumed.left == ()
        assert [event.kind for event in chain if event.kind == "message/retried"] == ["message/retried"]
        assert doubted.body["error"]["class"] == "EffectInDoubtError"
        assert chain[-1].kind == "actor/restarted"
        assert await theater.find("bank").ask("transfer", 0) == [24, 26]

    assert History(folder).verify().ok


@pytest.mark.usefixtures("play")
@pytest.mark.parametrize("name", ["closed", "crashed"])
def test_its_actors_do_what_they_did(version: str, name: str) -> None:
    history = History(GOLDEN / version / name)

    reports = [history.replay(actor.id) for actor in history.actors() if actor.state == "asleep"]

    assert len(reports) == 5
    assert [report for report in reports if not report.ok] == []
    assert all(report.events for report in reports)


def test_a_folder_of_a_format_that_is_newer_is_refused(tmp_path: Path, version: str) -> None:
    folder = taken(tmp_path, version, "closed")
    text = (folder / "format").read_text()
    (folder / "format").write_text(text.replace("format 1", "format 2"))

    with pytest.raises(FolderError, match="of format 2; this Theater knows 1: use a newer one"):
        History(folder)
