"""Events as lines on the screen, and as they come in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter

from rich.text import Text

from theater import Event
from theater.cli.looking import Look
from theater.cli.telling import tell
from theater.cli.values import moment
from theater.cli.visible import visible

_COLOURS = {
    "actor": "magenta",
    "message": "cyan",
    "store": "green",
    "effect": "yellow",
    "timer": "blue",
    "theater": "magenta",
    "log": "bold",
}
_BAD = {"actor/failed", "message/refused", "message/dead"}


def line_of(event: Event, names: Mapping[bytes, str], *, named: bool = False) -> Text:
    """One event: its actor's name if it is to be `named`, seq, time in UTC, kind and what it says."""
    is_bad = event.kind in _BAD or "error" in event.body
    colour = "red" if is_bad else _COLOURS.get(event.kind.partition("/")[0], "")
    parts: list[str | tuple[str, str]] = []
    if named:
        parts.append((f"{visible(names.get(event.actor, event.actor.hex()[:8]))} ", "bold"))
    parts += [f"{event.seq:>6} ", (f"{moment(event.time):%H:%M:%S.%f}"[:-3] + " ", "dim")]
    parts += [(f"{event.kind:<18} ", colour), tell(event, names)]
    return Text.assemble(*parts, no_wrap=True, overflow="ignore")


class News:
    """Events of all actors as they are committed: each call gives those since the one before."""

    def __init__(self, look: Look, *, from_now: bool) -> None:
        """Begin with what comes `from_now` on, or with the first events there are."""
        self._look = look
        self._seen: dict[bytes, int] = {}
        self.names: dict[bytes, str] = {}
        if from_now:
            self._seen = {actor.id: actor.events for actor in look.history.actors()}

    def read(self) -> list[Event]:
        """What came since the last call, oldest first."""
        return sorted(self._fresh(), key=attrgetter("time"))

    def _fresh(self) -> Iterator[Event]:
        for actor in self._look.history.actors():
            self.names[actor.id] = actor.name
            seen = self._seen.get(actor.id, 0)
            if actor.events > seen:
                chain = self._look.history.chain(actor.id)
                yield from chain[seen : actor.events]
                self._seen[actor.id] = actor.events
