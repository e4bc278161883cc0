"""Draining: an actor handles what lies in its mailbox, one message at a time. The hot path of all.

What happens rarely (starting, failing, ending) stands in `life`, and what a handler asks of the world in
`turn` and `sending`.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from theater import life, sending, snapshots
from theater.bursts import burst, may_burst
from theater.loop import pause
from theater.loop.pump import Waiter
from theater.settling import give_answer, settle

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope

_SLICE_MESSAGES = 256  # that an actor handles in a row while others wait: 0.25 ms; a yield costs 3 µs


async def drain(cell: Cell) -> None:  # noqa: C901, PLR0912, PLR0915  # one loop, in one place: a call is 40 ns
    """Handle messages, one at a time, until the actor is to end."""
    theater = cell.theater
    journal = theater.journal
    records, is_durable = theater.records_messages, journal.durable
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
            await life.next_signal(cell)
            left -= 1
        elif cell.queue:
            if is_durable and journal.full:
                await theater.room_on_disk()
                continue
            cell.current = envelope = cell.queue.popleft()
            if cell.room:
                sending.let_in(cell)
            if cell.queue and not envelope.plan.waits and may_burst(theater):
                left, error = await burst(cell, envelope, left)
                envelope = cell.current
                before = perf_counter()
                if envelope is not None and error is not None:
                    await life.handler_raised(cell, envelope, error)
                    envelope = error = None
            if envelope is not None:
                plan, args, plain = envelope.plan, envelope.args, UNSET
                call = plan.call  # called as a method it would take 30 ns more
                try:
                    if plan.only is not None and args:  # one argument, by its place: 70 ns less
                        answer = await call(cell.actor, args[0])
                    else:
                        answer = await call(cell.actor, *args, **envelope.kwargs)
                    if envelope.reply is not None:
                        plain, answers = answer, plan.answers
                        if not answers(answer):
                            answer, plain = plan.carry_answer(answer, cell.world)
                    assert cell.keeper is not None
                    changed = cell.keeper.changed(cell.actor)  # last: from here on it has succeeded
                except BaseException as error:  # noqa: BLE001  # what a handler raises is its failure, not ours
                    await life.handler_raised(cell, envelope, error)
                else:
                    if records or cell.turn is not None:
                        settle(cell, envelope, plain, changed)
                    elif changed:
                        cell.due -= 1  # as an event would
                        cell.stale = True
                    cell.handled += 1
                    cell.current = None
                    reply = envelope.reply  # its handler may have deferred it
                    if reply is not None and not reply.done():
                        if is_durable:
                            give_answer(cell, envelope, reply, answer)
                        else:
                            reply.set_result(answer)
                left -= 1
        elif cell.stopping:
            return
        else:
            envelope = args = answer = plain = reply = None  # or the last message would stay in memory
            _rest(cell)
            cell.waiter = waiter
            await waiter
            before = theater.pump.now
            until = before + theater.slice
            left = _SLICE_MESSAGES
            continue
        if cell.is_ending:
            return
        now = perf_counter()
        if now > until or left <= 0:
            if envelope is not None and now - before > theater.slow:
                theater.blame(cell, envelope.plan.name, before, now)
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
    plain: Any = UNSET
    try:
        answer = await envelope.plan.call(cell.actor, *envelope.args, **envelope.kwargs)
        if envelope.reply is not None:
            answer, plain = envelope.plan.carry_answer(answer, cell.world)
        assert cell.keeper is not None
        changed = cell.keeper.changed(cell.actor)
    except BaseException as error:  # noqa: BLE001
        await life.handler_raised(cell, envelope, error)
    else:
        settle(cell, envelope, plain, changed)
        cell.handled += 1
        cell.current = None
        if envelope.reply is not None and not envelope.reply.done():
            give_answer(cell, envelope, envelope.reply, answer)
