"""Writing a manifest: TOML that `parse` reads back as the same value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

from theater.manifest.keys import MANIFEST
from theater.manifest.values import Manifest

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def to_toml(manifest: Manifest) -> str:
    """A manifest as TOML, without what has its default."""
    return document(MANIFEST.write(manifest))


def document(tables: Mapping[str, Any]) -> str:
    """What `tomllib` reads as these tables."""
    return "\n".join(_table(tables, ())).strip("\n") + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """The lines of a table: what is short first, then its tables and its lists of tables."""
    long = {
        name for name, value in table.items() if _is_tables(value) or (not path and isinstance(value, dict))
    }
    for name, value in table.items():
        if name not in long:
            yield f"{_key(name)} = {_value(value)}"
    for name in (name for name in table if name in long):
        below = (*path, name)
        header = ".".join(map(_key, below))
        if isinstance(table[name], list):
            for one in table[name]:
                yield from ("", f"[[{header}]]", *_table(one, below))
        else:
            yield from ("", f"[{header}]", *_table(table[name], below))


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(name)} = {_value(one)}' for name, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
