"""`python -m benchmarks` measures what it is asked for, and sets figures against the limit."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.choose import ChoiceError, choose, peers_of
from benchmarks.families import FAMILIES
from benchmarks.harness import Harness, MeasureError, run_rounds
from benchmarks.kinds import LIMIT, Environment, Family, Subject, System, Work, curve
from benchmarks.one import find
from benchmarks.options import parse
from benchmarks.rows import Figures, Row, rows

ROOT = Path(__file__).resolve().parent.parent
TELL = Work("tell", "tell, a burst", "messages/s", 100, "messages")
ASK = Work("ask", "ask, one at a time", "messages/s", 10, "answers")
BARE = System(LIMIT, "bare", "the limit", on_uvloop=True)
OURS = System("theater", "ours", "ours")
PEER = System("peer", "a.peer", "a peer", environment=Environment(("peer==1",)), without={"ask": "it cannot"})
SMALL = (Family("messages", "Messages", (TELL, ASK), (BARE, OURS, PEER)),)


def names(subjects: list[Subject]) -> list[str]:
    return [str(subject) for subject in subjects]


def test_the_limit_is_measured_right_before_what_is_set_against_it() -> None:
    assert names(choose(SMALL)) == ["tell:limit", "tell:theater", "ask:limit", "ask:theater"]


def test_a_peer_is_measured_if_asked_for_and_only_at_what_it_does() -> None:
    assert names(choose(SMALL, peers=["peer"])) == [
        *("tell:limit", "tell:theater", "tell:peer"),
        *("ask:limit", "ask:theater"),
    ]
    assert choose(SMALL, peers=["all"]) == choose(SMALL, peers=["peer"])


def test_systems_can_be_chosen_and_a_chosen_peer_stays() -> None:
    assert names(choose(SMALL, systems=["theater"], peers=["peer"], cases=["tell"])) == [
        "tell:theater",
        "tell:peer",
    ]


def test_what_can_run_on_uvloop_is_measured_once_more_and_against_the_limit_there() -> None:
    (plain, on_uvloop) = choose(SMALL, cases=["tell"], systems=[LIMIT], uvloop=True)

    still = replace(TELL, same_on_uvloop=True)
    assert names(choose([replace(SMALL[0], works=(still,))], systems=[LIMIT], uvloop=True)) == ["tell:limit"]
    assert (plain.label, on_uvloop.label) == ("limit", "limit+uvloop")
    assert on_uvloop.limit_key == on_uvloop.key != plain.key


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        ({"cases": ["aks"]}, "no case is called 'aks': did you mean ask?"),
        ({"peers": ["pear"]}, "no peer is called 'pear': did you mean peer?"),
        ({"peers": ["xyzzy"]}, "no peer is called 'xyzzy': there are all, peer"),
        ({"systems": ["thaeter"]}, "no system is called 'thaeter': did you mean theater?"),
        ({"cases": ["ask"], "systems": ["peer"]}, "none of these systems does any of these cases"),
        ({"cases": ["ask"], "peers": ["peer"]}, "no case that was chosen is one that peer does"),
    ],
)
def test_a_wrong_name_is_an_error_that_says_the_right_one(
    chosen: dict[str, list[str]], complaint: str
) -> None:
    with pytest.raises(ChoiceError, match=re.escape(complaint)):
        choose(SMALL, **chosen)  # type: ignore[arg-type]  # the table holds names only


def test_a_family_that_is_not_measured_by_default_is_measured_by_its_name() -> None:
    long = Work("long", "long", "s", 1, "long")
    families = (*SMALL, Family("soak", "Soak", (long,), (OURS,), by_default=False))

    assert "long:theater" not in names(choose(families))
    assert names(choose(families, cases=["soak"])) == ["long:theater"]
    assert choose(families, cases=["default", "soak"]) == [
        *choose(families),
        *choose(families, cases=["soak"]),
    ]


def test_a_curve_is_chosen_as_a_whole_or_by_its_points() -> None:
    growing = (Family("growth", "Growth", curve("spawn", "spawn", "actors/s", (10, 100), "x"), (OURS,)),)

    assert names(choose(growing, cases=["spawn"])) == ["spawn@10:theater", "spawn@100:theater"]
    assert [subject.count(1.0) for subject in choose(growing, cases=["spawn@100"])] == [100]


def test_a_ratio_is_taken_within_a_round() -> None:
    figures = Figures()
    for limit, ours in ((100.0, 50.0), (10.0, 4.0), (1_000.0, 600.0)):
        figures.begin_round()
        figures.add(Subject(TELL, BARE), limit)
        figures.add(Subject(TELL, OURS), ours)

    row = rows([Subject(TELL, OURS)], figures)[0]

    assert (row.median, row.ratios, row.ratio) == (50.0, (0.5, 0.4, 0.6), 0.5)
    assert row.spread == pytest.approx((600 - 4) / 50 / 2)
    assert Row.from_json(row.as_json()) == row


def test_who_failed_once_is_not_measured_again_and_the_reason_is_kept() -> None:
    asked: list[str] = []

    def measure(subject: Subject) -> float:
        asked.append(str(subject))
        if subject.system is OURS:
            raise MeasureError("the reason")
        return 1.0

    figures = run_rounds([Subject(TELL, BARE), Subject(TELL, OURS)], measure, rounds=3)

    assert asked == ["tell:limit", "tell:theater", "tell:limit", "tell:limit"]
    assert [row.error for row in rows([Subject(TELL, OURS)], figures)] == ["the reason"]


def test_who_stops_the_measuring_keeps_the_figures_until_then() -> None:
    def measure(subject: Subject) -> float:
        if subject.work is ASK:
            raise KeyboardInterrupt
        return 1.0

    figures = run_rounds([Subject(TELL, BARE), Subject(ASK, BARE), Subject(TELL, OURS)], measure, rounds=3)

    assert figures.stopped
    assert figures.rounds == [{("tell", LIMIT): 1.0}]


def test_a_steady_case_is_measured_in_as_many_rounds_as_it_is_worth() -> None:
    steady = Work("idle", "idle", "bytes", 1, "bytes", rounds=1)

    figures = run_rounds([Subject(steady, BARE), Subject(TELL, BARE)], lambda _: 1.0, rounds=3)

    assert [len(round) for round in figures.rounds] == [2, 1, 1]


@pytest.mark.parametrize("system", [LIMIT, "durable"])
def test_a_figure_is_taken_in_a_process_of_its_own_which_leaves_nothing_behind(
    system: str, tmp_path: Path
) -> None:
    (subject,) = choose(FAMILIES, cases=["tell"], systems=[system])

    assert Harness(scale=0.0005, folder=tmp_path)(subject) > 0
    assert not list(tmp_path.iterdir())


def test_a_process_that_is_stopped_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ctrl_c(*_: object) -> int:
        monkeypatch.undo()
        raise KeyboardInterrupt

    (subject,) = choose(FAMILIES, cases=["tell"], systems=["durable"])
    monkeypatch.setattr(subprocess.Popen, "wait", ctrl_c)

    with pytest.raises(KeyboardInterrupt):
        Harness(scale=1, folder=tmp_path)(subject)
    assert not list(tmp_path.iterdir())


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    broken = Subject(TELL, System("broken", "benchmarks.missing", "is not there"))

    with pytest.raises(MeasureError, match="No module named"):
        Harness(scale=1, folder=tmp_path)(broken)


def test_a_name_is_of_one_case_only() -> None:
    works = [work.name for family in FAMILIES for work in family.works]

    assert len(works) == len(set(works))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_system_does_every_work_that_it_does_not_decline(family: Family) -> None:
    works = {work.name for work in family.works}

    for system in family.systems:
        assert set(system.without) | set(system.counts) <= works
        if not system.is_peer:
            for work in works - set(system.without):
                assert callable(find(system.module, system.argument, work))


def test_the_packages_of_a_peer_are_pinned_and_its_code_is_there() -> None:
    pinned = re.compile(r"[\w.-]+(\[\w+\])?==[\w.]+")

    for peer in peers_of(FAMILIES):
        assert (ROOT / (peer.module.replace(".", "/") + ".py")).is_file()
        assert peer.environment is None or all(map(pinned.fullmatch, peer.environment.packages))


def test_cases_may_be_given_one_by_one_or_in_a_list() -> None:
    assert list(parse(["--case", "tell,ask", "--case", "ring"]).cases) == ["tell", "ask", "ring"]


def test_the_command_that_is_kept_names_no_folder_of_this_machine() -> None:
    given = [
        "--peers",
        "all",
        "--case",
        "tell,ask",
        "--uvloop",
        "--json",
        "/here",
        "--folder",
        "/there",
        "--docs",
    ]

    assert parse(given).command == (
        "python -m benchmarks --case tell,ask --peers all --uvloop --docs --rounds 3"
    )


def test_a_wrong_name_ends_the_command_with_what_there_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--case", "tel"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("no case is called 'tel': did you mean tell?\n")
