"""Manifests as values: a theater, and the actors that are to be in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from theater.options import Options
from theater.restart import RestartLimit, Strategy


@dataclass(frozen=True, slots=True)
class House:
    """Options of the theater; None leaves them as `Theater` has them."""

    folder: str | None = None
    record_messages: bool | None = None
    keep: int | None = None
    keep_bytes: int | None = None
    closing: float | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """How an actor supervises its children; None leaves it to its class."""

    strategy: Strategy | None = None
    limit: RestartLimit | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """One actor: its class, what it begins with, how it is kept, and whom it supervises."""

    class_name: str  # "module:Qualname"
    name: str
    state: Mapping[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    supervision: Rules | None = None  # None: as its class says
    children: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A theater and its crew, in the order of their start."""

    theater: House = field(default_factory=House)
    actor: tuple[Member, ...] = ()
