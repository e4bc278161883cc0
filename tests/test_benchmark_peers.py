"""Peers are installed in environments of their own; one that cannot be had is left out or is an error."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import environments
from benchmarks.choose import ChoiceError
from benchmarks.environments import AbsentError, Environments, find_python
from benchmarks.kinds import Environment, Subject, System, Work
from benchmarks.prepare import prepare

ROOT = Path(__file__).resolve().parent.parent
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
TELL = Work("tell", "tell", "messages/s", 1, "messages")
OURS = System("theater", "ours", "ours")
PEER = System("peer", "a.peer", "a peer", environment=Environment(("peer==1",)))


class Shell:
    """Stands where commands are run: notes them, makes what `venv` would make, and fails if told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands: list[tuple[str, ...]] = []
        self.failing = ""
        monkeypatch.setattr(environments, "_run", self.run)

    def run(self, *command: str) -> None:
        self.commands.append(command)
        if self.failing and self.failing in command:
            raise AbsentError("as told")
        if "venv" in command:
            python = Path(command[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()

    @property
    def installed(self) -> list[str]:
        return [command[-1] for command in self.commands if "pip" in command]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(monkeypatch)


def of(*packages: str) -> System:
    return System("peer", "a.peer", "a peer", environment=Environment(packages, pythons=(RUNNING,)))


def test_an_environment_is_made_once(shell: Shell, tmp_path: Path) -> None:
    first = Environments(tmp_path).python_for(of("peer==1"))
    second = Environments(tmp_path).python_for(of("peer==1"))

    assert first == second == tmp_path / f"peer-{RUNNING}" / "bin" / "python"
    assert shell.installed == ["peer==1"]


def test_an_environment_is_made_again_when_its_packages_change(shell: Shell, tmp_path: Path) -> None:
    Environments(tmp_path).python_for(of("peer==1"))
    Environments(tmp_path).python_for(of("peer==2"))

    assert shell.installed == ["peer==1", "peer==2"]


def test_an_environment_whose_making_failed_is_not_taken_for_whole(shell: Shell, tmp_path: Path) -> None:
    shell.failing = "peer==1"
    with pytest.raises(AbsentError):
        Environments(tmp_path).python_for(of("peer==1"))
    shell.failing = ""
    Environments(tmp_path).python_for(of("peer==1"))

    assert shell.installed == ["peer==1", "peer==1"]


def test_what_is_installed_is_told(shell: Shell, tmp_path: Path) -> None:  # noqa: ARG001  # stands in the way of pip
    told: list[str] = []

    Environments(tmp_path, seen=told.append).python_for(of("peer==1"))

    assert told == [f"installing peer==1 into {tmp_path}/peer-{RUNNING}"]


def test_why_a_package_cannot_be_installed_is_said_in_the_words_of_pip() -> None:
    grumbling = "import sys; sys.exit('WARNING: old\\nERROR: no such package\\nbye')"

    with pytest.raises(AbsentError, match="said: ERROR: no such package"):
        environments._run(sys.executable, "-S", "-c", grumbling)


def test_that_pip_reached_no_index_is_said() -> None:
    alone = (
        "import sys; sys.exit('WARNING: Retrying after connection broken by X\\nERROR: No match for peer==1')"
    )

    with pytest.raises(AbsentError, match=r"No match for peer==1 \(pip could not reach its index\)"):
        environments._run(sys.executable, "-S", "-c", alone)


def test_a_program_that_is_not_installed_is_named(tmp_path: Path) -> None:
    foreign = System("foreign", "a.peer", "foreign", programs=("no-such-program",))

    with pytest.raises(AbsentError, match="no program `no-such-program`"):
        Environments(tmp_path).python_for(foreign)


def test_the_running_python_is_preferred() -> None:
    assert find_python(("3.1", RUNNING)) == (RUNNING, Path(sys.executable))


def test_a_python_that_is_not_here_is_named() -> None:
    with pytest.raises(AbsentError, match=r"needs Python 3\.1 or 3\.2"):
        find_python(("3.1", "3.2"))


def absent(_: System) -> Path:
    raise AbsentError("it is not here")


def test_a_peer_that_was_asked_for_by_name_must_be_had() -> None:
    with pytest.raises(ChoiceError, match="peer cannot be measured: it is not here"):
        prepare([Subject(TELL, OURS), Subject(TELL, PEER)], python_for=absent, asked=["peer"])


def test_of_all_peers_those_that_cannot_be_had_are_left_out_with_the_reason() -> None:
    prepared = prepare([Subject(TELL, OURS), Subject(TELL, PEER)], python_for=absent, asked=["all"])

    assert prepared.subjects == [Subject(TELL, OURS)]
    assert prepared.absent == {"peer": "it is not here"}


def test_a_peer_is_measured_with_the_python_of_its_environment() -> None:
    prepared = prepare(
        [Subject(TELL, OURS), Subject(TELL, PEER)], python_for=lambda _: Path("python"), asked=[]
    )

    assert prepared.pythons == {"peer": Path("python")}
