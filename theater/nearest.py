"""Nearest names: what somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 8  # names in a list


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """The end of a sentence about a wrong `word`: the name that is nearest, or else which there are."""
    known = list(dict.fromkeys(names))
    near = get_close_matches(word.lower(), {name.lower() for name in known}, n=1)
    if near:
        return f"; did you mean {next(name for name in known if name.lower() == near[0])!r}?"
    if not known:
        return ""
    more = ", …" if len(known) > _SHOWN else ""
    return f"; there {'is' if len(known) == 1 else 'are'} {', '.join(known[:_SHOWN])}{more}"
