"""Limits: that an actor does only what it was granted. All that its context does passes here.

Each refusal is an event in the actor's chain and a `NotAllowedError` in its code. An actor without grants of
its own, under supervisors without, has no limits and pays for one look at that.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any, NoReturn

from theater import allowance
from theater.errors import NotAllowedError

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.options import Options

OUTSIDE = bytes(16)  # who stands in the record for the world outside
_SHOWN = 1_000  # characters of what was asked that are recorded


def narrowed(spawner: Cell | None, options: Options) -> Options:
    """The options as the new actor has them: with grants that are never more than its spawner's."""
    granted = None if spawner is None else spawner.options.grants
    if granted is None:
        return options
    return replace(options, grants=granted if options.grants is None else granted & options.grants)


def check_find(cell: Cell | None, path: str) -> None:
    """Let the actor look up that path.

    Raises:
        NotAllowedError: it was not granted that; so do all that follow.
    """
    if cell is not None and cell.options.grants is not None:
        _check_name(cell, "@find", "find", path)


def check_effect(cell: Cell, name: str) -> None:
    """Let the actor run the effect `module:qualname`."""
    if cell.options.grants is not None:
        _check_name(cell, "@effect", "effects", name)


def check_spawn(cell: Cell | None, class_name: str, options: Options) -> None:
    """Let the actor spawn one of that class, with those options."""
    if cell is None or cell.options.grants is None:
        return
    _check_name(cell, "@spawn", "spawn", class_name)
    if not cell.options.grants.permits("mailbox", options.mailbox):
        asked = f"a mailbox of {options.mailbox} messages"
        _refuse(cell, "@spawn", "mailbox", asked, class_name, mailbox=options.mailbox)


def check_reach(cell: Cell, field: str, request: str, target: Cell) -> None:
    """Let the actor watch or end another; it may do so to those below it, whatever was granted."""
    grants = cell.options.grants
    if grants is not None and not _is_below(target, cell) and not grants.permits(field, target.name):
        _refuse(cell, request, field, target.name, to=target)


def message_refusal(cell: Cell) -> str:
    """Take from what the actor may send; why it may not, or "" if it may. For actors with grants."""
    grants = cell.options.grants
    if grants is None or grants.messages_per_second == inf:
        return ""
    rate, now, extras = grants.messages_per_second, cell.loop.time(), cell.more()
    before = extras.allowance or allowance.first(rate, now=now)
    extras.allowance, wait = allowance.spend(before, rate, now=now)
    if not wait:
        return ""
    when = "" if wait == inf else f"; the next may go in {wait:.3g} s"
    return f"{cell.name} may send {grants.said('messages_per_second')} messages per second{when}"


def check_value(cell: Cell, to: Cell | None, plain: Any) -> None:
    """Let the actor send a value over a channel, outside if `to` is None: it counts as a message."""
    why = message_refusal(cell)
    if why:
        told = {"class": "NotAllowedError", "text": why}
        body = {"to": OUTSIDE if to is None else to.id, "ask": False, "args": [plain], "handler": "@channel"}
        cell.note("message/refused", body | {"error": told})
        raise NotAllowedError(why)


def _is_below(target: Cell | None, cell: Cell) -> bool:
    """Whether `target` is `cell`, or stands under it in the tree."""
    while target is not None and target is not cell:
        target = target.supervisor
    return target is cell


def _check_name(cell: Cell, request: str, field: str, name: str) -> None:
    grants = cell.options.grants
    if grants is not None and not grants.permits(field, name):
        _refuse(cell, request, field, name, recordable(name))


def _refuse(
    cell: Cell,
    request: str,
    field: str,
    asked: str,
    *args: str,
    mailbox: int | None = None,
    to: Cell | None = None,
) -> NoReturn:
    granted = cell.options.grants.said(field) if cell.options.grants is not None else "all"
    error = NotAllowedError(
        f"{cell.name} was not granted {request[1:]} of {asked}; granted: {granted}",
        asked=asked,
        granted=granted,
    )
    if cell.current is None:  # it can only have its theater at hand, in `on_load`, which leaves no event
        raise error
    cell.asked()
    body: dict[str, Any] = {"to": (to or cell).id, "ask": False, "args": [*args], "handler": request}
    if mailbox is not None:
        body["kwargs"] = {"mailbox": mailbox}
    told = {"class": "NotAllowedError", "text": recordable(str(error))}
    cell.record("message/refused", body | {"error": told})
    raise error


def recordable(text: str) -> str:
    """Text as it can stand in an event, cut where nobody reads on."""
    return text[:_SHOWN].encode(errors="replace").decode()
