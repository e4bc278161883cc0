"""Reunion: those who wake find each other again, and are told of what happened before they slept.

What was on its way to an actor's control lane when its theater ended stood in no mailbox. But the chains say
of what there was news, and what of it was heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from theater import links, orders, redelivery, rounds, signals, supervisor
from theater.codec import ActorAddress
from theater.errors import HistoryCutError
from theater.event import Event
from theater.past import Heard, Past
from theater.restart import TEMPORARY, recent, together
from theater.supervision import DEFAULT
from theater.watching import Watch

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.stage import Stage

Awake = Mapping["Cell", Past]

_BILLION = 1_000_000_000


def tie(placed: Awake) -> None:
    """All are in their places; each is bound to those to whom it was, and counts its restarts."""
    for cell, past in placed.items():
        for other in past.links:
            links.tie(cell, other)
        cell.restarts = _moments(cell, past.restarts)
        if cell.supervisor is not None:
            _count(cell.supervisor, past)


def tell(stage: Stage, awake: Awake) -> None:
    """All of them run again; each takes up its watches, links and children."""
    for cell, past in awake.items():
        _watch_again(stage, cell, past)
        _link_again(stage, cell, past)
        _tell_of_children(stage, cell, past, awake)
        _have_children(stage, cell, past)
        _end_round(cell, awake)


# -- watches and links -----------------------------------------------------------------------------------


def _watch_again(stage: Stage, cell: Cell, past: Past) -> None:
    """What it was told of is no longer in `past`, unless the news lies in its mailbox."""
    for seq, (to, handler) in past.watched.items():
        watched = _cell_of(stage, to)
        if not watched.has_ended or not past.has_letter(handler, to):
            Watch(cell, handler, watched=to, seq=seq).begin(watched)
        if watched.state == "gone":
            cell.more().held.append(watched)  # the stage itself holds no sleepers


def _link_again(stage: Stage, cell: Cell, past: Past) -> None:
    """A link holds if the other says so too; of one that has ended the news may not have arrived."""
    for id in past.links:
        other = _cell_of(stage, id)
        if other.has_ended:
            links.untie(cell, id)
            links.left_behind(cell, other)
        elif other.state != "gone" and not links.are_tied(other, cell.id):
            links.untie(cell, id)


# -- children --------------------------------------------------------------------------------------------


def _tell_of_children(stage: Stage, cell: Cell, past: Past, awake: Awake) -> None:
    """What a crash, or the close, kept from the supervisor: failures of children, and their ends."""
    if past.source != cell.plan.source_digest or not stage.records_messages:
        return  # another class may have had no such hook, and was told nothing
    for id in dict.fromkeys((*past.brood, *past.children)):
        child = _cell_of(stage, id)
        if "on_child_failed" in cell.plan.hooks:
            own = awake.get(child)
            failures = own.failures if own is not None else _failures(stage, child, past.heard.since)
            _tell_of_failures(cell, child, failures, past.heard)
        events, _ = stage.journal.tips().get(id, (0, b""))
        if child.has_ended and child.events <= events:  # not since: that was told
            _tell_of_end(cell, child, past)


def _failures(stage: Stage, child: Cell, since: int) -> list[Event]:
    """How a child failed that does not wake, oldest first."""
    events, _ = stage.journal.tips().get(child.id, (0, b""))
    failures: list[Event] = []
    with suppress(HistoryCutError):  # then it was told long ago
        for seq in range(events - 1, 0, -1):
            event = Event.read(stage.journal.event(child.id, seq))
            if event.time <= since:
                break
            if event.kind == "actor/failed":
                failures.insert(0, redelivery.event_of(stage, child.id, seq))
    return failures


def _tell_of_failures(cell: Cell, child: Cell, failures: list[Event], heard: Heard) -> None:
    newest = heard.failures.get(child.id, -1)
    for event in failures:
        if event.time <= heard.since or event.seq <= newest or "untold" in event.body:
            continue
        if event.seq == 1 and event.body["handler"] == "on_load":  # whoever spawned it was told
            continue
        told = event.body["error"] | {"seq": event.seq}
        supervisor.tell_of_failure(cell, child, supervisor.failure_of(child, told), told)


def _tell_of_end(cell: Cell, child: Cell, past: Past) -> None:
    ended = redelivery.event_of(cell.theater, child.id, child.events - 1)
    body, heard = ended.body, past.heard.ends
    if ended.time <= past.heard.since:
        return
    if "by" in body and ("on_child_stopped_by", child.id) not in heard:
        by = None if body["by"] == supervisor.NOBODY else cell.theater.recall(ActorAddress(body["by"]))
        supervisor.tell_who_asked(cell, child, by)
    if child.id in past.children:
        supervisor.tell_of_end(cell, child)
    if "escalates" in body and child.id in past.brood and ("@escalate", child.id) not in heard:
        supervisor.escalate(cell, child, supervisor.failure_of(child, body["escalates"]), body["escalates"])


def _have_children(stage: Stage, cell: Cell, past: Past) -> None:
    """Start those declared children that this life of it never had."""
    if cell.supervision is None:
        return
    tips = stage.journal.tips()
    unborn = {path for id, path in past.brood.items() if id not in tips}  # the process died just then
    had = past.spawned - unborn
    names = [spec.name for spec in cell.supervision.children]
    missing = [name for name in names if f"{cell.name}/{name}" not in had]
    if missing:
        signals.signal(cell, orders.start_children(missing))


# -- restarts --------------------------------------------------------------------------------------------


def _moments(cell: Cell, times: list[int]) -> tuple[float, ...]:
    """The moments of restarts that still count, on the loop's clock."""
    now, clock = cell.loop.time(), cell.theater.clock()
    return recent([now - (clock - time) / _BILLION for time in times], now=now, limit=cell.options.limit)


def _count(above: Cell, past: Past) -> None:
    """A restart counts for the supervisor, too, if it has a limit; several that start together are one."""
    if above.supervision is None or above.supervision.limit is None:
        return
    now, clock = above.loop.time(), above.theater.clock()
    moments = [now - (clock - time) / _BILLION for time in past.led]
    kept = recent([*above.more().below, *moments], now=now, limit=above.supervision.limit)
    above.more().below = tuple(sorted(kept))


def _end_round(above: Cell, awake: Awake) -> None:
    """Some children had started again with one that failed; the others follow now."""
    places = {child: awake[child] for child in above.children or () if child in awake}
    newest = max((past.round for past in places.values()), default=(0, b"", 0))
    number, leader = newest[0], above.theater.cells.get(newest[1])
    above.more().rounds = max(above.more().rounds, number)
    if not number or leader not in places or places[leader].failed is not None:
        return  # it is judged anew
    began = min(past.round[2] for past in places.values() if past.round[0] == number)
    strategy = (above.supervision or DEFAULT).strategy
    cells = list(above.children or ())
    for place in together(len(cells), cells.index(leader), strategy):
        past = places.get(cells[place])
        if past is None or cells[place].options.restart is TEMPORARY:
            continue
        if max(past.born, past.heard.since, past.round[2]) < began:
            rounds.rejoin(cells[place], number, leader.id)


def _cell_of(stage: Stage, id: bytes) -> Cell:
    return stage.recall(ActorAddress(id))._cell
