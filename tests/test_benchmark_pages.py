"""What was measured is shown whole: in tables, in charts, in a page of the docs, and again if it was kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.__main__ import main
from benchmarks.families import FAMILIES
from benchmarks.kinds import LIMIT, Environment, Family, System, Work, curve
from benchmarks.page import BEGIN, END, PageError, markdown, rewrite, short, table
from benchmarks.panels import Lines, Points, panels
from benchmarks.report import Circumstances, Report, sections
from benchmarks.rows import Row
from benchmarks.show import show

ROOT = Path(__file__).resolve().parent.parent
TELL = Work("tell", "tell, a burst", "messages/s", 100, "messages sent")
IDLE = Work("idle", "an idle actor", "bytes", 10, "memory", less_is_better=True)
GROWING = curve("spawn", "spawn among others", "actors/s", (10, 100), "actors started")
BARE = System(LIMIT, "bare", "the least")
OURS = System("theater", "ours", "actors")
PEER = System("peer", "a.peer", "a peer", environment=Environment(("p==1",)), without={"idle": "it cannot"})
FAMILY = Family("messages", "Messages", (TELL, IDLE, *GROWING), (BARE, OURS, PEER))
MADE = Circumstances("3.11.7", "Linux x86_64", 2, "2026-11-23", "python -m benchmarks", rounds=3, minutes=4.2)
REPORT = Report(
    MADE,
    [
        Row("tell", LIMIT, "messages/s", (5_000_000.0, 5_250_000.0, 5_400_000.0), (1.0, 1.0, 1.0)),
        Row("tell", "theater", "messages/s", (490_000.0, 500_000.0, 510_000.0), (0.1, 0.09, 0.11)),
        Row("tell", "peer", "messages/s", (100.0,), (0.00002,)),
        Row("idle", LIMIT, "bytes", (2_000.0,), (1.0,)),
        Row("idle", "theater", "bytes", (4_000.0,), (2.0,)),
        Row("spawn@10", "theater", "actors/s", (20_000.0,)),
        Row("spawn@100", "theater", "actors/s", (19_000.0,)),
        Row("spawn@100", "peer", "actors/s", (), error="it broke"),
        Row("tell", "theater+uvloop", "messages/s", (600_000.0,)),
    ],
    absent={"distant": "it needs Python 3.1"},
)


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    REPORT.write(tmp_path / "figures.json")

    assert Report.read(tmp_path / "figures.json") == REPORT


def test_what_ran_on_uvloop_stands_apart() -> None:
    (plain, fast) = sections(REPORT, [FAMILY])

    assert [row.system for row in fast.rows] == ["theater+uvloop"]
    assert (plain.name, fast.name) == ("messages", "messages-uvloop")
    assert all(row.figures and not row.system.endswith("uvloop") for row in plain.rows)


def test_the_terminal_shows_every_figure_and_every_reason(capsys: pytest.CaptureFixture[str]) -> None:
    show(REPORT, [FAMILY], Console(width=200))

    shown = capsys.readouterr().out
    assert "│ tell, a burst           │ limit   │ 5,250,000 │ messages/s │    ±4% │         1.00 │" in shown
    assert "500,000 │ messages/s │    ±2% │         0.10" in shown
    assert "spawn@100:peer has no figure: it broke" in shown
    assert "distant was left out: it needs Python 3.1" in shown


def test_eighty_columns_hold_every_figure_and_every_name_whole(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Row("tell", "asyncio.Queue", "messages/s", (1.0, 1_895_376.0)), *REPORT.rows]

    show(replace(REPORT, rows=rows), [FAMILY], Console(width=80))

    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "…" not in "".join(lines)
    assert "│ tell, a     │ asyncio.Queue │" in lines[4]
    assert "│ burst       │ limit         │" in lines[5]


def test_a_title_longer_than_its_rows_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    long = replace(TELL, title="hops of that ring while contents are put")

    show(replace(REPORT, rows=REPORT.rows[1:2]), [replace(FAMILY, works=(long,))], Console(width=70))

    lines = capsys.readouterr().out.splitlines()
    assert " ".join(line[1:].split("│")[0].strip() for line in lines[4:9]) == long.title


def test_a_table_for_the_docs_has_the_longer_side_down() -> None:
    (plain, fast) = sections(REPORT, [FAMILY])
    short_family = replace(plain, family=replace(FAMILY, works=(TELL,)), rows=plain.rows[:3])

    assert table(plain).splitlines()[2:4] == [
        "| tell, a burst, messages/s | 5.25 M *±4%* **1x** | 500 k *±2%* **0.1x** | 100 **2e-05x** |",
        "| an idle actor, bytes | 2,000 **1x** | 4,000 **2x** |  |",
    ]
    assert table(short_family).splitlines()[0] == "|  | tell, a burst, messages/s |"
    assert table(fast) == "|  | tell, a burst, messages/s |\n| --- | --- |\n| theater+uvloop | 600 k |"


@pytest.mark.parametrize(
    ("figure", "shown"),
    [(5_250_000, "5.25 M"), (123_400, "123 k"), (98_765, "98.8 k"), (9_999, "9,999"), (8.484, "8.48")],
)
def test_figures_are_shown_with_three_digits(figure: float, shown: str) -> None:
    assert short(figure) == shown


def test_the_page_says_who_was_measured_at_what_and_what_is_missing() -> None:
    page = markdown(REPORT, [FAMILY], charts=["messages"])

    assert "Made with `python -m benchmarks` on 2026-11-23: Python 3.11.7, Linux x86_64, 2 processors" in page
    assert "![Messages](charts/messages.svg)" in page
    assert "![Messages, on uvloop]" not in page
    assert (
        "- tell, a burst: messages sent.\n- an idle actor: memory.\n- spawn among others: actors started."
        in page
    )
    assert "| theater | actors |" in page
    assert (
        "- distant: it needs Python 3.1.\n- spawn@100 of peer: it broke.\n- idle of peer: it cannot." in page
    )


def test_a_page_keeps_what_stands_around_the_figures(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{BEGIN}old figures\n{END}\nAfter.\n")

    rewrite(page, REPORT, [FAMILY], charts=[])

    text = page.read_text()
    assert text.startswith(f"# Before\n\n{BEGIN}\nMade with")
    assert text.endswith(f"\n{END}\nAfter.\n")
    assert "old figures" not in text


def test_a_page_without_a_place_for_figures_is_not_touched(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# No marks\n")

    with pytest.raises(PageError, match="has no lines <!-- begin"):
        rewrite(page, REPORT, [FAMILY], charts=[])
    assert page.read_text() == "# No marks\n"


def test_the_page_of_the_docs_has_a_place_for_figures() -> None:
    text = (ROOT / "docs" / "explanation" / "performance.md").read_text()

    assert 0 < text.index(BEGIN) < text.index(END)


def test_a_chart_shows_the_best_first_and_growth_as_lines() -> None:
    (section, _) = sections(REPORT, [FAMILY])

    assert panels(section) == [
        Points("tell, a burst", "messages/s", [(LIMIT, 5_250_000), ("theater", 500_000), ("peer", 100)]),
        Points("an idle actor", "bytes", [(LIMIT, 2_000), ("theater", 4_000)]),
        Lines("spawn among others", "actors/s", {"theater": [(10, 20_000), (100, 19_000)]}),
    ]


def test_a_chart_says_where_less_is_better_and_does_not_magnify_noise() -> None:
    fast, small, _ = panels(next(sections(REPORT, [FAMILY])))
    least, most = 20_000, 21_000
    lowest, highest = Lines("put", "puts/s", {"durable": [(10, least), (100, most)]}).heights

    assert (fast.caption, small.caption) == (
        "tell, a burst\nmessages/s",
        "an idle actor\nbytes, less is better",
    )
    assert lowest < least < most < highest
    assert highest / lowest >= 9.99


def test_a_figure_with_nothing_beside_it_is_no_chart() -> None:
    (_, alone) = sections(REPORT, [FAMILY])

    assert panels(alone) == []


def test_kept_figures_are_shown_without_measuring(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    REPORT.write(tmp_path / "figures.json")

    status = main(["--from", str(tmp_path / "figures.json"), "--json", str(tmp_path / "again.json")])

    assert status == 1  # one has no figure
    assert "it broke" in capsys.readouterr().out
    assert Report.read(tmp_path / "again.json") == REPORT


def test_figures_of_a_run_that_was_stopped_are_kept_but_not_in_the_docs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(REPORT, made=replace(MADE, is_whole=False)).write(tmp_path / "half.json")
    page = tmp_path / "page.md"
    page.write_text(BEGIN + END)
    monkeypatch.setattr("benchmarks.charts.check", lambda: None)
    half = ["--from", str(tmp_path / "half.json"), "--json", str(tmp_path / "again.json")]

    assert main(half) == 130
    assert "stopped: these are the figures until then" in capsys.readouterr().err
    assert Report.read(tmp_path / "again.json") == Report.read(tmp_path / "half.json")
    assert main([*half, "--docs", str(page)]) == 2
    assert page.read_text() == BEGIN + END


def test_charts_are_drawn_as_svg_and_png_and_the_same_twice(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `bench` draws charts")
    from benchmarks import charts  # noqa: PLC0415  # as above

    assert charts.draw(REPORT, [FAMILY], tmp_path / "first") == ["messages"]
    charts.draw(REPORT, [FAMILY], tmp_path / "second")

    first, second = tmp_path / "first", tmp_path / "second"
    assert sorted(path.name for path in first.iterdir()) == ["messages.png", "messages.svg"]
    assert (first / "messages.svg").read_text() == (second / "messages.svg").read_text()
    assert all(
        word in (first / "messages.svg").read_text() for word in ("tell, a burst", "theater", "5.25 M")
    )
    assert (first / "messages.png").read_bytes().startswith(b"\x89PNG")


def test_that_charts_cannot_be_drawn_is_said_before_measuring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)

    assert main(["--charts", str(tmp_path), "--case", "tell"]) == 2
    assert "charts need matplotlib: pip install -e '.[bench]'" in capsys.readouterr().err


def test_every_family_has_a_name_and_a_title_of_its_own() -> None:
    assert (
        len({family.name for family in FAMILIES})
        == len({family.title for family in FAMILIES})
        == len(FAMILIES)
    )


def test_the_docs_are_not_made_of_a_quick_look(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--docs"]) == 2
    assert "--quick measures too little for --docs" in capsys.readouterr().err


def test_that_there_is_no_uvloop_is_said_before_measuring(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.beforehand.find_spec", lambda _: None)

    assert main(["--uvloop", "--case", "tell"]) == 2
    assert "--uvloop needs uvloop: pip install -e '.[bench]'" in capsys.readouterr().err
