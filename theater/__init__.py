"""Actors for asyncio whose every step is recorded, signed and provable."""

from theater.actor import Actor, handler
from theater.chain import Chain
from theater.content import ContentRef
from theater.context import Context
from theater.effects import effect
from theater.ref import ActorRef
from theater.store import Store, Stores
from theater.system import Theater

__all__ = [
    "Actor",
    "ActorRef",
    "Chain",
    "ContentRef",
    "Context",
    "Store",
    "Stores",
    "Theater",
    "effect",
    "handler",
]
