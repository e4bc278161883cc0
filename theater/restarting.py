"""Restarting: a life of an actor is over; another begins, alone or with others, or the actor ends."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from theater import orders, rounds, signals, supervisor
from theater.errors import ActorFailedError
from theater.failure import text_of
from theater.loop import apart, until_done
from theater.restart import Directive, Reason, Restore, Standing, Verdict, decide, recent
from theater.supervision import DEFAULT

if TYPE_CHECKING:
    from theater.cell import Cell

logger = logging.getLogger("theater")

PROGRAM_ENDS = (KeyboardInterrupt, SystemExit)  # never an actor's failure
_FINE = 2**53  # as many chances as a float holds apart


def load(cell: Cell, state: dict[str, Any]) -> None:
    """Give the cell a fresh instance with this state (plain values) and let it make its scratch."""
    world, recall = cell.theater.bound
    actor = cell.plan.new(state, recall)
    actor._cell = cell
    cell.actor = actor
    cell.keeper = cell.plan.keeper(actor, world, recall, tells=cell.theater.records_messages)
    hook = cell.plan.hooks.get("on_load")
    if hook is not None:
        apart(cell).run(hook.call, actor)
        cell.keeper.changed(actor)


def report(cell: Cell, where: str, error: BaseException) -> ActorFailedError:
    """Tell the log, the record and the supervisor of a failure; the error is for whoever asked."""
    told = {"class": type(error).__name__, "text": text_of(error)}
    what = f"{cell.class_name} {cell.name!r} failed in {where}"
    logger.error("%s", what, exc_info=error)
    failure = ActorFailedError(f"{what}: {told['class']}: {told['text']}")
    failure.__cause__ = error
    cell.theater.failures += 1
    body = {"error": told, "handler": where}
    is_untold = cell.supervisor is not None and cell.is_ending
    seq = cell.record("actor/failed", body | {"untold": True} if is_untold else body)
    if cell.supervisor is not None and not is_untold:
        supervisor.tell_of_failure(cell.supervisor, cell, failure, told | {"seq": seq})
    return failure


async def go_on(cell: Cell, reason: Reason, failure: ActorFailedError | None = None) -> None:
    """The life is over for this reason: begin another, or see to it that the actor ends.

    The message at hand is settled; everything here runs in the actor's own task.
    """
    while True:
        directive, failure = _ask_supervisor(cell, failure)
        if directive is not None or rounds.pending(cell) is None:
            delay = _judge(cell, reason, failure, directive)
            if delay is None:
                signals.end_soon(cell, reason)
                return
        else:
            delay = 0.0  # its siblings failed first, and it starts again with them
        await _halt(cell, delay)
        failure = _again(cell)
        if failure is None:
            return
        reason = Reason.FAILED


def _judge(
    cell: Cell, reason: Reason, failure: ActorFailedError | None, directive: Directive | None
) -> float | None:
    """Do what the rules say; returns the seconds to wait before the next life, or None if there is none."""
    above, now = cell.supervisor, cell.loop.time()
    verdict, cells = _verdict(cell, reason, directive, now)
    if not verdict.start:
        if verdict.escalates and not _is_alone(cell):
            text = f"{cell.class_name} {cell.name!r} ended once too often: {reason.value}"
            cell.more().escalation = failure or ActorFailedError(text)
        return None
    delay = _delay(cell, now)
    if above is None or _is_alone(cell):
        return delay
    if above.supervision is not None and (limit := above.supervision.limit) is not None:
        above.more().below = (*recent(above.more().below, now=now, limit=limit), now)
    if not verdict.stop:
        return delay
    stop, start_again = [cells[one] for one in verdict.stop], [cells[one] for one in verdict.start]
    rounds.begin(above, cell, stop=stop, start_again=start_again, delay=delay)
    return 0.0


def _verdict(
    cell: Cell, reason: Reason, directive: Directive | None, now: float
) -> tuple[Verdict, list[Cell]]:
    """The decision, and the children whose places it names."""
    above = cell.supervisor
    if above is None or _is_alone(cell):
        return decide([_standing(cell, DEFAULT.limit)], 0, reason, now=now, directive=directive), [cell]
    said = above.supervision or DEFAULT
    cells = supervisor.together(above, cell, said.strategy)
    verdict = decide(
        [_standing(one, said.limit) for one in cells],
        cells.index(cell),
        reason,
        now=now,
        strategy=said.strategy,
        limit=said.limit,
        earlier=above.extras.below if above.extras is not None else (),
        directive=directive,
    )
    return verdict, cells


def _is_alone(cell: Cell) -> bool:
    """Nobody else is concerned: it has no supervisor, or is being stopped, or all its siblings are."""
    above = cell.supervisor
    if above is None or above.is_ending or cell.stopping:
        return True
    return above.extras is not None and above.extras.is_stopping_children


def _standing(cell: Cell, above: Any) -> Standing:
    options = cell.options
    limit = None if above is not None and options.limit == _USUAL else options.limit
    return Standing(options.restart, cell.restarts, limit)


_USUAL = Standing().limit


def _ask_supervisor(
    cell: Cell, failure: ActorFailedError | None
) -> tuple[Directive | None, ActorFailedError | None]:
    """What the supervisor's `decide` says of this failure; if it fails itself, so does the supervisor."""
    above = cell.supervisor
    if above is None or failure is None or above.is_ending or above.plan.decide is None:
        return None, failure
    at_hand, above.current = above.current, None  # no context: it only looks and says
    try:
        directive = apart(above).run(above.plan.decide, above.actor, cell.ref, failure)
        if directive is not None and not isinstance(directive, Directive):
            raise TypeError(f"decide returns a Directive or None, not {directive!r}")  # noqa: TRY301
    except PROGRAM_ENDS:
        raise
    except BaseException as error:  # noqa: BLE001  # user code: its failure is the supervisor's
        what = f"decide of {above.class_name} {above.name!r} failed: {type(error).__name__}: {text_of(error)}"
        failed = ActorFailedError(what)
        failed.__cause__ = error
        return Directive.ESCALATE, failed
    finally:
        above.current = at_hand
    return directive, failure


