"""What an actor may do with stores, as its grants say it: a decision from the fold and the request alone."""

from __future__ import annotations

from typing import Any

from theater.errors import NotAllowedError
from theater.grants import Grants
from theater.store.fold import Fold
from theater.store.requests import Grant, Keeping, New, Request

_WORDS = {
    "own": "to use a store of its own",
    "new": "to make further stores",
    "others": "to read stores of others",
    "lend": "to lend its stores",
}


def refusal(grants: Grants, fold: Fold, request: Request[Any]) -> NotAllowedError | None:
    """Why the owner of these stores may not make this request; None if it may."""
    use = _use(fold, request)
    if not grants.permits("stores", use):
        granted = grants.said("stores")
        text = f"it was not granted {_WORDS[use]} (stores: {use}); granted: {granted}"
        return NotAllowedError(text, asked=use, granted=granted)
    if isinstance(request, Keeping) and request.ref is not None and not fold.holds(request.ref.digest):
        return too_much(grants, fold.size + request.size)
    return None


def too_much(grants: Grants, total: int) -> NotAllowedError | None:
    """Why so many bytes may not be stored in all, each distinct content once; None if they may."""
    if grants.permits("bytes_stored", total):
        return None
    granted = grants.said("bytes_stored")
    text = f"its stores would hold {total} bytes; granted: {granted}"
    return NotAllowedError(text, asked=str(total), granted=granted)


def _use(fold: Fold, request: Request[Any]) -> str:
    if isinstance(request, New):
        return "own" if request.default else "new"
    if isinstance(request, Grant):
        return "lend"
    return "own" if request.store in fold.stores else "others"
