"""Stores: what an actor keeps, by content and by label, with every request in its chain."""

from theater.store.handle import Store, Stores
from theater.store.streams import ContentStream

__all__ = ["ContentStream", "Store", "Stores"]
