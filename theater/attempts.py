"""Attempts: how an effect is carried out, once or until it succeeds, with each intent and outcome on record.

Each attempt is an `effect/begun` and an `effect/ended`; that it is made again, and when, stands in the
latter. So a handler that runs again follows the decisions of the record, and makes none anew.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from theater import prompted
from theater.errors import EffectFailedError, EffectInDoubtError
from theater.failure import text_of
from theater.handler import HandlerPlan
from theater.retry import Retry

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.event import Event

_BILLION = 1_000_000_000
_FINE = 2**53  # as many chances as a float holds apart


@dataclass(frozen=True, slots=True)
class EffectOptions:
    """What `@effect` says of a function."""

    idempotent: bool = False  # may run again if it is unknown whether it ran
    raises: tuple[type[Exception], ...] = ()  # reach the handler as they are
    retry: Retry | None = None  # None: it is not run again when it fails
    key: str | None = None  # the argument that is given the idempotency key


class Attempts:
    """One effect that a handler asked for, from its first attempt to its outcome."""

    __slots__ = ("_body", "_call", "_cell", "_failed", "_first", "_options", "_plan")

    def __init__(
        self,
        cell: Cell,
        plan: HandlerPlan,
        options: EffectOptions,
        body: Mapping[str, Any],
        call: Callable[..., Any],
    ) -> None:
        """Take what is to be done: `body` as the record holds it, `call` without the idempotency key."""
        self._cell = cell
        self._plan = plan
        self._options = options
        self._body = dict(body)
        self._call = call
        self._first: int | None = None  # the seq of the first `effect/begun`
        self._failed = 0  # attempts so far

    async def run(self) -> Any:
        """Try until it succeeds, or stays failed; the outcome is on record when this returns or raises."""
        while True:
            seq, ended = await self._begin()
            if ended is None:
                answer, delay = await self._carry_out(seq)
            elif "again" in ended.body:
                answer, delay = None, self._left(ended)
            else:
                return prompted.outcome_of_effect(self._cell, self._plan, ended)
            if delay is None:
                return answer
            self._failed += 1
            await anyio.sleep(delay)

    async def _begin(self) -> tuple[int, Event | None]:
        """Record the intent and make it durable; or find it in the record, and what came of it.

        Raises:
            EffectInDoubtError: it had begun when the process died, and is not idempotent.
        """
        cell, body = self._cell, self._body
        cell.asked()
        if self._first is not None:
            body = body | {"retries": self._first}
        prompter = prompted.prompter_of(cell)
        if prompter is None:
            seq, ended = cell.record("effect/begun", body), None
            if cell.theater.journal.durable:
                await cell.theater.committed()
        else:
            seq, ended = await prompted.effect(prompter, body)
            if ended is None and not self._options.idempotent:
                raise self._in_doubt(seq)
        if self._first is None:
            self._first = seq
        return seq, ended

    def _in_doubt(self, seq: int) -> EffectInDoubtError:
        """The process died while it ran: whoever asked for it must find out what happened."""
        name = self._body["effect"]
        error = EffectInDoubtError(f"the process died while {name} ran: nobody knows whether it happened")
        self._end(seq, error={"class": "EffectInDoubtError", "text": str(error)})
        return error

    def _left(self, ended: Event) -> float:
        """Seconds that are left of a recorded wait; none while the handler follows its record."""
        if prompted.prompter_of(self._cell) is not None:
            return 0.0
        due: int = ended.time + ended.body["again"]
        return max(0, due - self._cell.theater.clock()) / _BILLION

    async def _carry_out(self, seq: int) -> tuple[Any, float | None]:
        """The answer, or the seconds until it is tried again."""
        try:
            answer = await _run(partial(self._call, **self._key()))
        except Exception as raised:  # noqa: BLE001  # whatever it raised is its outcome
            return None, self._fail(seq, raised.error if isinstance(raised, _OddError) else raised)
        try:
            arrived, plain = self._plan.carry_answer(answer, self._cell.theater.world)
        except TypeError as error:
            self._end(seq, error={"class": "TypeError", "text": str(error)})
            raise EffectFailedError("TypeError", str(error)) from error
        self._end(seq, answer=plain)
        return arrived, None

    def _key(self) -> dict[str, str]:
        """The idempotency key, which names the first intent: the same in every attempt, run and process."""
        name = self._options.key
        return {} if name is None else {name: f"{self._cell.id.hex()}-{self._first}"}

    def _fail(self, seq: int, error: BaseException) -> float:
        """Record the failure, and what is decided of it: the seconds to wait, or raise it."""
        plan, world = self._plan, self._cell.theater.world
        declared = isinstance(error, plan.raises)
        told = (
            plan.pack_error(error, world)
            if declared
            else {"class": type(error).__name__, "text": text_of(error)}
        )
        delay = self._decide(error)
        if delay is not None:
            again = round(delay * _BILLION)
            self._end(seq, error=told, again=again)
            return again / _BILLION
        self._end(seq, error=told)
        if declared:
            raise plan.restore_error(told, world, kind=type(error)) from error
        raise EffectFailedError(told["class"], told["text"]) from error

    def _decide(self, error: BaseException) -> float | None:
        retry = self._options.retry
        if retry is None or not isinstance(error, Exception):
            return None
        chance = (int.from_bytes(self._cell.theater.entropy(7), "big") >> 3) / _FINE
        return retry.delay(error, failed=self._failed + 1, chance=chance)

    def _end(self, seq: int, **outcome: Any) -> None:
        self._cell.record("effect/ended", {"effect": seq, **outcome})


async def _run(call: Callable[[], Any]) -> Any:
    function: Any = call
    while isinstance(function, partial):
        function = function.func
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        return await call()
    answer, odd = await anyio.to_thread.run_sync(_run_here, call)
    if odd is not None:
        raise _OddError(odd)
    return await answer if inspect.isawaitable(answer) else answer


class _OddError(Exception):
    """Carries what would close the coroutine of whoever waits for a thread."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


def _run_here(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """The answer, or an exception that must not leave the thread as it is."""
    try:
        return call(), None
    except (GeneratorExit, StopIteration) as error:
        return None, error
