"""Opening: sending a message whose answer comes bit by bit; its sender does not simply wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from theater import prompted, sending
from theater.errors import AskCycleError
from theater.loop import Loop, running_loop
from theater.turn import message
from theater.waits import Waiting, circle

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.mailbox import Envelope
    from theater.prompter import Prompter
    from theater.turn import Held


async def place(target: Cell, envelope: Envelope) -> Prompter | None:
    """Give the message its place, waiting for room; its `reply` will tell how it ended.

    Not if it was sent in an earlier run: all that came of it will be told by the prompter that is returned.

    Raises:
        NotRunningError, MailboxFullError, AskCycleError: it was not sent.
    """
    check_way(target, envelope)
    target.theater.sent += 1
    asker = sending.sender(target)
    if asker is None:
        await sending.place(target, envelope)
        return None
    turn = sending.sent_by(asker, target, envelope)
    prompter = turn.prompter
    if prompter is not None:
        await prompted.tell(prompter, turn, target, envelope)
        return prompter
    path = circle(asker, target)
    if path is not None:
        error = AskCycleError(path, message=message(target, envelope))
        sending.refuse(turn, target, envelope, error)
    assert envelope.reply is not None
    with Waiting(asker, target, envelope.reply):
        await sending.place(target, envelope)
    return None


def check_way(target: Cell, envelope: Envelope) -> None:
    """Say why nothing can be sent now, if nothing can."""
    theater = target.theater
    if not target.is_open or theater.is_closed or running_loop() is not target.loop:
        sending.check_way(target, envelope)


def leave_soon(held: Held, loop: Loop) -> None:
    """Leave what was dropped: a garbage collection may be in the midst of anything, in any thread."""
    held.is_dropped = True  # nobody waits for its holder any longer
    try:
        (loop.call_soon if running_loop() is loop else loop.call_soon_threadsafe)(held.leave)
    except RuntimeError:
        return  # the loop is closed, and with it everything that ran there
