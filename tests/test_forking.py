"""Forking: another actor goes on from a moment in the record, and needs nothing of its parent to live."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from independent_verifier import Verifier
from told import kinds, told, triple

from theater import (
    INITIAL,
    Actor,
    ActorFailedError,
    ActorNotFoundError,
    ActorRef,
    DiskFullError,
    Event,
    Grants,
    History,
    HistoryCutError,
    MissingError,
    NameTakenError,
    NotAllowedError,
    NotRecordedError,
    SetupError,
    Snapshots,
    StoreNotFoundError,
    Theater,
    compact,
    handler,
)

STEPS: list[str] = []
GATES: dict[str, anyio.Event] = {}


@pytest.fixture(autouse=True)
def steps() -> list[str]:
    """What actors did, in this test alone."""
    STEPS.clear()
    GATES.clear()
    return STEPS


class Keeper(Actor):
    """Keeps things in its state and in its store."""

    things: list[Any] = []  # noqa: RUF012  # given fresh to each instance
    friend: ActorRef[Any] | None = None

    def on_load(self) -> None:
        STEPS.append("on_load")
        if "no scratch" in STEPS:
            raise RuntimeError("no scratch")

    async def on_start(self) -> None:
        STEPS.append("on_start")

    @handler
    async def add(self, thing: Any) -> int:
        self.things.append(thing)
        return len(self.things)

    @handler
    async def all(self) -> list[Any]:
        return self.things

    @handler
    async def fail(self) -> None:
        raise RuntimeError("no")

    @handler
    async def shelve(self, label: str, content: bytes) -> str:
        await self.context.store.replace_content_at_label(label, content)
        return self.context.store.id

    @handler
    async def shelved(self, label: str) -> bytes | None:
        ref = await self.context.store.get_by_label(label)
        return None if ref is None else await self.context.store.get(ref)

    @handler
    async def shelved_in(self, store: str, label: str) -> bytes | None:
        opened = self.context.stores.open(store)
        ref = await opened.get_by_label(label)
        return None if ref is None else await opened.get(ref)

    @handler
    async def lend(self, reader: ActorRef[Any]) -> str:
        await self.context.stores.grant(self.context.store, to=reader)
        return self.context.store.id

    @handler
    async def befriend(self, friend: ActorRef[Any]) -> None:
        self.friend = friend

    @handler
    async def add_to_both(self, thing: Any) -> int:
        assert self.friend is not None
        count: int = await self.friend.ask(Keeper.add, thing)
        gate = GATES.get("between")
        if gate is not None:
            GATES["reached"].set()
            await gate.wait()
        self.things.append(thing)
        return count

    @handler
    async def hire(self, name: str) -> ActorRef[Any]:
        self.friend = await self.context.spawn(Keeper(), name=name)
        return self.friend

    @handler
    async def remind(self, thing: Any) -> None:
        self.context.after(1.0, Keeper.add, thing)

    @handler
    async def shelve_and_wait(self, label: str, content: bytes) -> None:
        await self.context.store.store_at_label(label, content)
        self.things.append("half")
        GATES["reached"].set()
        await GATES["between"].wait()


@pytest.fixture
async def keeper(theater: Theater) -> ActorRef[Keeper]:
    return await theater.spawn(Keeper(), name="keeper")


def handled(theater: Theater, actor: ActorRef[Any]) -> list[Event]:
    return told(theater, actor, "message/handled")


async def test_a_fork_has_the_state_of_that_moment_and_goes_its_own_way(
    theater: Theater, keeper: ActorRef[Keeper]
) -> None:
    for thing in "abc":
        await keeper.ask(Keeper.add, thing)
    moment = handled(theater, keeper)[2]  # after on_start and two messages

    what_if = await theater.fork(keeper, at=moment.seq, name="what-if")

    assert await what_if.ask(Keeper.add, "z") == 3
    assert await what_if.ask(Keeper.all) == ["a", "b", "z"]
    assert await keeper.ask(Keeper.all) == ["a", "b", "c"]


async def test_the_first_event_names_the_parent_and_holds_all_that_the_fork_begins_with(
    theater: Theater, keeper: ActorRef[Keeper]
) -> None:
    await keeper.ask(Keeper.add, "a")
    moment = handled(theater, keeper)[-1]
    await keeper.ask(Keeper.shelve, "x", b"content")

    fork = await theater.fork(keeper, at=moment.seq)
    later = await theater.fork(keeper)

    born, full = theater.chain(fork)[0], theater.chain(later)[0]
    assert born.kind == full.kind == "actor/spawned"
    assert born.body["fork"] == triple(moment)
    assert born.body["state"] == {"things": ["a"], "friend": None}
    assert "stores" not in born.body
    assert full.body["fork"] == triple(theater.chain(keeper)[-1])
    assert next(iter(full.body["stores"]["stores"].values()))["labels"].keys() == {"x"}


@pytest.mark.parametrize("back", [0, 1, 2])
async def test_a_fork_starts_after_the_last_message_handled_at_or_before_the_moment(
    theater: Theater, keeper: ActorRef[Keeper], back: int
) -> None:
    await keeper.ask(Keeper.shelve, "x", b"1")
    await keeper.ask(Keeper.shelve, "x", b"2")
    first, second = handled(theater, keeper)[-2:]

    fork = await theater.fork(keeper, at=second.seq - back)

    point = first if back else second
    assert theater.chain(fork)[0].body["fork"] == triple(point)
    assert await fork.ask(Keeper.shelved, "x") == (b"1" if back else b"2")


async def test_what_a_handler_in_the_middle_has_done_is_not_in_the_fork(
    theater: Theater, keeper: ActorRef[Keeper]
) -> None:
    await keeper.ask(Keeper.add, "a")
    GATES.update(reached=anyio.Event(), between=anyio.Event())
    await keeper.tell(Keeper.shelve_and_wait, "x", b"half")
    await GATES["reached"].wait()

    fork = await theater.fork(keeper)
    GATES["between"].set()

    assert await fork.ask(Keeper.all) == ["a"]
    assert await fork.ask(Keeper.shelved, "x") is None


async def test_a_fork_loads_but_does_not_start(theater: Theater, keeper: ActorRef[Keeper]) -> None:
    STEPS.clear()

    fork = await theater.fork(keeper)

    assert await fork.ask(Keeper.all) == []
    assert STEPS == ["on_load"]


async def test_mailbox_timers_and_children_stay_with_the_parent(
    theater: Theater, keeper: ActorRef[Keeper]
) -> None:
    await keeper.ask(Keeper.hire, "child")
    await keeper.ask(Keeper.remind, "late")

    fork = await theater.fork(keeper, name="fork")
    await anyio.sleep(2)

    assert await keeper.ask(Keeper.all) == ["late"]
    assert await fork.ask(Keeper.all) == []
    with pytest.raises(ActorNotFoundError):
        theater.find("fork/child")


async def test_the_stores_of_a_fork_are_its_own_view(theater: Theater, keeper: ActorRef[Keeper]) -> None:
    store = await keeper.ask(Keeper.shelve, "x", b"old")
    fork = await theater.fork(keeper)

    await keeper.ask(Keeper.shelve, "x", b"of the parent")
    await fork.ask(Keeper.shelve, "y", b"of the fork")

    assert await fork.ask(Keeper.shelved, "x") == b"old"
    assert await fork.ask(Keeper.shelved_in, store, "x") == b"old"  # an id in the state is good
    assert await fork.ask(Keeper.shelved, "y") == b"of the fork"
    assert await keeper.ask(Keeper.shelved, "y") is None


async def test_a_fork_lends_its_own_view_and_none_of_its_parents_grants_are_its_own(
    theater: Theater, keeper: ActorRef[Keeper]
) -> None:
    first, second, third = [await theater.spawn(Keeper(), name=name) for name in ("one", "two", "three")]
    store = await keeper.ask(Keeper.shelve, "x", b"old")
    await keeper.ask(Keeper.lend, first)
    fork = await theater.fork(keeper)
    await fork.ask(Keeper.shelve, "x", b"new")

    await fork.ask(Keeper.lend, second)

    assert await first.ask(Keeper.shelved_in, store, "x") == b"old"
    assert await second.ask(Keeper.shelved_in, store, "x") == b"new"
    with pytest.raises(ActorFailedError) as caught:
        await third.ask(Keeper.shelved_in, store, "x")
    assert isinstance(caught.value.__cause__, StoreNotFoundError)


async def test_a_fork_keeps_the_options_of_its_parent(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper(), state=INITIAL, mailbox=7, grants=Grants(stores=["own"]))
    await keeper.ask(Keeper.add, "a")

    fork = await theater.fork(keeper)

    options = theater.chain(fork)[0].body["options"]
    assert options == theater.chain(keeper)[0].body["options"]
    with pytest.raises(ActorFailedError, match="not granted"):
        await fork.ask(Keeper.hire, "child")
    assert await fork.ask(Keeper.all) == ["a"]  # what it was spawned with is its initial state


async def test_a_fork_can_be_forked(theater: Theater, keeper: ActorRef[Keeper]) -> None:
    await keeper.ask(Keeper.shelve, "x", b"1")
    fork = await theater.fork(keeper)

    again = await theater.fork(fork, at=0)

    assert await again.ask(Keeper.shelved, "x") == b"1"
    assert theater.chain(again)[0].body["fork"] == triple(theater.chain(fork)[0])


async def test_an_actor_that_has_failed_for_good_can_be_forked_from_before(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper(), name="keeper", state=INITIAL)
    await keeper.ask(Keeper.add, "a")
    moment = handled(theater, keeper)[-1].seq
    for _ in range(5):
        await keeper.tell(Keeper.fail)
    await theater.settled()

    fork = await theater.fork("keeper", at=moment)

    assert kinds(theater, keeper)[-1] == "actor/stopped"
    assert await fork.ask(Keeper.all) == ["a"]


async def test_a_restart_with_another_state_counts_from_the_next_message_on(theater: Theater) -> None:
    keeper = await theater.spawn(Keeper(), state=INITIAL)
    await keeper.ask(Keeper.add, "a")
    with pytest.raises(ActorFailedError):
        await keeper.ask(Keeper.fail)
    await keeper.ask(Keeper.all)
    restarted = told(theater, keeper, "actor/restarted")[0]

    before = await theater.fork(keeper, at=restarted.seq - 1)
    after = await theater.fork(keeper, at=len(theater.chain(keeper)) - 1)

    assert await before.ask(Keeper.all) == ["a"]
    assert await after.ask(Keeper.all) == []


async def test_a_fork_without_a_name_is_called_after_its_parent(
    theater: Theater, keeper: ActorRef[Keeper]
) -> None:
    fork = await theater.fork(keeper)

    assert fork.name.startswith("keeper-")
    assert theater.find(fork.name) == fork


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"name": "keeper"}, NameTakenError),
        ({"name": "a/b"}, SetupError),
        ({"at": 99}, MissingError),
        ({"at": -1}, MissingError),
        ({"at": "3"}, SetupError),
    ],
    ids=str,
)
async def test_a_fork_that_cannot_be_is_refused_and_leaves_nothing(
    theater: Theater, keeper: ActorRef[Keeper], options: dict[str, Any], error: type[Exception]
) -> None:
    before = theater.statistics().actors, len(theater.chain(bytes(16)))

    with pytest.raises(error):
        await theater.fork(keeper, **options)

    assert (theater.statistics().actors, len(theater.chain(bytes(16)))) == before


async def test_the_theater_itself_and_strangers_cannot_be_forked(theater: Theater) -> None:
    with pytest.raises(SetupError, match="no actor"):
        await theater.fork(bytes(16))
    with pytest.raises(ActorNotFoundError):
        await theater.fork("nobody")


async def test_a_fork_that_fails_in_on_load_leaves_nothing(
    theater: Theater, keeper: ActorRef[Keeper]
) -> None:
    STEPS.append("no scratch")
    before = theater.statistics().actors, len(theater.chain(bytes(16)))

    with pytest.raises(ActorFailedError, match="could not be forked: RuntimeError: no scratch"):
        await theater.fork(keeper, name="fork")

    assert (theater.statistics().actors, len(theater.chain(bytes(16)))) == before
    STEPS.clear()
    assert await (await theater.fork(keeper, name="fork")).ask(Keeper.all) == []


async def test_forks_that_do_not_fit_on_the_disk_are_not_there(
    theater: Theater, crew: tuple[ActorRef[Keeper], ActorRef[Keeper]], monkeypatch: pytest.MonkeyPatch
) -> None:
    head, hand = crew
    await hand.ask(Keeper.add, b"x" * 2_000)

    def refuse(digest: bytes, content: bytes, *, kept: bool) -> None:
        del digest, content, kept
        raise DiskFullError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(theater._begun().journal, "put", refuse)
        with pytest.raises(DiskFullError):
            await theater.fork(head, name="copy", crew=True)
    lost = theater.chain(bytes(16))[-1].body["child"]

    assert [event.kind for event in theater.chain(lost)] == [
        "actor/spawned",
        *["actor/spawned", "actor/stopped"],
    ]
    fork = await theater.fork(head, name="copy", crew=True)
    assert len(fork._cell.children or ()) == 1
    assert await theater.find("copy/hand").ask(Keeper.all) == [b"x" * 2_000]
    assert await (await theater.fork(lost, at=2, name="again", crew=True)).ask(Keeper.all) == []


async def test_an_actor_with_limits_forks_only_what_it_may_spawn(theater: Theater) -> None:
    class Forker(Actor):
        @handler(raises=(NotAllowedError,))
        async def fork(self, name: str) -> None:
            await theater.fork(name)

    await theater.spawn(Keeper(), name="keeper")
    forker = await theater.spawn(Forker(), grants=Grants())

    with pytest.raises(NotAllowedError):
        await forker.ask(Forker.fork, "keeper")


async def test_a_fork_replays_from_what_its_first_event_holds(
    theater: Theater, keeper: ActorRef[Keeper]
) -> None:
    await keeper.ask(Keeper.shelve, "x", b"1")
    fork = await theater.fork(keeper, name="fork")
    await fork.ask(Keeper.shelve, "y", b"2")
    assert await fork.ask(Keeper.shelved, "x") == b"1"

    replay = await theater.replay("fork")

    assert replay.ok, str(replay)
    assert replay.head == theater.chain(fork).head


# -- states ----------------------------------------------------------------------------------------------

LARGE = "x" * 5_000


async def test_the_state_at_any_event_is_that_of_the_last_message_handled(
    theater: Theater, keeper: ActorRef[Keeper]
) -> None:
    await keeper.ask(Keeper.add, "a")
    await keeper.ask(Keeper.shelve, "x", b"1")
    await keeper.ask(Keeper.add, "b")
    last = len(theater.chain(keeper)) - 1

    states = [theater.state_at(keeper, seq)["things"] for seq in range(last + 1)]

    assert states == [[]] * 2 + [["a"]] * (last - 2) + [["a", "b"]]
    assert theater.state_at("keeper") == theater.chain(keeper).state_at() == theater.state_at(keeper, last)
    with pytest.raises(MissingError):
        theater.state_at(keeper, last + 1)


async def test_a_state_too_large_for_the_record_is_made_again_when_it_is_no_longer_at_hand(
    theater: Theater, keeper: ActorRef[Keeper]
) -> None:
    await keeper.ask(Keeper.add, LARGE)
    large = handled(theater, keeper)[-1].seq
    assert theater.state_at(keeper, large)["things"] == [LARGE]
    fork = await theater.fork(keeper, at=large)
    assert await fork.ask(Keeper.all) == [LARGE]

    await keeper.ask(Keeper.add, LARGE)

    with pytest.raises(NotRecordedError, match="larger than 4 KiB"):
        theater.chain(keeper).state_at(large)
    assert theater.state_at(keeper, large)["things"] == [LARGE]
    fork = await theater.fork(keeper, at=large)
    assert await fork.ask(Keeper.all) == [LARGE]
    assert theater.state_at(keeper, large - 1)["things"] == []


async def test_a_bounded_record_forks_what_runs_and_says_what_it_has_dropped() -> None:
    async with Theater(keep=10) as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        other = await theater.spawn(Keeper(), name="other")
        await keeper.ask(Keeper.shelve, "x", b"1")
        for number in range(20):
            await other.ask(Keeper.add, number)

        fork = await theater.fork(keeper)

        assert await fork.ask(Keeper.shelved, "x") == b"1"
        with pytest.raises(HistoryCutError):
            await theater.fork(keeper, at=1)


async def test_without_recorded_messages_a_fork_starts_where_its_parent_stands() -> None:
    async with Theater(record_messages=False) as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.ask(Keeper.add, "a")
        await keeper.ask(Keeper.shelve, "x", b"1")

        fork = await theater.fork(keeper)

        assert theater.chain(fork)[0].body["fork"] == triple(theater.chain(keeper)[-1])
        assert await fork.ask(Keeper.all) == ["a"]
        assert await fork.ask(Keeper.shelved, "x") == b"1"
        assert theater.state_at(keeper)["things"] == ["a"]
        with pytest.raises(NotRecordedError):
            await theater.fork(keeper, crew=True)


# -- folders ---------------------------------------------------------------------------------------------


@pytest.fixture
def stage(tmp_path: Path) -> Callable[..., Theater]:
    """Opens the same folder again and again."""

    def open_again(**options: Any) -> Theater:
        return Theater(tmp_path / "theater", **options)

    return open_again


@pytest.mark.real_clock
async def test_a_fork_in_a_folder_verifies_resumes_and_lives_without_its_parent(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    async with stage() as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.ask(Keeper.add, "a")
        await keeper.ask(Keeper.shelve, "x", b"1" * 2_000_000)
        fork = await theater.fork(keeper, name="fork")
        await fork.ask(Keeper.add, "b")
        await keeper.stop()

    async with stage() as theater:
        [fork] = (await theater.resume()).refs
        assert await fork.ask(Keeper.all) == ["a", "b"]
        assert await fork.ask(Keeper.shelved, "x") == b"1" * 2_000_000
        await fork.ask(Keeper.shelve, "x", b"2")

    history = History(tmp_path / "theater")
    report = history.verify()
    assert report.ok, str(report)
    assert Verifier(tmp_path / "theater").ok
    assert history.state_at("fork") == {"things": ["a", "b"], "friend": None}
    assert (
        history.state_at("fork", 0) == history.chain("keeper").state_at() == {"things": ["a"], "friend": None}
    )
    with pytest.raises(MissingError):
        history.state_at("fork", 99)


@pytest.mark.real_clock
async def test_sleepers_and_the_dead_are_forked_from_the_record(stage: Callable[..., Theater]) -> None:
    async with stage() as theater:
        for name in ("sleeper", "dead"):
            keeper = await theater.spawn(Keeper(), name=name)
            await keeper.ask(Keeper.add, LARGE)
            await keeper.ask(Keeper.shelve, "x", name.encode())
        await keeper.stop()

    async with stage() as theater:
        fork = await theater.fork("sleeper", name="fork")
        assert await fork.ask(Keeper.all) == [LARGE]  # from the snapshot of the close
        assert await fork.ask(Keeper.shelved, "x") == b"sleeper"
        assert await (await theater.fork("dead")).ask(Keeper.all) == [LARGE]  # made again
        dead = await theater.fork("dead", at=1)
        assert await dead.ask(Keeper.all) == []


@pytest.mark.real_clock
async def test_a_class_that_is_not_imported_must_be_given(stage: Callable[..., Theater]) -> None:
    class Local(Actor):
        total: int = 0

        @handler
        async def get(self) -> int:
            return self.total

    async with stage() as theater:
        await theater.spawn(Local(total=3), name="local")

    async with stage() as theater:
        with pytest.raises(SetupError, match="not imported"):
            await theater.fork("local")
        fork = await theater.fork("local", classes=[Local])
        assert await fork.ask("get") == 3


@pytest.mark.real_clock
async def test_forks_live_on_what_compacting_leaves_of_their_parents(
    stage: Callable[..., Theater], tmp_path: Path
) -> None:
    async with stage(snapshots=Snapshots(events=5)) as theater:
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.ask(Keeper.hire, "hand")
        await keeper.ask(Keeper.shelve, "x", b"1")
        for number in range(10):
            await keeper.ask(Keeper.add_to_both, number)
        gone = await theater.fork(keeper, name="gone")
        await gone.ask(Keeper.shelve, "x", b"2")
        await theater.fork(gone, name="heir")
        await gone.stop()
    removed = compact(tmp_path / "theater").events + compact(tmp_path / "theater", erase=["gone"]).events
    assert removed > 40

    async with stage() as theater:
        await theater.resume()
        late = await theater.fork("keeper", name="late", crew=True)
        assert await theater.find("heir").ask(Keeper.shelved, "x") == b"2"
        assert await late.ask(Keeper.shelved, "x") == b"1"
        assert await theater.find("late/hand").ask(Keeper.all) == [*range(10)]
        with pytest.raises(HistoryCutError):
            await theater.fork("keeper", at=9)

    assert History(tmp_path / "theater").verify().ok


# -- crews -----------------------------------------------------------------------------------------------


@pytest.fixture
async def crew(theater: Theater) -> tuple[ActorRef[Keeper], ActorRef[Keeper]]:
    """A supervisor whose child is its friend."""
    head = await theater.spawn(Keeper(), name="head")
    return head, await head.ask(Keeper.hire, "hand")


async def test_a_crew_is_forked_with_all_below_it_and_refs_lead_to_the_forks(
    theater: Theater, crew: tuple[ActorRef[Keeper], ActorRef[Keeper]]
) -> None:
    head, hand = crew
    await hand.ask(Keeper.hire, "finger")
    await head.ask(Keeper.add_to_both, "a")

    fork = await theater.fork(head, name="copy", crew=True)
    await fork.ask(Keeper.add_to_both, "b")

    assert await theater.find("copy/hand").ask(Keeper.all) == ["a", "b"]
    assert await theater.find("copy/hand/finger").ask(Keeper.all) == []
    assert await hand.ask(Keeper.all) == ["a"]
    born = theater.chain(theater.find("copy/hand"))[0].body
    assert born["supervisor"][0] == theater.chain(fork).actor
    assert born["fork"][0] == theater.chain(hand).actor
    await fork.stop()
    assert await hand.ask(Keeper.all) == ["a"]


async def test_a_crew_is_forked_at_the_instant_of_an_event_of_its_supervisor(
    theater: Theater, crew: tuple[ActorRef[Keeper], ActorRef[Keeper]]
) -> None:
    head, hand = crew
    await hand.ask(Keeper.add, 1)
    await head.ask(Keeper.add, "now")
    await hand.ask(Keeper.add, 2)
    await hand.ask(Keeper.hire, "too late")

    now = next(event.seq for event in handled(theater, head) if event.body.get("args") == ["now"])
    await theater.fork(head, at=now, name="copy", crew=True)

    assert await theater.find("copy/hand").ask(Keeper.all) == [1]
    with pytest.raises(ActorNotFoundError):
        theater.find("copy/hand/too late")


async def test_no_fork_of_a_crew_knows_what_another_has_not_done(
    theater: Theater, crew: tuple[ActorRef[Keeper], ActorRef[Keeper]]
) -> None:
    head, hand = crew
    await head.ask(Keeper.add_to_both, "whole")
    GATES.update(reached=anyio.Event(), between=anyio.Event())
    await head.tell(Keeper.add_to_both, "half")
    await GATES["reached"].wait()  # the hand has added it, the head is still at it

    fork = await theater.fork(head, name="copy", crew=True)
    GATES["between"].set()

    assert await fork.ask(Keeper.all) == ["whole"]
    assert await theater.find("copy/hand").ask(Keeper.all) == ["whole"]
    assert await hand.ask(Keeper.all) == ["whole", "half"]


async def test_a_child_that_was_not_born_or_had_ended_is_not_in_the_crew(
    theater: Theater, crew: tuple[ActorRef[Keeper], ActorRef[Keeper]]
) -> None:
    head, hand = crew
    await head.ask(Keeper.hire, "second")
    await hand.stop()
    await theater.settled()

    await theater.fork(head, name="now", crew=True)
    await theater.fork(head, at=1, name="before", crew=True)

    assert theater.find("now/second")
    for path in ("now/hand", "before/hand", "before/second"):
        with pytest.raises(ActorNotFoundError):
            theater.find(path)


async def test_what_one_of_a_crew_lent_to_another_is_lent_among_the_forks(
    theater: Theater, crew: tuple[ActorRef[Keeper], ActorRef[Keeper]]
) -> None:
    head, hand = crew
    store = await head.ask(Keeper.shelve, "x", b"old")
    await head.ask(Keeper.lend, hand)

    fork = await theater.fork(head, name="copy", crew=True)
    await fork.ask(Keeper.shelve, "x", b"new")

    assert await theater.find("copy/hand").ask(Keeper.shelved_in, store, "x") == b"new"
    assert await hand.ask(Keeper.shelved_in, store, "x") == b"old"


@pytest.mark.real_clock
async def test_a_crew_is_forked_from_the_record_alone(stage: Callable[..., Theater], tmp_path: Path) -> None:
    async with stage() as theater:
        head = await theater.spawn(Keeper(), name="head")
        await head.ask(Keeper.hire, "hand")
        await head.ask(Keeper.add_to_both, "a")

    async with stage() as theater:
        fork = await theater.fork("head", name="copy", crew=True)
        await fork.ask(Keeper.add_to_both, "b")
        assert await theater.find("copy/hand").ask(Keeper.all) == ["a", "b"]

    assert History(tmp_path / "theater").verify().ok
    async with stage() as theater:
        assert len((await theater.resume()).refs) == 4
