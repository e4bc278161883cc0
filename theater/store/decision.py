"""What a request to a store gets, and what stands in its event: decided from the fold alone.

The event holds the question; the answer is a function of the chain before it. A request that is refused is an
event with the error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from theater.content import ContentRef
from theater.errors import ContentNotFoundError, MissingError, NotAllowedError, StoreNotFoundError
from theater.store.fold import Fold, Holding
from theater.store.requests import (
    CalculateTotalSize,
    Exists,
    Get,
    GetByLabel,
    GetStream,
    Grant,
    Keep,
    KeepAtLabel,
    KeepFile,
    Keeping,
    KeepStream,
    Label,
    Labelled,
    ListAllContent,
    ListLabels,
    New,
    OfPair,
    OfRef,
    RemoveFromLabel,
    RemoveLabel,
    ReplaceAtLabel,
    ReplaceContentAtLabel,
    Request,
)

_TEXT = 1_000  # letters of an error's text that are recorded


class Place(NamedTuple):
    """Where a chain stands."""

    actor: bytes  # 16 bytes
    seq: int  # of its newest event
    head: bytes  # that event's hash, 32 bytes


class Decision(NamedTuple):
    """What stands in the event, and what the asker gets: the error if there is one, else the answer."""

    body: dict[str, object]
    answer: Any = None
    error: Exception | None = None

    def refused(self, error: Exception) -> Decision:
        """The same request as one that failed: an event like any other, and it changes nothing."""
        return _refused(self.body, error)


def decide(fold: Fold, request: Request[Any]) -> Decision:
    """Say what the owner of these stores gets for this request."""
    if isinstance(request, New):
        return Decision(request.body(), request.store)
    holding = fold.stores.get(request.store)
    if holding is None:
        return _refused(request.body(), StoreNotFoundError("no such store for this actor"))
    try:
        return Decision(request.body(), _ANSWERS[type(request)](holding, request))
    except MissingError as error:
        return _refused(request.body(), error)


def decide_granted(owners: Fold, request: Request[Any], *, reader: bytes, place: Place) -> Decision:
    """Say what another actor gets, of whom `reader` is the id, while the owner's chain stands at `place`.

    Without a grant a foreign store reads like one that never existed; with one, it is read and not written.
    """
    holding = owners.stores.get(request.store)
    if holding is None or reader not in holding.readers:
        return decide(Fold(), request)
    decision = decide(owners, request)
    if request.writes:
        decision = _refused(request.body(), NotAllowedError("this store was granted for reading only"))
    decision.body["owner"] = list(place)
    return decision


def _refused(body: dict[str, object], error: Exception) -> Decision:
    text = str(error)[:_TEXT].encode(errors="replace").decode()  # a lone surrogate cannot be recorded
    return Decision({**body, "error": {"class": type(error).__name__, "text": text}}, error=error)


def _size_of(holding: Holding, request: OfRef[Any] | OfPair[Any]) -> int:
    size = holding.sizes.get(request.ref.digest)
    if size is None:
        raise ContentNotFoundError(f"this store never stored {request.ref}")
    return size


def _nothing_if_held(holding: Holding, request: OfPair[None]) -> None:
    _size_of(holding, request)


def _nothing(_: Holding, __: Request[None]) -> None:
    """What removes or grants finds nothing to refuse."""


def _named(_: Holding, request: Keeping) -> ContentRef | None:
    return request.ref


def _is_held(holding: Holding, request: Exists) -> bool:
    return request.ref.digest in holding.sizes


def _newest(holding: Holding, request: GetByLabel) -> ContentRef | None:
    digests = holding.labels.get(request.label)
    return ContentRef.of_digest(next(reversed(digests))) if digests else None


def _newest_first(holding: Holding, request: Labelled) -> list[ContentRef]:
    return [ContentRef.of_digest(digest) for digest in reversed(holding.labels.get(request.label, {}))]


def _labels(holding: Holding, _: ListLabels) -> list[str]:
    return sorted(holding.labels)


def _contents(holding: Holding, _: ListAllContent) -> list[ContentRef]:
    return [ContentRef.of_digest(digest) for digest in sorted(holding.sizes)]


def _total_size(holding: Holding, _: CalculateTotalSize) -> int:
    return holding.size


_ANSWERS: dict[type[Request[Any]], Callable[[Holding, Any], object]] = {
    Keep: _named,
    KeepAtLabel: _named,
    ReplaceContentAtLabel: _named,
    KeepStream: _named,
    KeepFile: _named,
    Label: _nothing_if_held,
    ReplaceAtLabel: _nothing_if_held,
    RemoveLabel: _nothing,
    RemoveFromLabel: _nothing,
    Grant: _nothing,
    Get: _size_of,
    GetStream: _size_of,
    Exists: _is_held,
    GetByLabel: _newest,
    Labelled: _newest_first,
    ListLabels: _labels,
    ListAllContent: _contents,
    CalculateTotalSize: _total_size,
}
