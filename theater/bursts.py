"""Bursts: messages in a row that are handled without a pause, and whose events are written together.

Handling, packing and hashing by turns is a sixth slower than each in a loop of its own: a message then misses
the processor's cache of instructions 315 times, and else 56 times.
"""

from __future__ import annotations

from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Raw

from theater import sending
from theater.loop import is_virtual
from theater.settling import AS_THEY_ARE, Told, give_answer, packed, settle
from theater.untyped import NUMBERS

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope
    from theater.stage import Stage


_SLICE = 1_000_000  # nanoseconds that a burst takes at most while others wait


def may_burst(theater: Stage) -> bool:
    """Not in a loop within the loop of another burst.

    And not where the clock that tells the time of events does not tell how much of it has passed. Whether
    somebody's message runs again along its record does not matter: its actor handles no other before.
    """
    inlet = theater.journal.inlet
    return (
        inlet is not None
        and inlet.line is None
        and (theater.recorder.clock is time_ns or is_virtual(theater.loop))
    )


async def burst(  # noqa: C901, PLR0912, PLR0915  # as `drain`: a call is 40 ns
    cell: Cell, envelope: Envelope, left: int
) -> tuple[int, BaseException | None]:
    """Handle this message, and those behind it that cannot wait for anything: nobody else runs meanwhile.

    At most `left` messages; returns how many of them are left. It has not handled `cell.current`, if there is
    one then: the handler may wait, or has raised what is returned, too.
    """
    theater, queue, keeper = cell.theater, cell.queue, cell.keeper
    recorder, inlet = theater.recorder, theater.journal.inlet
    assert inlet is not None
    assert queue is not None
    assert keeper is not None
    actor, changes, clock = cell.actor, keeper.changed, recorder.clock
    records, times, bodies = theater.records_messages, inlet.times, inlet.bodies
    before = perf_counter()
    until = float("inf") if clock is not time_ns else time_ns() + _SLICE
    plain: Any = UNSET
    late: Told | Raw | None
    inlet.line = cell
    try:
        while True:
            plan, args = envelope.plan, envelope.args
            if plan.waits:
                return left, None
            call = plan.call  # called as a method it would take 30 ns more
            try:
                if args and plan.only is not None:  # one argument, by its place: 70 ns less
                    answer = await call(actor, args[0])
                else:
                    answer = await call(actor, *args, **envelope.kwargs)
                reply = envelope.reply
                if reply is not None:
                    plain, answers = answer, plan.answers
                    if not answers(answer):
                        answer, plain = plan.carry_answer(answer, cell.world)
                changed = changes(actor)  # last: from here on it has succeeded
            except BaseException as error:  # noqa: BLE001  # what a handler raises is its failure, not ours
                _blame_if_slow(cell, plan.name, before)
                return left - 1, error
            late = None
            if (
                records
                and cell.turn is None
                and changed is not True
                and envelope.plain is None
                and (cell.extras is None or not cell.extras.put_back)
            ):
                if reply is None:
                    late = Told(False, args, envelope.sender, changed or UNSET, UNSET, plan.name)
                    if not plan.is_brief:
                        late = packed(late)
                elif envelope.sender is None and type(plain) in AS_THEY_ARE:
                    late = Told(True, args, None, changed or UNSET, plain, plan.name)
                    if not plan.is_brief or type(plain) not in NUMBERS:
                        late = packed(late)
            if late is not None:
                now = clock()
                times.append(now)
                bodies.append(late)
                if changed:
                    cell.stale = False
            elif records:
                settle(cell, envelope, UNSET if reply is None else plain, changed)
                now = recorder.time
            else:
                now = clock()
                if cell.turn is not None:
                    settle(cell, envelope, UNSET if reply is None else plain, changed)
                elif changed:
                    cell.due -= 1
                    cell.stale = True
            cell.handled += 1
            if reply is not None and not reply.done():  # its handler may have deferred it
                if theater.journal.durable:
                    give_answer(cell, envelope, reply, answer)
                else:
                    reply.set_result(answer)
            left -= 1
            if now > until or not left or not queue or cell.signals or cell.is_ending:
                break
            cell.current = envelope = queue.popleft()
            if cell.room:
                sending.let_in(cell)
        cell.current = None
        if now > until:
            _blame_if_slow(cell, envelope.plan.name, before)
        return left, None
    finally:
        if bodies:
            recorder.write_down()  # if ctrl-C comes, `live` does it
        del times[:]  # one more, if it came between the two
        inlet.line = None


def _blame_if_slow(cell: Cell, name: str, before: float) -> None:
    after = perf_counter()
    if after - before > cell.theater.slow:
        cell.theater.blame(cell, name, before, after)