def _delay(cell: Cell, now: float) -> float:
    backoff = cell.options.backoff
    if backoff is None or cell.theater.is_closed or cell.stopping:
        return 0.0
    number = len(recent(cell.restarts, now=now, limit=cell.options.limit)) + 1
    chance = (int.from_bytes(cell.theater.entropy(7), "big") >> 3) / _FINE
    return backoff.delay(number, chance=chance)


async def _halt(cell: Cell, delay: float) -> None:
    """Stop the children, wait as long as is wished, and for one's turn where several start together."""
    await supervisor.stop_children(cell)
    if delay and rounds.pending(cell) is None:
        cell.more().hurry = hurry = cell.loop.create_future()
        await until_done(hurry, within=delay)
    place = rounds.pending(cell)
    if place is not None:
        if not place.halted.done():
            place.halted.set_result(None)
        await until_done(place.turn)


def _again(cell: Cell) -> ActorFailedError | None:
    """A new instance with the last good state, or the initial one; returns how `on_load` failed."""
    options = cell.options
    now = cell.loop.time()
    cell.restarts = (*recent(cell.restarts, now=now, limit=options.limit), now)
    cell.theater.restarts += 1
    assert cell.keeper is not None
    initial = options.state is Restore.INITIAL
    state = cell.initial if initial and cell.initial is not None else cell.keeper.plain()
    body: dict[str, Any] = {"restarts": len(cell.restarts)}
    if initial or cell.stale:
        body["state"] = state
    if cell.extras is not None and cell.extras.place is not None:
        body["round"] = list(cell.extras.place.round)
    cell.record("actor/restarted", body)
    cell.stale = False
    try:
        load(cell, state)
    except PROGRAM_ENDS:
        raise
    except BaseException as error:  # noqa: BLE001  # on_load is user code: its failure is the actor's
        return report(cell, "on_load", error)
    is_awaited = (cell.started is not None and not cell.started.done()) or (
        cell.extras is not None and cell.extras.place is not None
    )
    cell.signals = [*orders.first_steps(cell, is_awaited=is_awaited), *orders.drop_old(cell)]
    return None


def uncancel(cell: Cell) -> None:
    while cell.task is not None and cell.task.cancelling():
        cell.task.uncancel()


# -- orders ----------------------------------------------------------------------------------------------


async def obey(cell: Cell, name: str) -> bool:
    """Carry out an order of the runtime; says whether `name` was one."""
    if cell.extras is not None and cell.extras.interrupted is not None:  # swallowed by what it interrupted
        cell.extras.interrupted = None
        uncancel(cell)
    act = _ORDERS.get(name)
    if act is not None:
        await act(cell)
    return act is not None


async def _has_started(cell: Cell) -> None:
    if cell.started is not None and not cell.started.done():
        cell.started.set_result(None)
    rounds.has_started(cell)


async def _make_halt(cell: Cell) -> None:
    if rounds.pending(cell) is not None:
        await go_on(cell, Reason.SHUTDOWN)


async def _rejoin(cell: Cell) -> None:
    """Its siblings were started again before their theater ended, and it was to follow."""
    failure = _again(cell)
    if failure is not None:
        await go_on(cell, Reason.FAILED, failure)


async def _has_not_started(cell: Cell) -> None:
    signals.end_soon(cell, Reason.FAILED)


async def _is_over(cell: Cell) -> None:
    signals.end_soon(cell, Reason.NORMAL)


_ORDERS: dict[str, Callable[[Cell], Awaitable[None]]] = {
    "@started": _has_started,
    "@halt": _make_halt,
    "@exit": lambda cell: go_on(cell, Reason.NORMAL),
    "@killed": lambda cell: go_on(cell, Reason.KILLED),
    "@again": lambda cell: go_on(cell, Reason.FAILED, cell.more().failure),  # judged anew after a crash
    "@rejoin": _rejoin,
    "@failed": _has_not_started,
    "@over": _is_over,
}
