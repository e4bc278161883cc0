"""Draws a section as SVG and PNG. Needs matplotlib: `pip install -e '.[bench]'`.

Figures are orders of magnitude apart, so axes are logarithmic. On such an axis the length of a bar means
nothing, so figures are points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.families.messages import LIMITS
from benchmarks.families.theater import DURABLE, OFF, RECORDED, SIGNED
from benchmarks.kinds import LIMIT, UVLOOP, Family
from benchmarks.page import short
from benchmarks.panels import Lines, Points, panels
from benchmarks.report import Report, sections

OURS = {OFF.name: "#0b7a75", RECORDED.name: "#19a79b", SIGNED.name: "#4fb8ab", DURABLE.name: "#7cc8bd"}
OURS |= {"unrecorded": OURS[OFF.name], "notary": "#4f9a5d"}  # of the family `busy`
BARE = dict.fromkeys((limit.name for limit in LIMITS), "#999999") | {
    LIMIT: "#222222",
    "bare thread": "#999999",
}
OTHERS = "#c2813a"
COLOURS = "black: the limit; grey: other bare mailboxes; green: Theater; brown: others"
ACROSS = 3  # panels in a row
STYLE: Any = {  # of a type of its own in matplotlib
    "svg.fonttype": "none",  # text stays text: it can be read, searched and is a tenth of the size
    "svg.hashsalt": "theater",  # the same figures give the same file
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


class NoMatplotlibError(Exception):
    """Charts were asked for and cannot be drawn."""


def draw(report: Report, families: Sequence[Family], folder: Path) -> list[str]:
    """Write `<section>.svg` and `.png` for each section with something to compare; returns their names.

    Raises:
        NoMatplotlibError: it is not installed.
    """
    figure_of = _matplotlib()
    drawn = []
    for section in sections(report, families):
        if shown := panels(section):
            folder.mkdir(parents=True, exist_ok=True)
            _write(figure_of(shown, section.title), folder / section.name)
            drawn.append(section.name)
    return drawn


def check() -> None:
    """Fail before measuring and not after it.

    Raises:
        NoMatplotlibError: it is not installed.
    """
    _matplotlib()


def _matplotlib() -> Any:
    try:
        import matplotlib as mpl  # noqa: PLC0415  # pyright: ignore[reportMissingImports]  # an extra
        from matplotlib.figure import Figure  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise NoMatplotlibError("charts need matplotlib: pip install -e '.[bench]'") from error
    mpl.use("agg")
    mpl.rcParams.update(STYLE)

    def figure_of(shown: Sequence[Points | Lines], title: str) -> Any:
        across = min(ACROSS, len(shown))
        down = math.ceil(len(shown) / across)
        highest = max(len(panel.points) if isinstance(panel, Points) else 12 for panel in shown)
        figure = Figure(figsize=(3.4 * across, down * (0.9 + 0.17 * highest)), layout="constrained")
        figure.suptitle(title, fontsize=11, fontweight="bold")
        if any(isinstance(panel, Points) for panel in shown):
            figure.supxlabel(COLOURS.replace("; ", "\n") if across == 1 else COLOURS, fontsize=7)
        axes = figure.subplots(down, across, squeeze=False).flatten()
        for axis, panel in zip(axes, shown, strict=False):
            if isinstance(panel, Points):
                _draw_points(axis, panel)
            else:
                _draw_lines(axis, panel)
        for axis in axes[len(shown) :]:
            axis.set_visible(False)
        return figure

    return figure_of


def _draw_points(axis: Any, panel: Points) -> None:
    names = [name for name, _ in panel.points]
    figures = [figure for _, figure in panel.points]
    places = range(len(names))
    axis.set_xscale("log")
    axis.set_xlim(min(figures) / 2, max(figures) * 6)  # room for the numbers
    axis.hlines(places, axis.get_xlim()[0], figures, color="#dddddd", linewidth=1)
    axis.scatter(figures, places, color=[colour(name) for name in names], s=18, zorder=3)
    for place, figure in zip(places, figures, strict=True):
        axis.annotate(short(figure), (figure, place), (5, 0), textcoords="offset points", va="center")
    axis.set_yticks(places, [name.removesuffix(UVLOOP) for name in names])
    axis.set_ylim(len(names) - 0.5, -0.5)  # the best on top
    _label(axis.xaxis)
    axis.set_title(panel.caption, fontsize=8, loc="left")


def _draw_lines(axis: Any, panel: Lines) -> None:
    for name, line in panel.lines.items():
        axis.plot(
            *zip(*line, strict=True),
            marker="o",
            markersize=3,
            label=name.removesuffix(UVLOOP),
            color=colour(name),
        )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(panel.heights)
    axis.set_xlabel(panel.along)
    _label(axis.xaxis)
    _label(axis.yaxis)
    axis.set_title(panel.caption, fontsize=8, loc="left")
    if len(panel.lines) > 1:
        axis.legend(frameon=False)


def _label(scale: Any) -> None:
    """Numbers at powers of ten only, written as in the tables."""
    scale.set_major_formatter(lambda figure, _: short(figure))
    scale.set_minor_formatter(lambda *_: "")


def colour(system: str) -> str:
    name = system.removesuffix(UVLOOP)
    return (OURS | BARE).get(name, OTHERS)


def _write(figure: Any, path: Path) -> None:
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=144)
    svg = path.with_suffix(".svg")
    svg.write_text("\n".join(line.rstrip() for line in svg.read_text().splitlines()) + "\n")
