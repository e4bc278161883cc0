"""Ready-made actors: each is one file that needs nothing but `theater`, to use, to subclass or to read."""

from actors.counter import Counter
from actors.keyvalue import KeyValue, Version
from actors.pubsub import Listener, PubSub
from actors.workerpool import WorkerPool

__all__ = ["Counter", "KeyValue", "Listener", "PubSub", "Version", "WorkerPool"]
