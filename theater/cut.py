"""Cuts: one instant of a supervisor and all below it, such that nothing is there whose cause is not.

Each actor is taken where it was last at rest. One that was in the middle of a message goes back to before it;
so does then whoever had already had word from it, and so on, until the cut is whole.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from theater.chain import ChainView

Chains = Callable[[bytes], ChainView]
Positions = Callable[[bytes, int], int]
"""Where in the journal an event stands, by actor and seq; a later one has a larger number."""


@dataclass(slots=True)
class _Line:
    """What the events of one actor, up to the instant, say of others."""

    rests: list[int] = field(default_factory=list)  # seqs after which it was at rest, ascending
    heard: list[tuple[int, bytes, int]] = field(default_factory=list)  # own seq; of whom, and of which event
    born: list[tuple[int, bytes]] = field(default_factory=list)  # own seq; child


def cut(chains: Chains, positions: Positions, top: bytes, at: int | None) -> dict[bytes, int]:
    """By actor the seq of the event after which it is taken, supervisors first.

    Args:
        chains: an actor's chain, by its id.
        positions: the order of all events in the journal.
        top: the supervisor, who is in the cut in any case.
        at: the seq of the event of its chain that is the instant; None: the end of the journal.

    Raises:
        HistoryCutError: events that tell were removed.
    """
    instant = None if at is None else positions(top, at)
    lines: dict[bytes, _Line] = {}
    waiting = [top]
    while waiting:
        actor = waiting.pop(0)
        chain = chains(actor)
        size = len(chain) if instant is None else _size_at(positions, actor, len(chain), instant)
        if size and (actor == top or chain[size - 1].kind != "actor/stopped"):
            lines[actor] = _read(chain, size)
            waiting += [child for _, child in lines[actor].born]
    rests = {actor: line.rests[-1] for actor, line in lines.items()}
    while _go_back(lines, rests):
        pass
    return rests


def _size_at(positions: Positions, actor: bytes, size: int, instant: int) -> int:
    """How many of an actor's events stand at or before the instant."""
    return bisect_right(range(size), instant, key=lambda seq: positions(actor, seq))


def _read(chain: ChainView, size: int) -> _Line:
    line = _Line()
    for seq in range(size):
        event = chain[seq]
        if not seq or event.kind == "message/handled":
            line.rests.append(seq)
        if event.kind == "actor/spawned" and seq:
            line.born.append((seq, event.body["child"]))
        word: Any = event.body.get("supervisor" if not seq else "from")
        if word is not None:
            line.heard.append((seq, word[0], word[1]))
    return line


def _go_back(lines: dict[bytes, _Line], rests: dict[bytes, int]) -> bool:
    """Take back whatever has its cause behind the cut; says whether there was any."""
    was = dict(rests)
    for actor, line in lines.items():
        for seq, other, cause in line.heard:
            if actor in rests and seq <= rests[actor] and other in lines and cause > rests.get(other, -1):
                if seq:
                    rests[actor] = line.rests[bisect_left(line.rests, seq) - 1]
                else:
                    del rests[actor]  # it was not born yet
    return rests != was
