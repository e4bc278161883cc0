"""Recorded values as a program or a person reads them: JSON without loss, or a few words."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any
from uuid import UUID

from theater import ContentRef, Event, VerifyKey
from theater.checkpoint import parse_verifier_key
from theater.cli.visible import visible
from theater.codec import ActorAddress, Outlined

Names = Mapping[bytes, str]
"""Actors' names by id."""

_BILLION = 1_000_000_000
_ROOM = 60  # characters for one value
_ITEMS = 6  # of a list or map


def public_key(text: str) -> VerifyKey:
    """Read a public key: 64 hex digits, or `name+id+base64` as Go's `note` and witnesses take it.

    Raises:
        MalformedError: it is neither.
    """
    return parse_verifier_key(text)[1] if "+" in text else VerifyKey.parse(text)


def as_json(value: Any) -> Any:
    """A recorded value for JSON; what JSON has no form for is an object whose first key begins with `$`."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if isfinite(value) else {"$float": str(value)}
    if kind is list:
        return [as_json(item) for item in value]
    if kind is dict:
        return _map(value)
    return _special(value)


def _map(value: dict[Any, Any]) -> Any:
    if all(type(key) is str and not key.startswith("$") for key in value):
        return {key: as_json(item) for key, item in value.items()}
    return {"$map": [[as_json(key), as_json(item)] for key, item in value.items()]}


def _special(value: Any) -> dict[str, Any]:
    return _SPECIAL[type(value)](value)


def _items_json(value: tuple[Any, ...] | set[Any] | frozenset[Any]) -> dict[str, Any]:
    return {f"${type(value).__name__}": [as_json(item) for item in value]}


def _outlined_json(value: Outlined) -> dict[str, Any]:
    is_packed = value.kind != Outlined.BYTES
    return {"$content": f"sha256:{value.digest.hex()}", "size": value.size, "packed": is_packed}


_SPECIAL: dict[type, Callable[[Any], dict[str, Any]]] = {
    bytes: lambda value: {"$bytes": b64encode(value).decode()},
    tuple: _items_json,
    set: _items_json,
    frozenset: _items_json,
    datetime: lambda value: {"$datetime": value.isoformat()},
    UUID: lambda value: {"$uuid": str(value)},
    ContentRef: lambda value: {"$ref": str(value)},
    ActorAddress: lambda value: {"$actor": value.id.hex()},
    Outlined: _outlined_json,
}


def event_json(event: Event, name: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An event for JSON; `name` is its actor's, `body` its own unless another is given."""
    return {
        "actor": name,
        "id": event.actor.hex(),
        "seq": event.seq,
        "kind": event.kind,
        "at": moment(event.time).isoformat(),
        "time": event.time,
        "body": as_json(dict(event.body if body is None else body)),
        "parent": event.parent.hex() if event.parent else None,
        "hash": event.hash.hex(),
    }


def moment(time: int) -> datetime:
    """A recorded time, nanoseconds since 1970, in UTC."""
    seconds, rest = divmod(time, _BILLION)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)


def brief(value: Any, names: Names, *, room: int = _ROOM) -> str:
    """A value in at most about `room` characters, on one line; `names` are those of actors by id."""
    words = _WORDS.get(type(value), _plain)(value, names, room)
    return words if len(words) <= room else f"{words[: room - 1]}…"


def _plain(value: Any, _: Names, __: int) -> str:
    return str(value)


def _text(value: str, _: Names, room: int) -> str:
    return repr(value[:room])


def _bytes(value: bytes, names: Names, room: int) -> str:
    """Text where it is text, else hex digits; an actor's id by its name."""
    if value in names:
        return f"<{visible(names[value])}>"
    is_text = value[:room].isascii() and value[:room].decode().isprintable()
    start = value[: room // 4] if len(value) > room else value
    shown = repr(start) if is_text else f"0x{start.hex()}"
    return shown if start == value else f"{shown}… {size_of(len(value))}"


def _list(value: list[Any], names: Names, room: int) -> str:
    return f"[{_items(value, names, room)}]"


def _tuple(value: tuple[Any, ...], names: Names, room: int) -> str:
    return f"({_items(value, names, room)}{',' if len(value) == 1 else ''})"


def _set(value: set[Any] | frozenset[Any], names: Names, room: int) -> str:
    return f"{{{_items(sorted(value, key=repr), names, room)}}}" if value else "set()"


def _dict(value: dict[Any, Any], names: Names, room: int) -> str:
    pairs = list(value.items())[: _ITEMS + 1]
    told = [
        f"{brief(key, names, room=room)}: {brief(item, names, room=room)}" for key, item in pairs[:_ITEMS]
    ]
    return f"{{{', '.join(told)}{_rest(len(value))}}}"


def _ref(value: ContentRef, _: Names, __: int) -> str:
    return f"sha256:{value.hash[:12]}…"


def _address(value: ActorAddress, names: Names, _: int) -> str:
    return f"<{visible(names.get(value.id, value.id.hex()))}>"


def _outlined(value: Outlined, _: Names, __: int) -> str:
    return f"<{size_of(value.size)} sha256:{value.digest.hex()[:12]}…>"


_WORDS: dict[type, Callable[[Any, Names, int], str]] = {
    str: _text,
    bytes: _bytes,
    list: _list,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
    dict: _dict,
    ContentRef: _ref,
    ActorAddress: _address,
    Outlined: _outlined,
}


def _items(values: Sequence[Any], names: Names, room: int) -> str:
    return ", ".join(brief(item, names, room=room) for item in values[:_ITEMS]) + _rest(len(values))


def _rest(count: int) -> str:
    return f", … {count} in all" if count > _ITEMS else ""


def size_of(count: int) -> str:
    """A number of bytes in words."""
    if count < 10_000:  # noqa: PLR2004  # four digits are still read at a glance
        return f"{count:,} bytes"
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.0f} kB"  # noqa: PLR2004  # 1 MB
