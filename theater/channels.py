"""Channels: a two-way line between who opens it and the handler that accepts it."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from theater import opening, retold, sending, settling
from theater.errors import ChannelClosedError, RefusedError, SetupError
from theater.talk import End, Opening, Talk
from theater.turn import message
from theater.waits import Waiting

if TYPE_CHECKING:
    from theater.cell import Cell


class Channel:
    """One end of a conversation: made by `ref.open` for who opens it, by `context.accept` for the handler.

    It is over when either side closes it or drops it, or the handler of either side ends; the other side then
    reads what was sent before, and after that the end.
    """

    __slots__ = ("__weakref__", "_end")

    def __init__(self, end: End) -> None:
        self._end = end

    async def send(self, value: object) -> None:
        """Send a plain value; waits while 16 of them are not read.

        Raises:
            ChannelClosedError: either side has closed it.
            NotAllowedError: an actor sends more per second than it was granted.
            TypeError: the value cannot be packed.
            AskCycleError: the other side waits for this one already.
            SetupError: this is not who opened or accepted it.
        """
        await self._end.send(value)

    async def receive(self) -> Any:
        """The next value from the other side.

        Raises:
            ChannelClosedError: this side has closed it, or the other one and all is read.
            ActorFailedError: the handler that accepted has failed, and all is read; or what it declares.
            AskCycleError, SetupError: as `send`.
        """
        return await self._end.receive()

    def close(self) -> None:
        """Send and receive no more; closing it again does nothing."""
        self._end.close()

    @property
    def is_open(self) -> bool:
        """Neither side has closed it."""
        end = self._end
        return not end.is_closed and not end.talk.other(end).is_closed

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        """The next value; the loop ends when the other side has closed it and all is read."""
        try:
            return await self._end.receive()
        except ChannelClosedError:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()

    def __del__(self) -> None:
        if not self._end.is_closed:
            opening.leave_soon(self._end, self._end.talk.target.loop)

    def __repr__(self) -> str:
        talk = self._end.talk
        return (
            f"<Channel {talk.envelope.plan.label} of {talk.target.name!r}"
            f" {'open' if self.is_open else 'closed'}>"
        )


async def open_channel(target: Cell, handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Channel:
    """Ask the actor to accept a channel, and wait until its handler does."""
    talk = Talk(target, target.handlers.get(handler) or sending.plan_for(target, handler), args, kwargs)
    talk.opener.cell = sending.sender(target)
    try:
        talk.retold = await opening.place(target, talk.envelope)
    except BaseException:
        talk.opener.leave()
        raise
    try:
        await _acceptance(talk)
    except BaseException:  # whoever opens it waits no longer
        if not target.theater.is_cutting:
            sending.take_back(talk.envelope.turn, target, talk.envelope)
        talk.opener.leave()
        raise
    return _opened(talk)


async def _acceptance(talk: Talk) -> None:
    turn, opener = talk.envelope.turn, talk.opener.cell
    if turn is None or opener is None:
        await talk.accepted
        return
    if talk.retold is not None:
        await retold.acceptance(talk.retold, talk)
        return
    turn.asks.add(talk.accepted)
    try:
        with Waiting(opener, talk.target, talk.accepted):
            await talk.accepted
    finally:
        turn.asks.discard(talk.accepted)


def _opened(talk: Talk) -> Channel:
    """What whoever opened it gets, now that the handler has accepted or ended."""
    envelope, origin = talk.envelope, talk.accepted.result()
    turn, sender = envelope.turn, envelope.sender
    if turn is not None and talk.was_accepted:
        talk.opener.take_up(turn, None if sender is None else sender[1])
        return Channel(talk.opener)
    if talk.accepter.turn is None:
        if turn is not None:
            settling.record_answer(turn, envelope)
        talk.reply.result()
        text = f"{talk.target.name} ended {envelope.plan.name} without accepting the channel"
        raise RefusedError(text, message=message(talk.target, envelope))
    talk.opener.take_up(turn, None if sender is None else sender[1])
    if turn is not None and sender is not None:
        body = {"accepted": True, "message": sender[1]}
        turn.cell.note("message/answered", body | {"from": None if origin is None else list(origin)})
    return Channel(talk.opener)


def accept(cell: Cell) -> Channel:
    """Accept the channel that the message at hand opens.

    Raises:
        SetupError: it opens none, or it was accepted already.
    """
    turn = cell.asked()
    envelope = turn.envelope
    if not isinstance(envelope, Opening):
        raise SetupError(f"{envelope.plan.name} opens no channel: that is done by `await ref.open(...)`")
    talk = envelope.talk
    if talk.accepter.turn is not None:
        raise SetupError(f"{talk.name} was accepted already")
    talk.accepter.take_up(turn, turn.seq)
    cell.note("message/answered", {"accepted": True, "reply": turn.seq})
    origin = turn.triple() if cell.theater.records_messages else None
    if not talk.accepted.done():
        if envelope.turn is None and cell.theater.journal.durable:
            cell.theater.journal.then(talk.accepted, origin)
        else:
            talk.accepted.set_result(origin)
    return Channel(talk.accepter)
