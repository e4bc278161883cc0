"""What comes of a replay: agreement up to a head, or the first difference, as a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from theater.codec import BODY_DEPTH, encode

_ROOM = 72  # characters for one value
_LINES = 20  # of a diff that are shown
_BEFORE = 12  # characters that two texts share and that are shown before their difference


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of running an actor's code again on what its chain holds.

    `str()` tells it to a person, in one line where all agrees.
    """

    actor: str  # the name: a path such as `crew/worker-1`
    id: bytes  # 16 bytes
    events: int  # how many agree
    head: bytes | None  # the hash of the last that agrees, 32 bytes: the chain's head where all do
    removed: int = 0  # events passed over: they are gone, or of an earlier version of the class
    seq: int | None = None  # of the first event that differs; None: none does
    expected: str = ""  # what the record says there
    found: str = ""  # what the code did instead
    diff: str = ""  # part by part, a line each
    note: str = ""  # what may explain it

    @property
    def ok(self) -> bool:
        """Whether the code did all that the record says, and nothing else."""
        return self.seq is None

    def __str__(self) -> str:
        if self.ok:
            head = self.head.hex()[:16] if self.head else "none"
            return f"{self.actor}: {self.events:,} events agree, head {head}"
        lines = [f"{self.actor}: differs at event {self.seq}, after {self.events:,} that agree"]
        lines += [f"  expected  {self.expected}", f"  found     {self.found}"]
        lines += [f"    {line}" for line in self.diff.splitlines()]
        return "\n".join([*lines, f"  {self.note}"] if self.note else lines)


class DifferenceError(Exception):
    """The code did something else than the record says; ends the replay."""

    def __init__(self, seq: int, *, expected: str, found: str, diff: str = "") -> None:
        super().__init__(f"event {seq}: expected {expected}, found {found}")
        self.seq = seq
        self.expected = expected
        self.found = found
        self.diff = diff


def differ(seq: int, kind: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Let through what the code did at an event if it is what the record says.

    Raises:
        DifferenceError: it is not.
    """
    lines = differences(expected, found)
    if lines:
        differing = [key for key in {**expected, **found} if not _same(expected, found, key)]
        raise DifferenceError(
            seq,
            expected=described(kind, {key: expected[key] for key in differing if key in expected}),
            found=described(kind, {key: found[key] for key in differing if key in found}),
            diff="\n".join(lines),
        )


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Where two bodies differ, a line for each place, not too many."""
    lines = list(_differences("", expected, found))
    return lines if len(lines) <= _LINES else [*lines[:_LINES], f"and {len(lines) - _LINES} more"]


def described(kind: str, body: Mapping[str, Any]) -> str:
    """An event in a line."""
    parts = ", ".join(f"{key} {short(value)}" for key, value in body.items())
    return f"{kind}: {parts}" if parts else kind


def short(value: object, *, room: int = _ROOM) -> str:
    """A value in at most `room` characters."""
    text = repr(value)
    return text if len(text) <= room else f"{text[: room - 1]}…"


def same(one: object, other: object) -> bool:
    """Whether two plain values are one: told by their bytes, for `1 == True` and `0.0 == -0.0`."""
    return encode(one, depth=BODY_DEPTH) == encode(other, depth=BODY_DEPTH)


def _same(expected: Mapping[str, Any], found: Mapping[str, Any], key: str) -> bool:
    return key in expected and key in found and same(expected[key], found[key])


def _differences(place: str, expected: object, found: object) -> Iterator[str]:
    """Where two plain values differ, a line for each place."""
    if same(expected, found):
        return
    if type(expected) is dict and type(found) is dict:
        for key in {**expected, **found}:
            yield from _part(f"{place}.{key}" if place else str(key), expected, found, key)
    elif type(expected) is list and type(found) is list and len(expected) == len(found):
        for index, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from _differences(f"{place}[{index}]", one, other)
    else:
        yield f"{place}: expected {_window(expected, found)}, found {_window(found, expected)}"


def _part(place: str, expected: dict[Any, Any], found: dict[Any, Any], key: Any) -> Iterator[str]:
    if key not in found:
        yield f"{place}: expected {short(expected[key])}, found nothing"
    elif key not in expected:
        yield f"{place}: expected nothing, found {short(found[key])}"
    else:
        yield from _differences(place, expected[key], found[key])


def _window(value: object, other: object) -> str:
    """A value, of long ones what stands around the first difference."""
    text, beside = repr(value), repr(other)
    if len(text) <= _ROOM:
        return text
    place = next(
        (index for index, pair in enumerate(zip(text, beside, strict=False)) if len(set(pair)) > 1), 0
    )
    start = max(0, place - _BEFORE)
    return f"{'…' * (start > 0)}{text[start : start + _ROOM]}{'…' * (start + _ROOM < len(text))}"
