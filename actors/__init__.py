"""Ready-made actors: each is one file that needs nothing but `theater`, to use, to subclass or to read.

`HttpClient` needs `theater[http]`, and is imported from `actors.httpclient`.
"""

from actors.circuitbreaker import Circuit, CircuitBreaker, CircuitOpenError, guarded
from actors.counter import Counter
from actors.filewatcher import FileChange, FileWatcher, How, Watches
from actors.keyvalue import KeyValue, Version
from actors.pubsub import Listener, PubSub, TopicError
from actors.scheduler import Cron, CronError, Scheduler
from actors.workerpool import Lease, WorkerPool, with_worker

__all__ = [
    "Circuit",
    "CircuitBreaker",
    "CircuitOpenError",
    "Counter",
    "Cron",
    "CronError",
    "FileChange",
    "FileWatcher",
    "How",
    "KeyValue",
    "Lease",
    "Listener",
    "PubSub",
    "Scheduler",
    "TopicError",
    "Version",
    "Watches",
    "WorkerPool",
    "guarded",
    "with_worker",
]
