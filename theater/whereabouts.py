"""Whereabouts: how the record names the module that a class or a function stands in."""

from __future__ import annotations

import sys

_MAIN = "__main__"


def name_of_module(module: str) -> str:
    """The name in the record: of the program that was started, the one by which it can be imported.

    So `python first.py` and `theater replay --import first` speak of the same classes.
    """
    return _name_of_program() if module == _MAIN else module


def modules_named(name: str) -> list[object]:
    """The modules that are imported and have this name in the record; the program that was started first."""
    names = dict.fromkeys([_MAIN, name] if name == _name_of_program() else [name])
    return [sys.modules[each] for each in names if each in sys.modules]


def _name_of_program() -> str:
    main = sys.modules.get(_MAIN)
    spec = getattr(main, "__spec__", None)
    if spec is not None:  # python -m
        return str(spec.name)
    _, _, file = str(getattr(main, "__file__", None) or "").replace("\\", "/").rpartition("/")
    name = file.removesuffix(".py")
    can_be_imported = name != file and "." not in name
    return name if can_be_imported else _MAIN  # typed in, say, or a notebook
