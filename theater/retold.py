"""Streams and channels of a handler that runs again: what it sends is matched, what it reads is retold.

What the record lacks will not come any more: both end with the process that held them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from theater import prompted
from theater.errors import ChannelClosedError, NotRunningError
from theater.failure import recorded_error
from theater.shape import Shape

if TYPE_CHECKING:
    from theater.flow import Flow
    from theater.prompter import Prompter
    from theater.talk import End, Talk

_ANYTHING = Shape.of(Any)


async def read(prompter: Prompter, flow: Flow) -> dict[str, Any]:
    """What the record says of the next read of a stream: an item, or how it ended."""
    sender = flow.envelope.sender
    assert sender is not None
    told = await prompter.outcome(sender[1], is_ask=True, outlives=False)
    if told is None:
        raise NotRunningError(f"the stream of {flow.plan.label}() ended with the process that ran it")
    return told.body


async def acceptance(prompter: Prompter, talk: Talk) -> None:
    """Wait until the record says whether the channel was accepted, and how its handler ended if not."""
    sender = talk.envelope.sender
    assert sender is not None
    told = await prompter.outcome(sender[1], is_ask=True, outlives=False)
    if told is None:
        raise NotRunningError(f"{talk.name} was not accepted before the process ended")
    if "accepted" not in told.body:
        error = prompted.error_of(talk.target, talk.envelope, told.body)
        if error is None:
            talk.reply.set_result(None)
        else:
            talk.reply.set_exception(error)
    talk.was_accepted = "accepted" in told.body
    talk.accepted.set_result(None)


def send(prompter: Prompter, end: End, plain: Any) -> None:
    """Match a value with the recorded one.

    Raises:
        ChannelClosedError: it was not sent, because the channel was closed.
        NotAllowedError: it was refused.
    """
    assert end.seq is not None
    if end is end.talk.opener and prompter.has_passed_end_of(end.seq):
        raise _ended(end)
    body = end.sent_body("@channel", [plain])
    refused = {key: part for key, part in body.items() if key != "channel"}
    if not prompter.expects("message/sent", body) and not prompter.expects("message/sent", refused):
        closed = ChannelClosedError(f"{end.talk.name} is closed")
        if end.turn is not None and end is end.talk.accepter:
            end.turn.gave_up = closed
        raise closed
    event = prompter.either(("message/sent", body), ("message/sent", refused))
    if "error" in event.body:
        raise recorded_error(event.body["error"])


async def receive(prompter: Prompter, end: End) -> Any:
    """The next value that was read.

    Raises:
        ChannelClosedError: it was the end; or the error by which the other side ended.
    """
    assert end.seq is not None
    told = await prompter.outcome(end.seq, is_ask=True, outlives=end is end.talk.accepter)
    if told is not None and told.body["handler"] == "@channel":
        return _ANYTHING.restore(told.body["args"][0], end.talk.target.theater.recall)
    error: BaseException = ChannelClosedError(f"{end.talk.name} was closed by the other side")
    if told is None:
        error = _ended(end)
    elif end is end.talk.opener and prompter.has_failed(end.seq):
        failed = await prompter.outcome(end.seq)
        assert failed is not None
        error = prompted.error_of(end.talk.target, end.talk.envelope, failed.body) or error
    elif end.turn is not None and end is end.talk.accepter and isinstance(error, Exception):
        end.turn.gave_up = error
    end.leave(error if isinstance(error, Exception) else None)
    raise error


def leave(prompter: Prompter, end: End) -> None:
    """Say to the other side that this one has closed, if the record says so too."""
    body = end.sent_body("@close", [])
    if not prompter.is_over and prompter.expects("message/sent", body):
        prompter.ask("message/sent", body)


def _ended(end: End) -> ChannelClosedError:
    return ChannelClosedError(f"{end.talk.name} ended with the process that held it")
