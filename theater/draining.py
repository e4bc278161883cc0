"""Draining: an actor handles what lies in its mailbox, one message at a time. The hot path of all.

What happens rarely (starting, failing, ending) stands in `life`, and what a handler asks of the world in
`turn` and `sending`.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Raw

from theater import life, sending, settling, snapshots
from theater.loop import pause
from theater.loop.pump import Waiter
from theater.recorder import HANDLED
from theater.settling import AS_THEY_ARE, Ended, Told, packed, record_handled
from theater.untyped import NUMBERS

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope
    from theater.state import Changed

_SLICE_MESSAGES = 256  # that an actor handles in a row while others wait: 0.25 ms; a yield costs 3 µs


async def drain(cell: Cell) -> None:  # noqa: C901, PLR0912, PLR0915  # one loop, in one place: a call is 40 ns
    """Handle messages, one at a time, until the actor is to end; `live` writes down what is left then."""
    theater = cell.theater
    recorder, journal = theater.recorder, theater.journal
    records, is_durable = theater.records_messages, journal.durable
    inlet = journal.inlet if records else None
    unwritten: list[Any] = [] if inlet is None else inlet.unwritten
    write_down = recorder.write_down
    before = perf_counter()
    until = before + theater.slice
    left = _SLICE_MESSAGES
    waiter = Waiter(theater.pump, cell.loop)
    envelope: Envelope | None
    args: Any
    plain: Any
    while True:
        if cell.signals:
            envelope = cell.signals[0]
            if unwritten:
                write_down()
            await life.next_signal(cell)
        elif cell.queue:
            if is_durable and journal.full:
                if unwritten:
                    write_down()
                await theater.room_on_disk()
                continue
            cell.current = envelope = cell.queue.popleft()
            if cell.room:
                sending.let_in(cell)
            plan, args, plain = envelope.plan, envelope.args, UNSET
            if plan.waits and unwritten:  # others may run and look
                write_down()
            call = plan.call
            try:
                if plan.only is not None and args:  # one argument, by its place: 70 ns less
                    answer = await call(cell.actor, args[0])
                else:
                    answer = await call(cell.actor, *args, **envelope.kwargs)
                reply = envelope.reply
                if reply is not None:
                    answers = plan.answers
                    plain = answer
                    if not answers(answer):
                        answer, plain = plan.carry_answer(answer, cell.world)
                assert cell.keeper is not None
                changed = cell.keeper.changed(cell.actor)  # last: from here on it has succeeded
            except BaseException as error:  # noqa: BLE001  # what a handler raises is its failure, not ours
                if unwritten:
                    write_down()
                await life.handler_raised(cell, envelope, error)
            else:
                turn = cell.turn
                body: Told | Ended | None = None
                late: Told | Ended | Raw | None
                if (
                    inlet is None
                    or changed is True
                    or recorder.prompters
                    or (reply is not None and (type(plain) not in AS_THEY_ARE or envelope.sender is not None))
                ):
                    pass  # what follows is not for all
                elif turn is None:
                    if envelope.plain is None and (cell.extras is None or not cell.extras.put_back):
                        asks = reply is not None
                        body = Told(asks, args, envelope.sender, changed or UNSET, plain, plan.name)
                elif not (
                    turn.held
                    or turn.tasks
                    or turn.stops
                    or turn.prompter
                    or turn.seq is None
                    or envelope.onward
                ):
                    body = Ended(changed or UNSET, plain, turn.seq)
                if body is not None:
                    late = None
                    if unwritten or (cell.queue and not plan.waits):  # others can be written with it
                        is_brief = plan.is_brief and (reply is None or type(plain) in NUMBERS)
                        late = body if is_brief else packed(body)
                    if late is None:
                        recorder.append_prepared(cell, HANDLED, body)
                    else:
                        time = recorder.clock()
                        if time > recorder.time:
                            recorder.time = time
                        else:
                            time = recorder.time
                        if unwritten and unwritten[0] is not cell:  # who runs a loop within a loop
                            write_down()
                        unwritten += (time, late) if unwritten else (cell, time, late)
                    if changed:
                        cell.stale = False
                    if turn is not None:
                        cell.turn = None
                elif turn is not None:
                    _settle(cell, envelope, plain, changed=changed)
                elif records:
                    record_handled(cell, envelope, plain, changed)
                elif changed:
                    cell.due -= 1  # as an event would
                    cell.stale = True
                cell.handled += 1
                cell.current = None
                reply = envelope.reply  # its handler may have deferred it
                if reply is not None and not reply.done():
                    if is_durable:
                        settling.give_answer(cell, envelope, reply, answer)
                    else:
                        reply.set_result(answer)
        elif cell.stopping:
            return
        else:
            # or the last message would stay in memory
            envelope = args = answer = plain = reply = body = late = None
            if unwritten:
                write_down()
            _rest(cell)
            cell.waiter = waiter
            await waiter
            before = theater.pump.now
            until = before + theater.slice
            left = _SLICE_MESSAGES
            continue
        if cell.is_ending:
            return
        left -= 1
        now = perf_counter()
        if now > until or not left:
            if now - before > theater.slow:
                theater.blame(cell, envelope.plan.name, before, now)
            if unwritten:
                write_down()
            await _pause(cell)
            now = perf_counter()
            until = now + theater.slice
            left = _SLICE_MESSAGES
        before = now


def _rest(cell: Cell) -> None:
    """Nothing to do. No coroutine of its own: it would take 200 bytes."""
    cell.queue = None
    if cell.events >= cell.due:
        snapshots.look(cell)
    theater = cell.theater
    theater.active -= 1
    if not theater.active and theater.quiet:
        theater.grew_quiet()


async def _pause(cell: Cell) -> None:
    """Let others have their turn."""
    if cell.events >= cell.due:
        snapshots.look(cell)
    await pause()


async def handle(cell: Cell, envelope: Envelope) -> None:
    """What `drain` does with a message, for a hook."""
    cell.current = envelope
    plain = None
    try:
        answer = await envelope.plan.call(cell.actor, *envelope.args, **envelope.kwargs)
        if envelope.reply is not None:
            answer, plain = envelope.plan.carry_answer(answer, cell.world)
        assert cell.keeper is not None
        changed = cell.keeper.changed(cell.actor)
    except BaseException as error:  # noqa: BLE001
        await life.handler_raised(cell, envelope, error)
    else:
        _settle(cell, envelope, plain, changed=changed)
        cell.handled += 1
        cell.current = None
        if envelope.reply is not None and not envelope.reply.done():
            settling.give_answer(cell, envelope, envelope.reply, answer)


def _settle(cell: Cell, envelope: Envelope, plain: Any, *, changed: Changed) -> None:
    """A message or hook has succeeded: end what it opened, and record it."""
    if cell.turn is not None:
        cell.turn.close()
        if envelope.onward is not None:
            envelope.onward.settle()
    if changed:
        cell.stale = True
    if cell.theater.records_messages:
        record_handled(cell, envelope, plain, changed)
    elif changed:
        cell.due -= 1
    cell.turn = None
