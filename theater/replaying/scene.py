"""A scene: one message at an actor's hands, again; led along its record, and cut off where that says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any

from theater.clinging import PATIENCE, close_coroutine
from theater.loop import Cancelled, Future, Task, pause, until_done
from theater.prompter import Prompter
from theater.replaying.outcome import raised, recorded, returned, was_cut_off, with_state
from theater.replaying.report import DifferenceError, described, differ, differences
from theater.restarting import PROGRAM_ENDS
from theater.script import Difference, Script
from theater.turn import Turn

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.event import Event
    from theater.mailbox import Envelope
    from theater.replaying.steps import Played

_DAY = 86_400.0  # seconds that a handler may take longer than it took
_BILLION = 1_000_000_000
_FLUSH = 10  # turns of the loop that tasks are given which their handler left behind

Births = Callable[[bytes], Mapping[str, Any] | None]


class Scene:
    """One run of a handler or hook."""

    def __init__(
        self,
        cell: Cell,
        played: Played,
        envelope: Envelope,
        *,
        births: Births,
        aside: Callable[[Event], None],
        halts: bool,
    ) -> None:
        """Set it up; `aside` is told what befalls the actor; `halts`: the debugger begins first."""
        self._cell = cell
        self._played = played
        self._envelope = envelope
        self._births = births
        self._aside = aside
        self._halts = halts
        self._is_cut = was_cut_off(played)
        self._limit = cell.loop.time() + (played.last.time - played.first.time) / _BILLION + _DAY
        self._prompter: Prompter | None = None
        self._error: Exception | None = None  # why it was broken off
        self._fatal: BaseException | None = None  # what ends the program
        self._found: dict[str, Any] = {}  # how it ended
        self._cuts = 0
        self._task: Task[None] | None = None
        self._over: Future[None] = cell.loop.create_future()

    async def play(self, context: Context) -> None:
        """Run the handler, and compare how it ended.

        Raises:
            DifferenceError: it asked for something else than the record holds, or ended in another way.
        """
        cell = self._cell
        cell.current = self._envelope
        cell.is_ending = self._envelope.plan is cell.plan.hooks.get("on_stop")
        if self._played.received is not None:
            self._prompter = self._lead(self._played.received)
        self._task = task = Task(self._run(), loop=cell.loop, context=context)
        cell.task = task
        task.add_done_callback(self._ended)
        if self._envelope.reply is not None and self._has_left():
            self._envelope.reply.cancel()
        if self._prompter is not None:
            self._prompter.begin()
        await until_done(self._over)
        await self._end()
        if self._error is not None:
            raise self._error
        if self._fatal is not None:
            raise self._fatal
        found = self._found
        assert cell.keeper is not None
        if self._is_cut or "failed" in found:
            cell.keeper.restore_into(cell.actor)
        if not self._is_cut:
            assert self._played.handled is not None
            expected = recorded(self._played.handled.body)
            differ(self._end_seq, "message/handled", expected, with_state(found, expected, cell))

    def still(self, timeout: float | None) -> bool:
        """Nothing can run for so many seconds (None: for ever); say whether somebody was told to."""
        if self._task is None or self._over.done():
            return False
        if self._cuts or (self._is_cut and self._is_at_its_cut(timeout)):
            self._cut()
        elif timeout is None and self._may_give_up():
            assert self._cell.turn is not None
            self._cell.turn.give_up()
        elif timeout is None:
            self._differs(Difference(*self._next(), found="nothing: the handler waits for ever"))
        elif self._cell.loop.time() + timeout > self._limit:
            self._differs(Difference(*self._next(), found="nothing: the handler goes on and on"))
        else:
            return False
        return True

    def odd(self, kind: str, body: Mapping[str, Any]) -> int:
        """The code would record something where nobody leads it.

        Raises:
            Cancelled: it asks where the record says that it asked nothing.
        """
        if self._over.done():
            return -1  # what a handler left behind takes back, when it has ended
        self.break_off(self._difference(described(kind, body)))
        raise Cancelled

    def break_off(self, error: Exception) -> None:
        """End the handler: there is no use in going on."""
        if self._error is None:
            self._error = error
            self._cut()

    def _may_give_up(self) -> bool:
        """Whether the handler waits, and the record says that nobody waited for it in the end."""
        turn, handled = self._cell.turn, self._played.handled
        if turn is None or turn.gave_up is not None or not turn.asks or handled is None:
            return False
        return "abandoned" in handled.body

    def _has_left(self) -> bool:
        """Whether the asker left, and no request tells when: then it has left from the beginning."""
        handled, inside = self._played.handled, self._played.inside
        is_left = handled is not None and "abandoned" in handled.body
        return is_left and not any(_tells_of_leaving(event) for event in inside)

    def _lead(self, received: Event) -> Prompter:
        """A turn that stands where the recorded one stood, and its prompter."""
        turn = self._cell.turn = Turn(self._cell)
        turn.seq, turn.head, turn.time = received.seq, received.hash, received.time
        script = Script(self._played.inside, self._births, is_lenient=True)
        return Prompter(turn, script, live=None, differs=self._differs, aside=self._aside)

    async def _run(self) -> None:
        cell, envelope = self._cell, self._envelope
        try:
            if self._halts:
                breakpoint()  # noqa: T100  # `break_at` asks for it; the handler is called next
            answer = await envelope.plan.call(cell.actor, *envelope.args, **envelope.kwargs)
            self._found = returned(cell, envelope, answer)
        except PROGRAM_ENDS as error:
            self._fatal = error
            raise
        except BaseException as error:  # noqa: BLE001  # whatever a handler raises is its outcome
            self._found = raised(cell, envelope, error)

    def _ended(self, _: object) -> None:
        if not self._over.done():
            self._over.set_result(None)

    async def _end(self) -> None:
        """All that the handler left behind ends, and the rest of the script is looked at."""
        cell = self._cell
        if cell.turn is not None:
            cell.turn.close()
        if self._prompter is not None:
            with suppress(Cancelled):  # by which it says that there is a difference, which we have
                self._prompter.ended()
            self._prompter.leave()
        cell.turn = cell.current = None
        for _ in range(_FLUSH):
            if not cell.theater.strays:
                break
            await pause()

    def _is_at_its_cut(self, timeout: float | None) -> bool:
        """Whether the record holds nothing that the handler could come to before it was cut off."""
        rest = () if self._prompter is None else self._prompter.rest()
        return timeout is None or all(event.kind == "message/withdrawn" for event in rest)

    def _cut(self) -> None:
        """Cancel the handler, as the runtime did; again, if it swallows that."""
        self._cuts += 1
        turn, task = self._cell.turn, self._task
        assert task is not None
        if turn is not None and self._envelope.plan.cancellable:
            turn.is_cancelled = True
        if self._cuts <= PATIENCE:
            task.cancel()
        elif self._cuts == PATIENCE + 1:
            close_coroutine(task)
        else:
            if not self._is_cut:
                self._error = self._error or self._difference("nothing: the handler does not let go")
            self._ended(task)

    def _differs(self, found: Difference) -> None:
        """What the prompter says; where the record was cut off, it says that the end has come."""
        if self._is_cut and not found.expected:
            self._cut()
            return
        parts = () if found.wanted is None or found.asked is None else differences(found.wanted, found.asked)
        self.break_off(
            DifferenceError(
                found.seq if found.expected else self._end_seq,
                expected=found.expected or self._difference("").expected,
                found=found.found or "nothing: the handler has ended",
                diff="\n".join(parts),
            )
        )

    def _next(self) -> tuple[int, str]:
        """What is expected next."""
        if self._prompter is not None and (rest := self._prompter.rest()):
            return rest[0].seq, described(rest[0].kind, rest[0].body)
        return self._end_seq, ""

    @property
    def _end_seq(self) -> int:
        handled = self._played.handled
        return self._played.last.seq + 1 if handled is None else handled.seq

    def _difference(self, found: str) -> DifferenceError:
        """The record says that the handler ended here."""
        handled = self._played.handled
        expected = (
            "nothing more"
            if handled is None
            else described("message/handled", {"handler": self._envelope.plan.name} | recorded(handled.body))
        )
        return DifferenceError(self._end_seq, expected=expected, found=found)


def _tells_of_leaving(event: Event) -> bool:
    """Whether the handler heard by this request that its asker had left."""
    if event.kind == "message/refused":
        return bool(event.body["error"]["class"] == "TimeoutError")
    return event.kind == "message/withdrawn" and "abandoned" in event.body
