"""Recorded text as a terminal may see it: nothing in it steers the terminal or hides what it says."""

from __future__ import annotations


def visible(text: str, *, keep: str = "") -> str:
    r"""`text` with what does not print (escapes, controls, marks of direction) spelled out, as in `\x1b`.

    Characters in `keep` stay.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else repr(each)[1:-1] for each in text)
