"""Ready-made actors: each is one file that needs nothing but `theater`, to use, to subclass or to read.

`HttpClient` needs `theater[http]`, and is imported from `actors.httpclient`.
"""

from actors.aggregator import Aggregator, BatchError, Gathered
from actors.cache import Cache, LoadError, Loads
from actors.circuitbreaker import Circuit, CircuitBreaker, CircuitOpenError, guarded
from actors.counter import Counter
from actors.filewatcher import FileChange, FileWatcher, How, Watches
from actors.keyvalue import KeyValue, Version
from actors.pubsub import Listener, PubSub, TopicError
from actors.ratelimiter import RateError, RateLimiter
from actors.saga import Outcome, Saga, Status, Step
from actors.scheduler import Cron, CronError, Scheduler
from actors.workerpool import Lease, WorkerPool, with_worker

__all__ = [
    "Aggregator",
    "BatchError",
    "Cache",
    "Circuit",
    "CircuitBreaker",
    "CircuitOpenError",
    "Counter",
    "Cron",
    "CronError",
    "FileChange",
    "FileWatcher",
    "Gathered",
    "How",
    "KeyValue",
    "Lease",
    "Listener",
    "LoadError",
    "Loads",
    "Outcome",
    "PubSub",
    "RateError",
    "RateLimiter",
    "Saga",
    "Scheduler",
    "Status",
    "Step",
    "TopicError",
    "Version",
    "Watches",
    "WorkerPool",
    "guarded",
    "with_worker",
]
