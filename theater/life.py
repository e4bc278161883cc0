"""A life: how an actor starts, fails, is started again, and ends. Every way through here leaves an event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from theater import cancelling, clinging, deferring, letters, settling, signals, stashing, supervisor
from theater.errors import ActorFailedError, JournalError, NotRunningError
from theater.failure import text_of
from theater.loop import Cancelled, Future, is_at_work
from theater.restart import Reason
from theater.restarting import PROGRAM_ENDS, go_on, obey, report, uncancel
from theater.turn import message

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope


def begin(cell: Cell) -> None:
    """There is something to do for an actor that has no task: a task is half of the memory of an idle one."""
    theater = cell.theater
    if theater.is_cutting:  # nobody would end it
        return
    if cell.stopping and _leaves_nothing(cell):
        _end_at_rest(cell)
        return
    theater.active += 1
    if not theater.beating:
        theater.start_beat()
    cell.begin_task()


async def live(cell: Cell) -> None:
    """All that an actor's task does; it rests two coroutines deep, here and in `drain`: each is 200 bytes."""
    try:
        try:
            thrown = _enter(cell)
            stops = thrown is None or await _deal_with(cell, thrown)
            try:
                if not cell.is_ending:
                    await cell.drain()
            finally:
                cell.theater.recorder.leave(cell)
            _check_alive(cell)
            await end(cell, cell.reason, stops=stops and not (cell.extras and cell.extras.has_stopped))
        except Cancelled:
            if cell.is_cut or clinging.goes_on(cell):
                raise
            was_killed = cell.killed
            signals.condemn(cell)
            uncancel(cell)
            await end(cell, Reason.KILLED)
            if not was_killed:  # but cancelled by a stranger while no handler was at work
                raise
    except JournalError as error:  # what must be recorded cannot be, for the disk fails or is full
        cell.theater.crash(error)
    except GeneratorExit:
        if not clinging.was_thrown(cell):
            raise
        clinging.go_on_in_another_task(cell)
    except Exception as error:  # a fault of the runtime itself: nobody may wait for ever because of it
        cell.theater.crash(error)
        raise
    finally:
        _leave(cell)


def _enter(cell: Cell) -> tuple[Envelope, BaseException] | None:
    """The first step of a task; returns what failed in the one before, if there was one."""
    thrown = clinging.take_thrown(cell)
    _check_alive(cell)
    if cell.theater.is_cutting:
        raise Cancelled
    cell.state = "running" if cell.is_open else "stopping"
    return thrown


def _check_alive(cell: Cell) -> None:
    """What was killed goes the way of what is cancelled, though nobody had to cancel it."""
    if cell.killed:
        raise Cancelled


def _leave(cell: Cell) -> None:
    """The last step of a task."""
    theater = cell.theater
    if cell.waiter is None:  # at rest, it was counted out already
        theater.active -= 1
    if not theater.active:
        theater.grew_quiet()
    if cell.started is not None and not cell.started.done() and not clinging.goes_on(cell):
        _settle_start(cell, cell.started)


async def _deal_with(cell: Cell, thrown: tuple[Envelope, BaseException]) -> bool:
    """What failed is a failure; says whether `on_stop` is yet to run."""
    envelope, error = thrown
    await fail(cell, envelope, error)
    return envelope.plan.name != "on_stop"


def _settle_start(cell: Cell, started: Future[None]) -> None:
    """It did not come to the word that it has started: its own `on_start` ended it, or it was cut off."""
    if cell.has_ended and cell.reason is Reason.NORMAL:
        started.set_result(None)
    else:
        started.set_exception(_why_not_started(cell))


def _why_not_started(cell: Cell) -> BaseException:
    """What its spawner is told of an actor that was cut off before the end of its `on_start`."""
    if cell.has_ended:
        how = "was killed" if cell.reason is Reason.KILLED else "ended"
        return ActorFailedError(f"{cell.name} {how} before it had started")
    return cell.theater.journal.failed or NotRunningError("the theater is closed")


async def next_signal(cell: Cell) -> None:
    """Handle what is first in the control lane."""
    assert cell.signals
    envelope = cell.signals.pop(0)
    if not await obey(cell, envelope.plan.name):
        await run_hook(cell, envelope)


async def run_hook(cell: Cell, envelope: Envelope) -> None:
    """A hook is handled as a message is, but counts as none."""
    handled = cell.handled
    await cell.handle(envelope)
    if not cell.is_message(envelope):  # one that was cut off when the theater ended comes this way, too
        cell.handled = handled


# -- failing ---------------------------------------------------------------------------------------------


async def handler_raised(cell: Cell, envelope: Envelope, error: BaseException) -> None:
    """A handler or hook ended by an exception: an answer, the asker's leaving, or a failure."""
    _raise_what_ends_the_task(cell, envelope, error)
    if _was_cut_off(cell, envelope, error):
        return
    outcome = _outcome_of(cell, envelope, error)
    if outcome is None:
        await fail(cell, envelope, error)
        return
    try:
        assert cell.keeper is not None
        if cell.keeper.changed(cell.actor):
            outcome["state"] = settling.small_state(cell)
    except TypeError as unpackable:
        await fail(cell, envelope, unpackable)
        return
    cell.handled += 1
    settling.conclude(cell, envelope, outcome)
    if "error" in outcome:
        told = envelope.plan.restore_error(outcome["error"], cell.theater.world, kind=type(error))
        settling.give_error(cell, envelope, told)


