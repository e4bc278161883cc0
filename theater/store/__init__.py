"""Stores: what an actor keeps, by content and by label, with every request in its chain."""

from theater.store.fold import Fold, fold_of
from theater.store.handle import Store, Stores
from theater.store.owner import Lender, Owner
from theater.store.streams import ContentStream
from theater.store.supervisor import StoreSupervisor

__all__ = ["ContentStream", "Fold", "Lender", "Owner", "Store", "StoreSupervisor", "Stores", "fold_of"]
