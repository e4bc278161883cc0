"""Other systems of actors: what each is, what it does not do, and what must be installed to measure it."""

from __future__ import annotations

from benchmarks.kinds import Environment, System

_SLOW = "to make so many takes it a minute; what one takes hardly depends on how many there are"

PYKKA = System(
    "pykka",
    "benchmarks.peers.pykka",
    "Pykka 4.5: an actor is a thread, written and called without `await`; unbounded mailboxes, no"
    " supervision; nothing is recorded",
    environment=Environment(("pykka==4.5.0",)),
    without={"idle100k": "100,000 threads are more than a process may have"},
    counts={"spawn": 5_000},
)
CASTY = System(
    "casty",
    "benchmarks.peers.casty",
    "casty 0.30: virtual actors on a runtime in Rust, made by their first message (so a spawn is an ask, a"
    " stop a release); messages are serialised, mailboxes unbounded; nothing is recorded; needs Python 3.12",
    environment=Environment(("casty==0.30.2",), pythons=("3.12", "3.13")),
)
LAPINBEAM = System(
    "lapinbeam",
    "benchmarks.peers.lapinbeam",
    "lapinbeam 1.3: supervised actors with an `asyncio.Queue` each, a core in Rust between nodes (none here);"
    " messages are not typed; nothing is recorded",
    environment=Environment(("lapinbeam==1.3.0",)),
    without={"idle100k": _SLOW},
    counts={"ask64": 40_000},
)
THESPIAN = System(
    "thespian",
    "benchmarks.peers.thespian",
    "Thespian 4.0, simple base: synchronous, everything happens within the caller's `tell` or `ask`, one at"
    " a time, so nothing is concurrent and no actor waits; nothing is recorded",
    environment=Environment(("thespian==4.0.1",)),
    without={"ask64": "its `ask` blocks until the answer is there"},
)
TAPIO = System(
    "tapio",
    "benchmarks.peers.tapio",
    "tapio 0.18: typed behaviours in the manner of Pekko, supervised; each message is checked by pydantic, as"
    " Theater checks arguments; nothing is recorded",
    environment=Environment(("tapio-py==0.18.0",)),
    without={"idle100k": _SLOW},
    counts={"ask64": 40_000},
)
PAPYRA = System(
    "papyra",
    "benchmarks.peers.papyra",
    "papyra 0.3: supervised actors in anyio task groups; it can keep events of actors' lives (not of"
    " messages), which is off here",
    environment=Environment(("papyra==0.3.0",)),
    without={"idle100k": _SLOW},
    counts={"ask64": 40_000, "spawn": 5_000},
)
XOSCAR = System(
    "xoscar",
    "benchmarks.peers.xoscar",
    "xoscar 0.12, all actors in one pool of this process: an actor is an object with a lock, without a task"
    " or a mailbox; meant for many processes; nothing is recorded",
    environment=Environment(("xoscar==0.12.2",)),
    counts={"tell": 50_000, "ask": 20_000, "ask64": 20_000, "ring": 30_000},
)
AUTOGEN = System(
    "autogen",
    "benchmarks.peers.autogen",
    "autogen-core 0.7, its single-threaded runtime: one queue for all agents; a tell is a message to a topic;"
    " agents cannot be stopped, so its spawn is half of the work; nothing is recorded",
    environment=Environment(("autogen-core==0.7.5",)),
    counts={"tell": 10_000, "ask": 5_000, "ask64": 5_000, "ring": 10_000},
)
RAY = System(
    "ray",
    "benchmarks.peers.ray",
    "Ray 2.60 on this machine alone: an actor is a process, for work that takes longer than a message; its"
    " ring has 8 actors, and 4 are idle; nothing is recorded",
    environment=Environment(("ray==2.60.0",)),
    without={"idle100k": "an actor is a process"},
    counts={"tell": 10_000, "ask": 2_000, "ask64": 2_000, "ring": 2_000, "spawn": 8, "idle": 4},
)
ERLANG = System(
    "erlang",
    "benchmarks.peers.erlang",
    "Erlang/OTP, its own machine and language, on two schedulers: bare processes, `!` and `receive`, without"
    " `gen_server`; nothing is recorded",
    programs=("erl", "erlc"),
    counts={"tell": 1_000_000, "ask": 200_000, "ask64": 200_000, "ring": 1_000_000, "spawn": 100_000},
)

PEERS = (PYKKA, CASTY, LAPINBEAM, THESPIAN, TAPIO, PAPYRA, XOSCAR, AUTOGEN, RAY, ERLANG)
