"""Streams: what a handler yields, as its reader holds it."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from theater.flow import Flow
from theater.opening import leave_soon
from theater.sending import plan_for

if TYPE_CHECKING:
    from theater.cell import Cell
    from theater.yielding import StreamPlan

T_co = TypeVar("T_co", covariant=True)


class Stream(Generic[T_co]):
    """What a stream handler yields: `async for item in stream`; made by `ref.stream`.

    The message is sent with the first read, or on entering `async with`. Closing it, or dropping it, makes
    the generator end at its `yield`; so does giving up a read, by a time limit or otherwise.
    """

    __slots__ = ("__weakref__", "_flow")

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        """The next item.

        Raises:
            ActorFailedError: the handler raised something that it does not declare, or its actor was killed.
            AskCycleError: the item could never come, because the actors would wait for each other.
            NotRunningError: the actor has ended or is stopping, or the theater is closed.
            SetupError: somebody else is reading; and whatever the handler declares with `raises=`.
        """
        item: T_co = await self._flow.next()
        return item

    async def __aenter__(self) -> Self:
        await self._flow.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Read no more; returns when the generator is closed, if it stands at its `yield`.

        A generator that is at work on its next item is closed when it has it, and not waited for.
        """
        await self._flow.close()

    def __del__(self) -> None:
        """Whoever drops it has left; what that means is done in a turn of the loop of its own."""
        flow = self._flow
        if flow.has_begun and not flow.is_left:
            leave_soon(flow, flow.loop)

    def __repr__(self) -> str:
        flow = self._flow
        state = "left or ended" if flow.is_left else "open" if flow.has_begun else "not begun"
        return f"<Stream {flow.plan.label} of {flow.target.name!r} {state}>"


def open_stream(target: Cell, handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Stream[Any]:
    """A stream of this actor, its arguments checked and packed; nothing is sent yet."""
    return Stream(Flow(target, _plan_for(target, handler), args, kwargs))


def _plan_for(target: Cell, handler: Any) -> StreamPlan:
    name = handler if type(handler) is str else getattr(handler, "__name__", "")
    plan = target.plan.streams.get(name)
    if plan is None:
        label = plan_for(target, handler).label
        raise TypeError(f"{label}() is no stream: ask for its answer with `await ref.ask({label}, ...)`")
    return plan