def _raise_what_ends_the_task(cell: Cell, envelope: Envelope, error: BaseException) -> None:
    """Let through what is no failure of the actor: the end of the program, of the task, of the theater."""
    if (
        isinstance(error, PROGRAM_ENDS)
        or (isinstance(error, GeneratorExit) and not is_at_work(cell.task, cell.loop))  # closed from outside
        or (isinstance(error, JournalError) and cell.theater.journal.failed)
    ):
        raise error
    if isinstance(error, GeneratorExit):
        cell.more().thrown = envelope, error
        raise error
    if cell.killed or cell.is_cut:  # it was cut off, whatever it made of that
        raise error if isinstance(error, Cancelled) else Cancelled


def _outcome_of(cell: Cell, envelope: Envelope, error: BaseException) -> dict[str, Any] | None:
    """What the record says of a message that ended by this error; None if it is a failure."""
    if isinstance(error, envelope.plan.raises):
        return {"error": envelope.plan.pack_error(error, cell.theater.world)}
    if cell.turn is not None and cell.turn.ended_by_giving_up(error):
        return {"abandoned": True}
    return None


def _was_cut_off(cell: Cell, envelope: Envelope, error: BaseException) -> bool:
    """Whether the message was interrupted or cancelled, and has ended by that; its actor goes on."""
    turn = cell.turn
    if cell.extras is not None and cell.extras.interrupted is not None:
        _was_interrupted(cell, envelope)
        return True
    if turn is None or not turn.is_cancelled:
        return False
    uncancel(cell)
    if not cancelling.ended_by_it(error, turn, envelope.plan):
        return False
    assert cell.keeper is not None
    cell.keeper.restore_into(cell.actor)
    cell.handled += 1
    settling.conclude(cell, envelope, {"cancelled": True})
    return True


def _was_interrupted(cell: Cell, envelope: Envelope) -> None:
    """The message at hand was cut off; the actor itself goes on with its orders."""
    assert cell.extras is not None
    text, cell.extras.interrupted = f"{cell.extras.interrupted}", None
    uncancel(cell)
    told = {"class": "Cancelled", "text": f"{text} while it handled {envelope.plan.name}"}
    settling.conclude(cell, envelope, {"error": told, "failed": True})
    settling.give_error(cell, envelope, ActorFailedError(told["text"]))
    assert cell.keeper is not None
    cell.keeper.restore_into(cell.actor)


async def fail(cell: Cell, envelope: Envelope, error: BaseException) -> None:
    """The message failed, and with it the actor: answer, tell its supervisor, start again or end."""
    if isinstance(error, Cancelled):
        uncancel(cell)
    told = {"class": type(error).__name__, "text": text_of(error)}
    settling.conclude(cell, envelope, {"error": told, "failed": True})
    failure = report(cell, envelope.plan.name, error)
    settling.give_error(cell, envelope, failure)
    if cell.is_ending:
        return
    if cell.started is not None and not cell.started.done():
        cell.started.set_exception(failure)
        signals.end_soon(cell, Reason.FAILED)
        return
    await go_on(cell, Reason.FAILED, failure)


# -- ending ----------------------------------------------------------------------------------------------


async def end(cell: Cell, reason: Reason, *, stops: bool = True) -> None:
    """End this actor and all that it supervises; the order is children, on_stop, letters, record, news."""
    cell.is_ending = True
    cell.reason = reason
    signals.close(cell)
    if cell.extras is not None:
        cell.extras.interrupted = None
    try:
        await supervisor.stop_children(cell)
        if stops and reason is not Reason.KILLED:
            await _run_on_stop(cell, reason)
    except Cancelled:
        if cell.is_cut:
            raise
        signals.condemn(cell)
        uncancel(cell)
        cell.reason = Reason.KILLED
        await supervisor.kill_children(cell)
    _interrupt(cell)
    deferring.end(cell)
    _return_letters(cell)
    supervisor.bury(cell)


def _leaves_nothing(cell: Cell) -> bool:
    """Nothing of it is to be ended before it."""
    return not (cell.signals or cell.queue or cell.children or cell.extras or "on_stop" in cell.plan.hooks)


def _end_at_rest(cell: Cell) -> None:
    """End an actor that never had a task, without one: a third of the work."""
    cell.is_ending = True
    try:
        supervisor.bury(cell)
    except JournalError as error:
        cell.theater.crash(error)


async def _run_on_stop(cell: Cell, reason: Reason) -> None:
    envelope = signals.hook_envelope(cell, "on_stop", (reason,), [reason.value])
    if envelope is not None and cell.keeper is not None:
        if reason is Reason.FAILED:
            cell.keeper.restore_into(cell.actor)
        await run_hook(cell, envelope)


def _interrupt(cell: Cell) -> None:
    """The message at hand was cut off."""
    envelope = cell.current
    if envelope is None:
        return
    text = f"{cell.name} was killed while it handled {envelope.plan.name}"
    settling.conclude(cell, envelope, {"error": {"class": "Cancelled", "text": text}, "failed": True})
    settling.give_error(cell, envelope, ActorFailedError(text))


def _return_letters(cell: Cell) -> None:
    """What lies in the mailbox will not be handled: say so to the record and to the askers."""
    stashing.unstash(cell)
    for envelope in cell.queue or ():
        error = NotRunningError(f"{cell.name} has ended", message=message(cell, envelope))
        letters.die(cell, envelope, error)
    cell.queue = None
