"""An event in one line, as a person reads a chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from theater import Event
from theater.cli.values import brief
from theater.cli.visible import visible

Names = Mapping[bytes, str]
_BILLION = 1_000_000_000


def tell(event: Event, names: Names) -> str:
    """What an event says, besides its kind."""
    other = _of_store if event.kind.startswith("store/") else _plain
    return visible(_TELLERS.get(event.kind, other)(event.body, names))


def _plain(body: Mapping[str, Any], names: Names) -> str:
    return " ".join(f"{key}={brief(item, names)}" for key, item in body.items())


def _call(body: Mapping[str, Any], names: Names) -> str:
    parts = [brief(item, names) for item in body.get("args") or ()]
    parts += [f"{key}={brief(item, names)}" for key, item in (body.get("kwargs") or {}).items()]
    return f"{body.get('handler', '')}({', '.join(parts)})"


def _handled(body: Mapping[str, Any], names: Names) -> str:
    what = _call(body, names) if "handler" in body else f"of @{body.get('message')}"
    return f"{what}{_outcome(body, names)}{_state(body, names)}"


def _outcome(body: Mapping[str, Any], names: Names) -> str:
    if "error" in body:
        return f" ✗ {_error(body)}"
    said = [word for key, word in _ENDS.items() if body.get(key)]
    if said:
        return f" {said[0]}"
    return f" → {brief(body['answer'], names)}" if body.get("answer") is not None else ""


def _state(body: Mapping[str, Any], names: Names) -> str:
    if "state" not in body:
        return ""
    state = body["state"]
    if not isinstance(state, dict):
        return "  state changed"
    return "  " + " ".join(f"{key}={brief(item, names)}" for key, item in state.items())


def _error(body: Mapping[str, Any]) -> str:
    error = body["error"]
    return f"{error.get('class')}: {error.get('text')}" if isinstance(error, dict) else str(error)


def _received(body: Mapping[str, Any], names: Names) -> str:
    return f"{_call(body, names)}{_sender(body, names)}"


def _sender(body: Mapping[str, Any], names: Names) -> str:
    sender = body.get("from")
    return f" from {names.get(sender[0], sender[0].hex())}@{sender[1]}" if sender else ""


def _sent(body: Mapping[str, Any], names: Names) -> str:
    to = body.get("to", b"")
    return f"to {names.get(to, to.hex())}: {_call(body, names)}{_outcome(body, names)}"


def _answered(body: Mapping[str, Any], names: Names) -> str:
    what = body["reply"] if "reply" in body else body.get("message")  # an answer it gave, or one that came
    item = f": {brief(body['item'], names)}" if "item" in body else ""
    return f"of @{what}{item}{_outcome(body, names)}{_sender(body, names)}"


def _opened(body: Mapping[str, Any], _: Names) -> str:
    return f"{body.get('origin')} by Theater {body.get('version')}"


def _spawned(body: Mapping[str, Any], names: Names) -> str:
    if "child" in body:
        return f"child {body.get('name')} ({body.get('class')})"
    return f"{body.get('name')} ({body.get('class')}){_state(body, names)}"


def _failed(body: Mapping[str, Any], _: Names) -> str:
    return _error(body)


def _restarted(body: Mapping[str, Any], names: Names) -> str:
    return f"restart {body.get('restarts')}{_state(body, names)}"


def _stopped(body: Mapping[str, Any], names: Names) -> str:
    return f"{body.get('reason')}{_outcome(body, names)}"


def _begun(body: Mapping[str, Any], names: Names) -> str:
    again = f", as @{body['retries']} once more" if "retries" in body else ""
    return f"{body.get('effect')}{_call({**body, 'handler': ''}, names)}{again}"


def _ended(body: Mapping[str, Any], names: Names) -> str:
    again = f", again in {body['again'] / _BILLION:.3g} s" if "again" in body else ""
    return f"of @{body.get('effect')}{_outcome(body, names)}{again}"


def _of_store(body: Mapping[str, Any], names: Names) -> str:
    order = ("label", "ref", "size", "path", "to")
    parts = [f"{key}={brief(body[key], names)}" for key in order if key in body]
    return " ".join(parts) + _outcome(body, names)


def _timer(body: Mapping[str, Any], names: Names) -> str:
    often = "every" if body.get("every") else "after"
    return f"{_call(body, names)} {often} {body.get('delay', 0) / _BILLION:g} s"


def _of_timer(body: Mapping[str, Any], _: Names) -> str:
    return f"of @{body.get('timer')}"


def _log(body: Mapping[str, Any], names: Names) -> str:
    fields = body.get("fields") or {}
    return " ".join([str(body.get("text")), *(f"{key}={brief(item, names)}" for key, item in fields.items())])


_ENDS = {
    "abandoned": "given up",
    "cancelled": "cancelled",
    "deferred": "to be answered later",
    "stashed": "set aside",
    "forwarded": "forwarded",
}

_TELLERS: dict[str, Callable[[Mapping[str, Any], Names], str]] = {
    "actor/spawned": _spawned,
    "actor/failed": _failed,
    "actor/restarted": _restarted,
    "actor/stopped": _stopped,
    "message/handled": _handled,
    "message/received": _received,
    "message/dead": _received,
    "message/sent": _sent,
    "message/refused": _sent,
    "message/answered": _answered,
    "effect/begun": _begun,
    "effect/ended": _ended,
    "timer/set": _timer,
    "timer/fired": _of_timer,
    "timer/cancelled": _of_timer,
    "log": _log,
    "theater/opened": _opened,
}
