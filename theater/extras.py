"""What most actors never have: kept apart, so that those who have none of it stay small."""

from __future__ import annotations


class Extras:
    """One actor's rare belongings; each is made by the module that knows it."""

    __slots__ = ()
