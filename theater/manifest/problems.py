"""Problems of a manifest: all of them, each with its place."""

from __future__ import annotations

import json
import re

from theater.errors import Problem

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_SHOWN = 60  # characters of a key


def step(place: str, key: str) -> str:
    """The place of a key in the table at `place`."""
    short = key if len(key) <= _SHOWN else f"{key[:_SHOWN]}…"
    shown = short if _BARE.fullmatch(short) else json.dumps(short, ensure_ascii=False)
    return f"{place}.{shown}" if place else shown


def item(place: str, index: int) -> str:
    """The place of an item of the list at `place`, counted from 0."""
    return f"{place}[{index}]"


class Found:
    """What was found wrong so far, in the order in which it was found."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, place: str, text: str) -> None:
        """One thing more is wrong."""
        self.problems.append(Problem(place, text))
