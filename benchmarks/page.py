"""The figures as a page of the docs shows them: tables in Markdown, between two marks that the page has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.kinds import UVLOOP, Family, System
from benchmarks.report import Report, Section, sections
from benchmarks.rows import Row

BEGIN = "<!-- begin: written by `python -m benchmarks --docs` -->\n"
END = "<!-- end: written by `python -m benchmarks --docs` -->\n"


class PageError(Exception):
    """The page has no place for the figures."""


def rewrite(page: Path, report: Report, families: Sequence[Family], *, charts: Sequence[str]) -> None:
    """Put the tables and the charts of these sections where the page has its marks.

    Raises:
        PageError: it has none.
    """
    before, after = _around(page)
    page.write_text(f"{before}{BEGIN}\n{markdown(report, families, charts=charts)}\n{END}{after}")


def check(page: Path) -> None:
    """Raises: PageError: it has no place for the figures."""
    _around(page)


def _around(page: Path) -> tuple[str, str]:
    """What stands before and after the figures."""
    try:
        text = page.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise PageError(f"{page} cannot be read: {error}") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise PageError(f"{page} has no lines {BEGIN.strip()} and {END.strip()}")
    return before, after


def markdown(report: Report, families: Sequence[Family], *, charts: Sequence[str] = ()) -> str:
    parts = [made(report)]
    for section in sections(report, families):
        parts.append(f"### {section.title}")
        if section.name in charts:
            parts.append(f"![{section.title}](charts/{section.name}.svg)")
        parts += [table(section), cases(section)]
    parts.append("### Who is measured")
    parts.append(systems(report, families))
    if missing := list(gaps(report, families)):
        parts.append("No figure, and why:\n\n" + "\n".join(f"- {gap}" for gap in missing))
    return "\n\n".join(parts) + "\n"


def made(report: Report) -> str:
    made = report.made
    return (
        f"Made with `{made.command}` on {made.date}: Python {made.python}, {made.machine}, {made.processors}"
        f" processors, {made.minutes:.0f} minutes. A cell holds the median, *half the"
        " distance from the lowest round to the highest*, and **the median of each round's ratio to the limit"
        " in that round**."
    )


def table(section: Section) -> str:
    """Systems down and cases across, or the other way if there are more cases."""
    found = {(row.case, row.system): row for row in section.rows}
    works = [work for work in section.family.works if any(work.name == case for case, _ in found)]
    names = list(dict.fromkeys(row.system for row in section.rows))
    titles = [f"{work.title}, {work.unit}" for work in works]
    grid = [[cell(found.get((work.name, name))) for work in works] for name in names]
    if len(names) >= len(works):
        return _markdown_table(["", *titles], [[name, *line] for name, line in zip(names, grid, strict=True)])
    turned = [[title, *line] for title, line in zip(titles, zip(*grid, strict=True), strict=True)]
    return _markdown_table(["", *names], turned)


def cell(row: Row | None) -> str:
    if row is None or row.median is None:
        return ""
    spread = f" *±{row.spread:.0%}*" if row.spread is not None and len(row.figures) > 1 else ""
    ratio = f" **{row.ratio:.2g}x**" if row.ratio is not None else ""
    return f"{short(row.median)}{spread}{ratio}"


def short(figure: float) -> str:
    """Three digits: "5.25 M", "490 k", "8,519", "3.1"."""
    for unit, name in ((1e6, " M"), (1e4, " k")):
        if figure >= unit:
            shown = figure / (1e3 if name == " k" else unit)
            return f"{shown:.3g}{name}" if shown < 100 else f"{shown:,.0f}{name}"
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def cases(section: Section) -> str:
    measured = {row.case for row in section.rows}
    described: dict[str, str] = {}
    for work in section.family.works:
        if work.name in measured:
            title = work.title.partition(":")[0] if work.curve else work.title
            described.setdefault(work.about, title)
    return "\n".join(f"- {title}: {about}." for about, title in described.items())


def systems(report: Report, families: Sequence[Family]) -> str:
    measured = {row.system.removesuffix(UVLOOP) for row in report.rows if row.figures}
    lines = {(one.name, one.about) for one in _systems(families) if one.name in measured}
    order = {one.name: place for place, one in reversed([*enumerate(_systems(families))])}
    ordered = sorted(lines, key=lambda line: (order[line[0]], line))
    return _markdown_table(
        ["system", "what it is, and what it does not do"], [list(line) for line in ordered]
    )


def gaps(report: Report, families: Sequence[Family]) -> Iterator[str]:
    """Who was left out of what, and why."""
    for name, reason in report.absent.items():
        yield f"{name}: {reason}."
    for row in report.rows:
        if row.error:
            yield f"{row.case} of {row.system}: {row.error}."
    measured = {row.system for row in report.rows}
    cases = {row.case for row in report.rows}
    for family in families:
        for system in family.systems:
            for work, reason in system.without.items():
                if system.name in measured and work in cases:
                    yield f"{work} of {system.name}: {reason}."


def _systems(families: Sequence[Family]) -> list[System]:
    return [system for family in families for system in family.systems]


def _markdown_table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in head[1:])] if len(head) > 2 else ["---"] * len(head)
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))
