"""What an actor's stores hold and what their labels point to: a fold over the actor's store events.

Live, on resume and for a looker the fold is made by the same `Fold.apply` from the same events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, Self

from theater.errors import MalformedError
from theater.store.requests import (
    Grant,
    Keep,
    KeepAtLabel,
    KeepFile,
    KeepStream,
    Label,
    New,
    RemoveFromLabel,
    RemoveLabel,
    ReplaceAtLabel,
    ReplaceContentAtLabel,
)

Body = Mapping[str, Any]

_SNAPSHOTS = frozenset({"actor/snapshot", "actor/spawned"})  # what a fork begins with stands in its birth


class Recorded(Protocol):
    """As much of an event as the fold looks at."""

    @property
    def kind(self) -> str: ...
    @property
    def body(self) -> Any: ...


class Holding:
    """What one store holds."""

    __slots__ = ("labels", "readers", "size", "sizes")

    def __init__(self) -> None:
        self.sizes: dict[bytes, int] = {}  # digest to bytes
        self.size = 0  # bytes, each distinct content once
        self.labels: dict[str, dict[bytes, None]] = {}  # label to digests, newest last, never empty
        self.readers: set[bytes] = set()  # ids of the actors that it was granted to

    def keep(self, digest: bytes, size: int) -> bool:
        """Take up a content; says whether it was not held yet."""
        sizes = self.sizes
        before = len(sizes)
        sizes.setdefault(digest, size)  # looked up once: among many contents the place is not in the cache
        if len(sizes) == before:
            return False
        self.size += size
        return True

    def add(self, label: str, digest: bytes) -> None:
        """Make `digest` the newest at `label`, wherever it stood before."""
        there = self.labels.setdefault(label, {})
        there.pop(digest, None)
        there[digest] = None

    def drop(self, label: str, digest: bytes) -> None:
        there = self.labels.get(label, {})
        there.pop(digest, None)
        if not there:
            self.labels.pop(label, None)


class Fold:
    """All stores of one actor, as its store events left them."""

    __slots__ = ("default", "size", "stores")

    def __init__(self) -> None:
        self.stores: dict[str, Holding] = {}  # by store id
        self.default: str | None = None  # the id of `context.store`
        self.size = 0  # bytes in all stores, each distinct content once

    def holds(self, digest: bytes) -> bool:
        """Say whether any of the stores holds this content."""
        for holding in self.stores.values():  # noqa: SIM110  # `any` is 0.5 µs of each put
            if digest in holding.sizes:
                return True
        return False

    def keep(self, holding: Holding, digest: bytes, size: int) -> None:
        """Take up a content of one of the stores."""
        is_here = len(self.stores) > 1 and self.holds(digest)
        if holding.keep(digest, size) and not is_here:
            self.size += size

    def view(self, readers: Mapping[bytes, bytes]) -> Self:
        """A copy for another actor; those grants stay whose readers have a successor, to that one."""
        copy = type(self).of_snapshot(self.snapshot())
        for holding in copy.stores.values():
            holding.readers = {readers[reader] for reader in holding.readers if reader in readers}
        return copy

    def apply(self, kind: str, body: Body) -> None:
        """Take in one event; kinds that change no store, and requests that failed, leave all as it is."""
        if "error" in body:
            return
        effect = _EFFECTS.get(kind)
        if effect is not None:
            effect(self, self.stores[body["store"]], body)
        elif kind == New.kind:
            self.stores[body["store"]] = Holding()
            if "default" in body:
                self.default = body["store"]

    def snapshot(self) -> dict[str, object]:
        """All of it as one plain value, for `actor/snapshot`."""
        return {"default": self.default, "stores": {id_: _shot(held) for id_, held in self.stores.items()}}

    @classmethod
    def of_snapshot(cls, plain: Body) -> Self:
        """Undo `snapshot`.

        Raises:
            MalformedError: anything else came.
        """
        fold = cls()
        try:
            fold.default = plain["default"]
            fold.stores = {store: _held(shot) for store, shot in plain["stores"].items()}
            kept: dict[bytes, int] = {}
            for holding in fold.stores.values():
                kept |= holding.sizes
            fold.size = sum(kept.values())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedError("snapshot of stores", plain) from error
        return fold


def fold_of(events: Iterable[Recorded]) -> Fold:
    """The stores of the actor with this chain, oldest event first, from its newest snapshot on.

    Raises:
        MalformedError: a store event without what its kind needs.
    """
    fold = Fold()
    for event in events:
        if event.kind in _SNAPSHOTS and "stores" in event.body:
            fold = Fold.of_snapshot(event.body["stores"])
        elif event.kind.startswith("store/"):
            try:
                fold.apply(event.kind, event.body)
            except (KeyError, TypeError, AttributeError) as error:
                raise MalformedError(f"{event.kind} event", event.body) from error
    return fold


def _keep(fold: Fold, holding: Holding, body: Body) -> None:
    fold.keep(holding, body["ref"].digest, body["size"])


def _keep_at(fold: Fold, holding: Holding, body: Body) -> None:
    _keep(fold, holding, body)
    _label(fold, holding, body)


def _replace_content(fold: Fold, holding: Holding, body: Body) -> None:
    _keep(fold, holding, body)
    _replace(fold, holding, body)


def _label(_: Fold, holding: Holding, body: Body) -> None:
    holding.add(body["label"], body["ref"].digest)


def _replace(_: Fold, holding: Holding, body: Body) -> None:
    holding.labels[body["label"]] = {body["ref"].digest: None}


def _remove(_: Fold, holding: Holding, body: Body) -> None:
    holding.labels.pop(body["label"], None)


def _remove_from(_: Fold, holding: Holding, body: Body) -> None:
    holding.drop(body["label"], body["ref"].digest)


def _grant(_: Fold, holding: Holding, body: Body) -> None:
    holding.readers.add(body["to"])


_EFFECTS: dict[str, Callable[[Fold, Holding, Body], None]] = {
    Keep.kind: _keep,
    KeepAtLabel.kind: _keep_at,
    ReplaceContentAtLabel.kind: _replace_content,
    KeepStream.kind: _keep,
    KeepFile.kind: _keep,
    Label.kind: _label,
    ReplaceAtLabel.kind: _replace,
    RemoveLabel.kind: _remove,
    RemoveFromLabel.kind: _remove_from,
    Grant.kind: _grant,
}


def _shot(holding: Holding) -> dict[str, object]:
    return {
        "contents": dict(holding.sizes),
        "labels": {label: list(digests) for label, digests in holding.labels.items()},
        "readers": sorted(holding.readers),
    }


def _held(shot: Body) -> Holding:
    holding = Holding()
    for digest, size in shot["contents"].items():
        holding.keep(digest, size)
    holding.labels = {label: dict.fromkeys(digests) for label, digests in shot["labels"].items()}
    holding.readers = set(shot["readers"])
    return holding
