"""Histories: what a folder tells, running or not, and that looking changes nothing."""

from __future__ import annotations

import fcntl
from hashlib import sha256
from pathlib import Path

import pytest
from handmade import KEY, ROOT, Handmade, actor_id, small_journal
from independent_verifier import Verifier

from theater import Actor, ContentRef, Theater, handler
from theater.errors import (
    ActorNotFoundError,
    CorruptJournalError,
    FolderError,
    HistoryCutError,
    MissingError,
    SignatureError,
)
from theater.history import History
from theater.proof import EventProof

COUNTER, TELLER = actor_id(1), actor_id(2)


class Counter(Actor):
    total: int = 0

    @handler
    async def add(self, amount: int) -> int:
        self.total += amount
        return self.total

    @handler
    async def keep(self, body: bytes) -> ContentRef:
        return await self.context.store.store_at_label("body", body)


class Crew(Actor):
    @handler
    async def work(self) -> int:
        worker = await self.context.spawn(Counter(), name="worker")
        return await worker.ask(Counter.add, 5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "theater"


@pytest.fixture
def journal(path: Path) -> Handmade:
    return small_journal(path)


def prints(path: Path) -> dict[str, str]:
    """What is on the disk, to the byte and to the nanosecond of its last change."""
    return {
        str(file): f"{sha256(file.read_bytes()).hexdigest()} {file.stat().st_mtime_ns}"
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


# -- actors -------------------------------------------------------------------------------------------------


def test_actors_are_told_by_the_first_and_last_event_of_their_chains(journal: Handmade) -> None:
    counter, teller = History(journal.path).actors()

    assert (counter.id, counter.name, counter.class_name) == (COUNTER, "counter", "app:Actor")
    assert (counter.state, counter.reason, counter.supervisor) == ("asleep", None, ROOT)
    assert (counter.events, counter.head) == (3, journal.chains[COUNTER].head)
    assert (teller.name, teller.state, teller.reason) == ("crew/teller", "ended", "normal")


def test_an_actor_is_alive_while_a_process_holds_the_folder(path: Path) -> None:
    journal = Handmade(path)
    journal.spawn(COUNTER, "counter")
    journal.commit()
    history = History(path)
    assert [actor.state for actor in history.actors()] == ["asleep"]  # as after a crash before the first lock

    with (path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert [actor.state for actor in history.actors()] == ["alive"]

    assert [actor.state for actor in history.actors()] == ["asleep"]


def test_children_name_their_supervisor(path: Path) -> None:
    journal = Handmade(path)
    journal.spawn(COUNTER, "crew")
    journal.spawn(TELLER, "crew/teller", supervisor=COUNTER)
    journal.commit()

    assert [actor.supervisor for actor in History(path).actors()] == [ROOT, COUNTER]


def test_an_actor_whose_first_event_was_removed_is_known_by_its_id(path: Path) -> None:
    journal = Handmade(path)
    journal.removed(COUNTER, "actor/spawned", {"name": "counter"})
    journal.commit()

    (actor,) = History(path).actors()

    assert (actor.name, actor.class_name, actor.supervisor) == (COUNTER.hex(), "", ROOT)
    assert (actor.events, actor.head) == (1, journal.chains[COUNTER].head)


# -- chains -------------------------------------------------------------------------------------------------


def test_a_chain_is_found_by_name_by_id_and_by_the_first_digits_of_its_id(path: Path) -> None:
    journal = Handmade(path)
    actor = bytes.fromhex("abcdef0123456789abcdef0123456789")
    born = journal.spawn(actor, "counter")
    journal.commit()
    history = History(path)

    for name in ("counter", actor, actor.hex(), "abcd", "abcdef01"):
        chain = history.chain(name)
        assert (list(chain), chain.head, chain.first, len(chain)) == ([born], born.hash, 0, 1)
    assert [event.kind for event in history.chain(ROOT)] == ["theater/opened", "actor/spawned"]


@pytest.mark.parametrize("name", ["nobody", "ab", "ABCD", "abcde", "abce", b"", bytes(15), bytes(range(16))])
def test_what_names_no_actor_is_not_found(path: Path, name: str | bytes) -> None:
    journal = Handmade(path)
    journal.spawn(bytes.fromhex("abcdef0123456789abcdef0123456789"), "counter")
    journal.commit()

    with pytest.raises(ActorNotFoundError, match="no actor"):
        History(path).chain(name)


def test_digits_with_which_several_ids_start_name_none_of_them(path: Path) -> None:
    journal = Handmade(path)
    for number in range(2):
        journal.spawn(b"\xab\xcd" + actor_id(number)[2:], f"counter-{number}")
    journal.commit()

    with pytest.raises(ActorNotFoundError, match="2 ids start so"):
        History(path).chain("abcd")


def test_a_name_means_the_one_that_has_not_ended_or_else_the_newest(path: Path) -> None:
    journal = Handmade(path)
    for number in (1, 2, 3):
        journal.spawn(actor_id(number), "counter")
    for number in (1, 3):
        journal.event(actor_id(number), "actor/stopped", {"reason": "normal"})
    journal.commit()
    history = History(path)
    assert history.chain("counter").actor == actor_id(2)

    journal.event(actor_id(2), "actor/stopped", {"reason": "killed"})
    journal.commit()

    assert history.chain("counter").actor == actor_id(3)


def test_a_chain_goes_over_removed_events_and_says_so_where_one_is_asked_for(path: Path) -> None:
    journal = Handmade(path)
    journal.spawn(COUNTER, "counter")
    journal.removed(COUNTER, "log", {"text": "secret"})
    journal.event(COUNTER, "log", {"text": "open"})
    journal.removed(COUNTER, "log", {"text": "secret"})
    journal.commit()

    chain = History(path).chain("counter")

    assert [event.seq for event in chain] == [0, 2]
    assert (len(chain), chain.head) == (4, journal.chains[COUNTER].head)
    with pytest.raises(HistoryCutError):
        chain[1]


def test_only_what_is_committed_is_seen_and_more_as_it_comes(path: Path) -> None:
    journal = Handmade(path)
    journal.spawn(COUNTER, "counter")
    journal.commit()
    history = History(path)
    assert (history.origin, history.key) == (journal.origin, KEY.public)
    before = history.chain("counter")
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.file_of(1).write_bytes(journal.log + journal.batch)
    assert len(history.chain("counter")) == 1

    journal.commit()

    assert (len(history.chain("counter")), len(before)) == (2, 1)
    assert history.prove(history.chain("counter")[1]).index == 3


# -- events and proofs --------------------------------------------------------------------------------------


def test_an_event_is_found_by_actor_and_seq_and_by_the_first_digits_of_its_hash(journal: Handmade) -> None:
    history = History(journal.path)
    event = journal.chains[TELLER][2]

    assert history.event("crew/teller/2") == event
    assert history.event(f"{TELLER.hex()}/2") == event
    assert history.event(event.hash.hex()) == event
    assert history.event(event.hash.hex()[:8]) == event


@pytest.mark.parametrize(
    "text", ["", "counter", "counter/3", "counter/-1", "counter/", "nobody/0", "ffffffff", "zz"]
)
def test_what_names_no_event_is_missing(journal: Handmade, text: str) -> None:
    with pytest.raises(MissingError):
        History(journal.path).event(text)


def test_a_removed_event_is_missing_by_its_hash_too(path: Path) -> None:
    journal = Handmade(path)
    stub = journal.removed(COUNTER, "actor/spawned", {"name": "counter"})
    journal.commit()

    with pytest.raises(MissingError):
        History(path).event(stub.hash.hex())


def test_a_hash_is_not_looked_for_inside_of_others(path: Path) -> None:
    journal = Handmade(path)
    journal.spawn(COUNTER, "counter")
    journal.commit()
    inside = journal.chains[COUNTER][0].hash[5:12].hex()

    with pytest.raises(MissingError):
        History(path).event(inside)


def test_every_event_of_a_folder_is_proved_to_a_stranger(journal: Handmade) -> None:
    history = History(journal.path)

    for actor, chain in journal.chains.items():
        for event in history.chain(actor):
            proof = EventProof.parse(str(history.prove(event)))
            assert proof.verify(KEY.public) == event == chain[event.seq]
            assert proof.checkpoint == journal.checkpoint() == history.checkpoint().checkpoint(history.key)


def test_an_event_of_elsewhere_is_not_proved(journal: Handmade, tmp_path: Path) -> None:
    other = Handmade(tmp_path / "other")
    event = other.spawn(COUNTER, "counter", state={"total": 1_000_000})

    with pytest.raises(MissingError, match="not committed"):
        History(journal.path).prove(event)


def test_a_folder_that_is_not_what_was_signed_proves_nothing(path: Path) -> None:
    journal = Handmade(path)
    event = journal.spawn(COUNTER, "counter")
    forged = journal.checkpoint().sign(KEY)
    journal.commit_note(str(forged).replace(str(forged.signatures[0]), "— a AAAAAAAA"))

    with pytest.raises(SignatureError):
        History(path).prove(event)


def test_a_checkpoint_kept_elsewhere_binds_a_history(path: Path) -> None:
    journal = Handmade(path)
    journal.spawn(COUNTER, "counter")
    journal.commit()
    kept = History(path).checkpoint().checkpoint(KEY.public)
    journal.event(COUNTER, "log", {"text": "hello"})
    journal.commit()

    assert History(path).verify(kept=kept).ok


def test_a_folder_without_a_commit_holds_no_checkpoint(path: Path) -> None:
    Handmade(path)

    with pytest.raises(MissingError, match="no checkpoint"):
        History(path).checkpoint()


# -- folders ------------------------------------------------------------------------------------------------


def test_what_is_no_theaters_folder_has_no_history(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FolderError):
            History(place)


def test_a_damaged_folder_tells_nothing_but_what_is_wrong(journal: Handmade) -> None:
    mark = journal.path / "format"
    mark.write_text(mark.read_text().replace("origin", "0rigin"))
    history = History(journal.path)

    for look in (history.actors, history.checkpoint, lambda: history.key, lambda: history.origin):
        with pytest.raises(CorruptJournalError):
            look()
    assert not history.verify().ok
    assert not history.verify("counter").ok


def test_looking_changes_nothing(journal: Handmade) -> None:
    before = prints(journal.path)

    history = History(journal.path)
    event = history.chain("counter")[0]
    history.actors()
    history.verify(signatures=True)
    history.prove(event)

    assert prints(journal.path) == before


# -- a theater's own folder ---------------------------------------------------------------------------------


@pytest.mark.real_clock
async def test_a_running_theater_is_looked_at_from_outside(path: Path) -> None:
    async with Theater(path) as theater:
        counter = await theater.spawn(Counter(), name="counter")
        await counter.ask(Counter.add, 42)
        await theater.settled()
        history = History(path)

        assert [(actor.name, actor.state) for actor in history.actors()] == [("counter", "alive")]
        assert history.chain("counter").head == theater.chain(counter).head
        assert (history.verify().ok, history.verify().closed) == (True, False)
        assert history.chain("counter")[-1].body["answer"] == 42


@pytest.mark.real_clock
async def test_a_closed_theater_verifies_by_both_verifiers(path: Path) -> None:
    async with Theater(path) as theater:
        counter = await theater.spawn(Counter(), name="counter")
        crew = await theater.spawn(Crew(), name="crew")
        await crew.ask(Crew.work)
        await counter.ask(Counter.keep, b"small")
        await counter.ask(Counter.keep, b"middle" * 1000)
        await counter.ask(Counter.keep, b"large" * 1_000_000)
        await crew.stop()

    found = History(path).verify(signatures=True)

    assert (found.ok, found.tail, found.closed, found.actors, found.contents) == (True, 0, True, 4, 3)
    assert Verifier(path).wrong == ""
    assert [(actor.name, actor.state, actor.reason) for actor in History(path).actors()] == [
        ("counter", "asleep", None),
        ("crew", "ended", "normal"),
        ("crew/worker", "ended", "shutdown"),
    ]


@pytest.mark.real_clock
async def test_a_large_content_whose_file_rots_is_named(path: Path) -> None:
    async with Theater(path) as theater:
        counter = await theater.spawn(Counter(), name="counter")
        ref = await counter.ask(Counter.keep, b"large" * 1_000_000)
    (file,) = (path / "blobs").rglob(ref.hash)
    with file.open("r+b") as content:
        content.seek(1234)
        content.write(b"X")

    found = History(path).verify()

    assert str(found.wrong).startswith(f"content {ref} (segment 1, byte ")
