"""Requests to a store by a handler that runs again: matched with the recorded ones, answered from the fold.

Nothing is written. The fold is that of the moment in which the handler began, and follows its events.
"""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from theater.event import Event
from theater.failure import recorded_error
from theater.loop import Future, look_at
from theater.store.decision import decide
from theater.store.fold import Fold
from theater.store.owner import Prompter
from theater.store.requests import Get, KeepFile, Keeping, New, Request

if TYPE_CHECKING:
    from theater.store.supervisor import StoreSupervisor


def default(prompter: Prompter, fold: Fold) -> str:
    """The id of the actor's own store, as it was made.

    Raises:
        NotAllowedError: it was refused.
    """
    request = New("", default=True)
    event = prompter.ask(request.kind, request.body())
    if "error" in event.body:
        raise recorded_error(event.body["error"])
    fold.apply(event.kind, event.body)
    return str(event.body["store"])


def answer(
    supervisor: StoreSupervisor,
    prompter: Prompter,
    request: Request[Any],
    content: bytes | None,
    future: Future[Any],
) -> Coroutine[Any, Any, None] | None:
    """Match the request now; the coroutine gives `future` its answer when its place in the chain has come.

    None: it is made when the handler goes on live.
    """
    if isinstance(request, Keeping) and content is not None:
        request = request.named(sha256(content).digest(), len(content))
    if prompter.postpone(request.kind, request.body(), partial(supervisor.take_in, request, content, future)):
        return None
    outcome: Future[Any] = Future(loop=future.get_loop())
    event = prompter.ask(request.kind, request.body(), partial(_take_up, supervisor, request, outcome))
    return _answer(prompter, event, outcome, future)


def _take_up(supervisor: StoreSupervisor, request: Request[Any], outcome: Future[Any], event: Event) -> None:
    """Let the fold follow at once: what is asked behind this, perhaps live, is decided by it."""
    try:
        outcome.set_result(_told(supervisor, request, event))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is for whoever asked
        outcome.set_exception(error)
        look_at(outcome)


async def _answer(prompter: Prompter, event: Event, outcome: Future[Any], future: Future[Any]) -> None:
    await prompter.place(event)
    if future.done():
        return
    error = outcome.exception()
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(outcome.result())


def _told(supervisor: StoreSupervisor, request: Request[Any], event: Event) -> Any:
    if "error" in event.body:
        raise recorded_error(event.body["error"])
    if request.writes:
        supervisor.fold.apply(event.kind, event.body)
    if isinstance(request, New):
        return event.body["store"]
    if isinstance(request, KeepFile):
        return event.body["ref"]
    owner = event.body.get("owner")
    fold = supervisor.fold if owner is None else supervisor.owner.world.fold_at(owner[0], owner[1])
    decision = decide(fold, request)
    if decision.error is not None:
        raise decision.error
    return supervisor.read(request) if isinstance(request, Get) else decision.answer
