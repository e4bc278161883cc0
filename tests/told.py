"""What tests of messages share: what chains tell, and sending while something else goes on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from anyio.abc import TaskGroup

from theater import ActorRef, Theater
from theater.event import Event


def kinds(theater: Theater, actor: ActorRef[Any]) -> list[str]:
    """The kinds of all events of an actor after its first, oldest first."""
    return [event.kind for event in theater.chain(actor)][1:]


def told(theater: Theater, actor: ActorRef[Any], kind: str) -> list[Event]:
    """The events of one kind, oldest first."""
    return [event for event in theater.chain(actor) if event.kind == kind]


def only(theater: Theater, actor: ActorRef[Any], kind: str) -> Event:
    """The one event of this kind."""
    [event] = told(theater, actor, kind)
    return event


def triple(event: Event) -> list[Any]:
    """How another chain names this event."""
    return [event.actor, event.seq, event.hash]


def meanwhile(tasks: TaskGroup, send: Callable[..., Coroutine[Any, Any, object]], *args: object) -> None:
    """Send in a task of its own (type checkers cannot follow an overloaded method through `start_soon`)."""
    tasks.start_soon(partial(send, *args))
