"""Cuts: one instant of a supervisor and all below it, such that nothing is there whose cause is not.

Each actor is taken where it was last at rest. One that was in the middle of a message goes back to before it;
so does then whoever had already had word from it, and so on, until the cut is whole. Chains are read from
their ends, and no further back than that takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from theater.chain import ChainView
from theater.errors import HistoryCutError
from theater.past import is_full

Chains = Callable[[bytes], ChainView]
Positions = Callable[[bytes, int], int]
"""Where in the journal an event stands, by actor and seq; a later one has a larger number."""


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
            line = lines[actor] = _Line(chain, size)
            waiting += line.children()
    rests = {actor: line.rest_before(line.size) for actor, line in lines.items()}
    while _go_back(lines, positions, rests):
        pass
    return rests


class _Line:
    """The events of one actor up to the instant, as far back as they were read."""

    __slots__ = ("_chain", "_rests", "_start", "born", "heard", "size")

    def __init__(self, chain: ChainView, size: int) -> None:
        self._chain = chain
        self._start = size  # from here on they were read
        self._rests: list[int] = []  # seqs after which it was at rest, the last first
        self.size = size
        self.heard: list[tuple[int, bytes, int]] = []  # own seq; of whom, and of which event
        self.born: list[bytes] = []  # the last first

    def children(self) -> list[bytes]:
        """Those whom it started, and of whose end its newest snapshot does not know; the first first."""
        older: list[bytes] = []
        while self._start:
            self._read_back()
            event = self._chain[self._start]
            if is_full(event):
                older = event.body.get("children", [])
                break
        return [*older, *reversed(self.born)]

    def rest_before(self, seq: int) -> int:
        """The last event before `seq` after which it was at rest.

        Raises:
            HistoryCutError: it was removed.
        """
        while True:
            found = next((rest for rest in self._rests if rest < seq), None)
            if found is not None:
                return found
            if not self._start:
                raise HistoryCutError(f"{self._chain.actor.hex()} was never at rest before event {seq}")
            self._read_back()

    def read_behind(self, horizon: int, positions: Positions) -> None:
        """Read all events that stand behind this place in the journal."""
        while self._start and positions(self._chain.actor, self._start - 1) > horizon:
            self._read_back()

    def _read_back(self) -> None:
        event = self._chain[self._start - 1]
        self._start = seq = event.seq
        if not seq or event.kind == "message/handled" or is_full(event):
            self._rests.append(seq)
        if event.kind == "actor/spawned" and seq:
            self.born.append(event.body["child"])
        word: Any = event.body.get("supervisor" if not seq else "from")
        if word is not None:
            self.heard.append((seq, word[0], word[1]))


def _size_at(positions: Positions, actor: bytes, size: int, instant: int) -> int:
    """How many of an actor's events stand at or before the instant."""
    low = 0
    while low < size:
        middle = (low + size) // 2
        if positions(actor, middle) <= instant:
            low = middle + 1
        else:
            size = middle
    return low


def _go_back(lines: dict[bytes, _Line], positions: Positions, rests: dict[bytes, int]) -> bool:
    """Take back whatever has its cause behind the cut; says whether there was any."""
    undone = [(actor, rests.get(actor, -1) + 1) for actor in lines]
    places = [positions(actor, seq) for actor, seq in undone if seq < lines[actor].size]
    if not places:
        return False
    was = dict(rests)
    for actor, line in lines.items():
        line.read_behind(min(places), positions)
        for seq, other, cause in line.heard:
            if actor in rests and seq <= rests[actor] and other in lines and cause > rests.get(other, -1):
                if seq:
                    rests[actor] = line.rest_before(seq)
                else:
                    del rests[actor]  # it was not born yet
    return rests != was
