"""Stores as an actor uses them: what each method promises, and what it leaves in the chain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from players import HeldJournal, Player, Playhouse

from theater.content import ContentRef
from theater.errors import (
    ContentNotFoundError,
    CorruptContentError,
    DiskFullError,
    JournalFailedError,
    MalformedError,
    NotAllowedError,
    NotRunningError,
    StoreNotFoundError,
)
from theater.grants import Grants
from theater.names import ALL
from theater.store import Store
from theater.store.fold import fold_of

REF = ContentRef.of(b"never stored")
LARGE = bytes(200_000)  # hashed by a thread


@pytest.fixture
def journal() -> HeldJournal:
    return HeldJournal()


@pytest.fixture
async def house(journal: HeldJournal) -> AsyncIterator[Playhouse]:
    house = Playhouse(journal)
    yield house
    for player in house.players:
        player.end()
    await checkpoint()


@pytest.fixture
async def player(house: Playhouse) -> Player:
    return house.player()


@pytest.fixture
async def store(player: Player) -> Store:
    return player.store


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await checkpoint()


def kinds(player: Player) -> list[str]:
    return [kind.removeprefix("store/") for kind, _ in player.told()]


@asynccontextmanager
async def held(journal: HeldJournal) -> AsyncIterator[anyio.abc.TaskGroup]:
    """A disk that is busy until the block ends, and tasks that wait for it."""
    journal.holds_back = True
    async with anyio.create_task_group() as tasks:
        yield tasks
        journal.holds_back = False
        journal.commit()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


METHODS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "store": lambda store: store.store(b"a"),
    "get": lambda store: store.get(REF),
    "exists": lambda store: store.exists(REF),
    "label": lambda store: store.label("x", REF),
    "get_by_label": lambda store: store.get_by_label("x"),
    "labelled": lambda store: store.labelled("x"),
    "remove_label": lambda store: store.remove_label("x"),
    "remove_from_label": lambda store: store.remove_from_label("x", REF),
    "store_at_label": lambda store: store.store_at_label("x", b"a"),
    "replace_content_at_label": lambda store: store.replace_content_at_label("x", b"a"),
    "replace_at_label": lambda store: store.replace_at_label("x", REF),
    "list_labels": lambda store: store.list_labels(),
    "list_all_content": lambda store: store.list_all_content(),
    "calculate_total_size": lambda store: store.calculate_total_size(),
    "put_stream": lambda store: store.put_stream(chunks(b"a")),
    "put_file": lambda store: store.put_file(__file__),
    "get_stream": lambda store: store.get_stream(REF),
}

every_method = pytest.mark.parametrize("method", METHODS)


# -- which store -----------------------------------------------------------------------------------------


async def test_the_default_store_is_made_on_first_use(player: Player) -> None:
    store = player.store
    assert player.told() == []

    await store.store(b"a")

    assert kinds(player) == ["new", "store"]
    assert player.told()[0][1] == {"default": True}


async def test_asking_for_the_default_stores_id_makes_it_at_once(player: Player) -> None:
    made = player.store.id

    assert player.chain()[0].body == {"default": True, "store": made}
    assert player.store.id == made


async def test_the_default_store_is_the_same_every_time(player: Player) -> None:
    ref = await player.store.store(b"a")

    assert await player.store.get(ref) == b"a"
    assert kinds(player).count("new") == 1


async def test_new_stores_have_ids_of_32_hex_digits_and_share_nothing(player: Player) -> None:
    one, other = await player.stores.new(), await player.stores.new()

    ref = await one.store(b"a")

    assert len(bytes.fromhex(one.id)) == 16
    assert one.id != other.id
    assert not await other.exists(ref)
    with pytest.raises(ContentNotFoundError):
        await other.get(ref)


async def test_a_store_is_opened_again_by_its_id(player: Player) -> None:
    store = await player.stores.new()
    ref = await store.store(b"a")

    assert await player.stores.open(store.id).get(ref) == b"a"


async def test_opening_checks_nothing_and_records_nothing(player: Player) -> None:
    store = player.stores.open("no such store")

    assert store.id == "no such store"
    assert player.told() == []


@every_method
@pytest.mark.parametrize("invented", ["", "0" * 32, "x", "../../etc/passwd", "\ud800" * 99, "ä" * 10_000])
async def test_foreign_and_invented_stores_are_the_same_error_word_for_word(
    house: Playhouse, method: str, invented: str
) -> None:
    owner, stranger = house.player(), house.player()
    foreign = await owner.stores.new()
    errors = []

    for store_id in (foreign.id, invented):
        with pytest.raises(StoreNotFoundError) as caught:
            await METHODS[method](stranger.stores.open(store_id))
        errors.append(str(caught.value))

    assert errors == ["no such store for this actor"] * 2
    assert kinds(stranger) == [method] * 2
    assert [body["error"]["class"] for _, body in stranger.told()] == ["StoreNotFoundError"] * 2


async def test_a_refused_request_names_the_store_it_asked_for(player: Player) -> None:
    with pytest.raises(StoreNotFoundError):
        await player.stores.open("0" * 32).list_labels()

    assert player.chain()[0].body["store"] == "0" * 32


async def test_a_store_id_that_is_not_text_is_a_type_error_and_no_event(player: Player) -> None:
    wrong: Any = 7

    with pytest.raises(TypeError):
        await player.stores.open(wrong).list_labels()

    assert player.told() == []


# -- store, get, exists ----------------------------------------------------------------------------------


async def test_store_returns_once_content_and_event_are_durable(store: Store, journal: HeldJournal) -> None:
    returned: list[ContentRef] = []

    async def keep() -> None:
        returned.append(await store.store(b"a"))

    async with held(journal) as tasks:
        tasks.start_soon(keep)
        await settle()
        assert returned == []
        assert journal.puts == [ContentRef.of(b"a").digest]

    assert returned == [ContentRef.of(b"a")]


async def test_the_same_bytes_again_are_the_same_ref_and_kept_once(
    store: Store, journal: HeldJournal
) -> None:
    assert await store.store(b"a") == await store.store(bytearray(b"a")) == ContentRef.of(b"a")

    assert len(journal.puts) == 1
    assert await store.calculate_total_size() == 1


async def test_get_returns_what_was_stored(store: Store) -> None:
    contents = [b"", b"a", bytes(range(256)) * 8, LARGE]

    refs = [await store.store(content) for content in contents]

    assert [await store.get(ref) for ref in refs] == contents


async def test_get_of_what_only_another_store_holds_is_not_found(player: Player) -> None:
    ref = await (await player.stores.new()).store(b"a")

    with pytest.raises(ContentNotFoundError, match=str(ref)):
        await player.store.get(ref)


@pytest.mark.parametrize("content", [b"abc", LARGE])
async def test_get_never_returns_wrong_bytes(store: Store, journal: HeldJournal, content: bytes) -> None:
    ref = await store.store(content)
    journal.rot(ref)

    with pytest.raises(CorruptContentError) as caught:
        await store.get(ref)

    assert caught.value.expected == ref.hash


@pytest.mark.parametrize("content", [b"abc", LARGE])
async def test_a_kept_copy_that_is_gone_is_corrupt(
    store: Store, journal: HeldJournal, content: bytes
) -> None:
    ref = await store.store(content)
    journal.lose(ref)

    with pytest.raises(CorruptContentError, match="found nothing"):
        await store.get(ref)


async def test_a_put_whose_kept_copy_was_found_corrupt_writes_it_anew(
    store: Store, journal: HeldJournal
) -> None:
    ref = await store.store(b"abc")
    journal.rot(ref)
    with pytest.raises(CorruptContentError):
        await store.get(ref)

    await store.store(b"abc")

    assert await store.get(ref) == b"abc"
    assert await store.calculate_total_size() == 3


async def test_a_disk_that_cannot_be_read_is_the_askers_error(
    store: Store, journal: HeldJournal, player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = await store.store(b"abc")

    def fail(_: bytes) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(journal, "read", fail)

    with pytest.raises(OSError, match="Input/output"):
        await store.get(ref)
    assert player.told()[-1][1]["error"]["class"] == "OSError"


async def test_exists_speaks_of_this_store_only(player: Player) -> None:
    ref = await (await player.stores.new()).store(b"a")

    assert await player.store.exists(ref) is False

    await player.store.store(b"a")

    assert await player.store.exists(ref) is True


# -- labels ----------------------------------------------------------------------------------------------


async def test_a_label_is_a_collection_with_the_newest_first(store: Store) -> None:
    a, b = await store.store(b"a"), await store.store(b"b")

    await store.label("x", a)
    await store.label("x", b)

    assert await store.get_by_label("x") == b
    assert await store.labelled("x") == [b, a]


async def test_labelling_again_makes_the_newest(store: Store) -> None:
    a, b = await store.store_at_label("x", b"a"), await store.store_at_label("x", b"b")

    await store.label("x", a)

    assert await store.labelled("x") == [a, b]


async def test_labelling_what_is_not_in_this_store_is_refused(store: Store) -> None:
    with pytest.raises(ContentNotFoundError):
        await store.label("x", REF)

    assert await store.list_labels() == []


async def test_get_by_label_of_an_unknown_label_is_none(store: Store) -> None:
    assert await store.get_by_label("x") is None
    assert await store.labelled("x") == []


async def test_remove_label_keeps_the_content_and_knows_no_unknown_label(store: Store) -> None:
    ref = await store.store_at_label("x", b"a")

    await store.remove_label("x")
    await store.remove_label("x")

    assert await store.list_labels() == []
    assert await store.get(ref) == b"a"


async def test_remove_from_label_drops_one_and_the_last_takes_the_label(store: Store) -> None:
    a, b = await store.store_at_label("x", b"a"), await store.store_at_label("x", b"b")

    await store.remove_from_label("x", b)
    assert await store.labelled("x") == [a]

    await store.remove_from_label("x", a)
    assert await store.list_labels() == []


async def test_remove_from_label_with_nothing_to_drop_does_nothing(store: Store) -> None:
    await store.store_at_label("x", b"a")

    await store.remove_from_label("x", REF)
    await store.remove_from_label("y", REF)

    assert await store.list_labels() == ["x"]


async def test_store_at_label_adds_to_what_the_label_holds(store: Store) -> None:
    a = await store.store_at_label("x", b"a")
    b = await store.store_at_label("x", b"b")

    assert await store.labelled("x") == [b, a]
    assert await store.get(b) == b"b"


async def test_replace_content_at_label_leaves_only_the_new_ref(store: Store) -> None:
    a = await store.store_at_label("x", b"a")

    b = await store.replace_content_at_label("x", b"b")

    assert await store.labelled("x") == [b]
    assert await store.get(a) == b"a"


async def test_replace_content_at_label_changes_nothing_if_it_fails(
    store: Store, journal: HeldJournal
) -> None:
    a = await store.store_at_label("x", b"a")
    journal.room = 1

    with pytest.raises(DiskFullError):
        await store.replace_content_at_label("x", b"bb")

    assert await store.labelled("x") == [a]
    assert await store.list_all_content() == [a]


async def test_replace_at_label_leaves_only_an_existing_ref(store: Store) -> None:
    a, b = await store.store(b"a"), await store.store_at_label("x", b"b")

    await store.replace_at_label("x", a)
    with pytest.raises(ContentNotFoundError):
        await store.replace_at_label("x", REF)

    assert await store.labelled("x") == [a]
    assert await store.exists(b)


async def test_labels_are_listed_by_code_point(store: Store) -> None:
    for label in ("b", "ä", "B", "a/b", "a", ".."):
        await store.store_at_label(label, b"a")

    assert await store.list_labels() == ["..", "B", "a", "a/b", "b", "ä"]


async def test_all_content_is_listed_by_hash(store: Store) -> None:
    refs = [await store.store(bytes([number])) for number in range(10)]

    assert await store.list_all_content() == sorted(refs)


async def test_the_total_size_counts_each_distinct_content_once(store: Store) -> None:
    await store.store(b"abc")
    await store.store_at_label("x", b"abc")
    await store.store(b"de")

    assert await store.calculate_total_size() == 5


# -- what enters -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["text", 3, None, [1, 2], object()])
async def test_content_that_is_not_bytes_is_refused_before_anything_is_written(
    player: Player, content: Any
) -> None:
    for method in (player.store.store, lambda each: player.store.store_at_label("x", each)):
        with pytest.raises(TypeError):
            await method(content)

    assert player.told() == []


@pytest.mark.parametrize("label", ["", "x" * 1_025, "\ud800"])
async def test_a_malformed_label_is_refused_before_anything_is_written(player: Player, label: str) -> None:
    for method in ("get_by_label", "labelled", "remove_label"):
        with pytest.raises(MalformedError):
            await getattr(player.store, method)(label)
    for method in ("store_at_label", "replace_content_at_label"):
        with pytest.raises(MalformedError):
            await getattr(player.store, method)(label, b"a")
    for method in ("label", "remove_from_label", "replace_at_label"):
        with pytest.raises(MalformedError):
            await getattr(player.store, method)(label, REF)

    assert player.told() == []


@pytest.mark.parametrize("ref", [REF.hash, REF.digest, None])
async def test_what_is_no_ref_is_refused_before_anything_is_written(player: Player, ref: Any) -> None:
    for method in ("get", "exists", "get_stream"):
        with pytest.raises(TypeError):
            await getattr(player.store, method)(ref)
    for method in ("label", "remove_from_label", "replace_at_label"):
        with pytest.raises(TypeError):
            await getattr(player.store, method)("x", ref)

    assert player.told() == []


@pytest.mark.parametrize("before", [b"abc", LARGE])
async def test_content_is_copied_when_the_method_is_called(store: Store, before: bytes) -> None:
    content = bytearray(before)

    keeping = store.store(content)
    content[0] = 255
    ref = await keeping

    assert await store.get(ref) == before


async def test_any_text_is_a_label_and_never_a_path(store: Store) -> None:
    labels = sorted([".", "..", "/", "a/../b", "\0", " ", "x" * 1_024, "\U0001f600"])

    for label in labels:
        await store.store_at_label(label, label.encode())

    assert await store.list_labels() == labels


async def test_outside_a_handler_nothing_is_asked(player: Player) -> None:
    player.is_on_stage = False

    for method in METHODS.values():
        with pytest.raises(RuntimeError):
            await method(player.store)

    assert player.told() == []


# -- the chain -------------------------------------------------------------------------------------------


@every_method
async def test_every_method_is_one_event_of_its_own_kind(player: Player, method: str) -> None:
    store = player.store
    await store.store(b"never stored")

    await METHODS[method](store)

    assert kinds(player)[2:] == [method]


@pytest.mark.parametrize("content", [b"the secret", LARGE])
async def test_content_is_never_in_an_event(store: Store, player: Player, content: bytes) -> None:
    ref = await store.store_at_label("x", content)

    assert player.told()[-1] == (
        "store/store_at_label",
        {"label": "x", "ref": ref, "size": len(content)},
    )
    assert all(content not in event.data for event in player.chain())


async def test_a_read_is_an_event_with_the_question_only(store: Store, player: Player) -> None:
    ref = await store.store_at_label("x", b"a")

    await store.get(ref)
    await store.exists(ref)
    await store.get_by_label("x")
    await store.labelled("x")
    await store.list_labels()
    await store.list_all_content()
    await store.calculate_total_size()

    bodies = [body for _, body in player.told()[2:]]
    assert bodies == [{"ref": ref}, {"ref": ref}, {"label": "x"}, {"label": "x"}, {}, {}, {}]


async def test_a_request_that_failed_is_an_event_with_the_error(
    store: Store, player: Player, journal: HeldJournal
) -> None:
    ref = await store.store(b"abc")
    journal.rot(ref)
    journal.room = 3
    for asked in (store.get(ref), store.get(REF), store.store(b"four")):
        with pytest.raises((CorruptContentError, ContentNotFoundError, DiskFullError)):
            await asked

    classes = [body["error"]["class"] for _, body in player.told()[2:]]

    assert classes == ["CorruptContentError", "ContentNotFoundError", "DiskFullError"]
    assert player.told()[3][1]["ref"] == REF


async def test_the_chain_alone_rebuilds_the_stores(player: Player) -> None:
    other = await player.stores.new()
    await player.store.store_at_label("x", b"a")
    await other.replace_content_at_label("y", b"b")
    await other.store(LARGE)
    with pytest.raises(ContentNotFoundError):
        await other.label("z", REF)

    assert fold_of(player.chain()).snapshot() == player.supervisor.fold.snapshot()


async def test_each_events_parent_is_the_event_before(store: Store, player: Player) -> None:
    await store.store(b"a")
    await store.list_labels()

    assert all(later.parent == earlier.hash for earlier, later in pairwise(player.chain()))


# -- order, and who waits for the disk -------------------------------------------------------------------


async def test_the_next_request_is_taken_while_earlier_ones_wait_for_the_disk(
    store: Store, player: Player, journal: HeldJournal
) -> None:
    async with held(journal) as tasks:
        for number in range(64):
            tasks.start_soon(store.store, bytes([number]))
        await settle()

        assert kinds(player) == ["new"] + ["store"] * 64


async def test_a_read_is_answered_while_a_write_waits_for_the_disk(
    store: Store, journal: HeldJournal
) -> None:
    async with held(journal) as tasks:
        tasks.start_soon(store.store_at_label, "x", b"a")
        await settle()

        assert await store.get_by_label("x") == ContentRef.of(b"a")
        assert await store.get(ContentRef.of(b"a")) == b"a"


@every_method
async def test_only_writes_wait_for_the_commit(store: Store, journal: HeldJournal, method: str) -> None:
    await store.store(b"never stored")
    reads = {"get", "exists", "get_by_label", "labelled", "list_labels", "list_all_content"}
    reads |= {"calculate_total_size", "get_stream"}
    answered = anyio.Event()

    async def ask() -> None:
        await METHODS[method](store)
        answered.set()

    async with held(journal) as tasks:
        tasks.start_soon(ask)
        await anyio.sleep(0.1)
        assert answered.is_set() == (method in reads)


async def test_requests_take_effect_in_the_order_they_were_made(store: Store, player: Player) -> None:
    async with anyio.create_task_group() as tasks:
        for content in (b"a", LARGE, b"b", LARGE + b"c", b"d"):
            tasks.start_soon(store.store_at_label, "x", content)
        tasks.start_soon(store.get_by_label, "x")

    sizes = [body.get("size") for _, body in player.told()[1:]]
    assert sizes == [1, len(LARGE), 1, len(LARGE) + 1, 1, None]
    assert await store.get_by_label("x") == ContentRef.of(b"d")


async def test_many_requests_leave_other_tasks_their_turn(store: Store, player: Player) -> None:
    seen: list[int] = []

    async def look_on() -> None:
        while len(seen) < 5:
            seen.append(len(player.told()))
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        for number in range(1_000):
            tasks.start_soon(store.store, number.to_bytes(2, "big"))
        tasks.start_soon(look_on)

    assert max(after - before for before, after in pairwise(seen)) <= 64


async def test_all_puts_that_are_asked_for_are_on_their_way_to_the_disk_at_once(
    store: Store, player: Player, journal: HeldJournal
) -> None:
    await store.store(b"first")
    await settle()
    journal.holds_back = True

    async with anyio.create_task_group() as tasks:
        for number in range(1_000):
            tasks.start_soon(store.store, number.to_bytes(2, "big"))
        await checkpoint()

        assert len(journal.waiting) == 1_000
        journal.holds_back = False
        journal.commit()
    assert len(player.told()) == 1_002  # one of them made the store


async def test_a_put_leaves_the_same_whichever_way_it_goes(house: Playhouse) -> None:
    short, long = house.player(), house.player()
    long.grants = Grants(stores=ALL, bytes_stored=ALL)  # is looked at for each request

    for player in (short, long):
        for content in (b"a", b"b" * 1_024, b"a"):
            assert await player.store.store(content) == ContentRef.of(content)
            await settle()

    assert short.told() == long.told()
    assert fold_of(short.chain()).snapshot() == short.supervisor.fold.snapshot()
    assert short.supervisor.fold.size == long.supervisor.fold.size == 1_025


@pytest.mark.parametrize("method", ["get", "exists", "get_by_label", "list_labels", "calculate_total_size"])
async def test_a_supervisor_that_rests_answers_a_read_where_it_is_made(
    store: Store, player: Player, method: str
) -> None:
    await store.store(b"never stored")
    await settle()
    before = len(player.told())

    asked = METHODS[method](store)

    with pytest.raises(StopIteration):  # it has returned, and never waited
        asked.__await__().send(None)
    assert kinds(player)[before:] == [method]


async def test_reads_in_a_row_leave_other_tasks_their_turn(store: Store) -> None:
    await store.list_labels()
    answered: list[int] = []
    seen: list[int] = []

    async def ask() -> None:
        for number in range(1_000):
            await store.list_labels()
            answered.append(number)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        while len(answered) < 1_000:
            seen.append(len(answered))
            await checkpoint()

    assert len(seen) > 15
    assert max(after - before for before, after in pairwise(seen)) <= 128


async def test_a_request_never_overtakes_one_that_waits_for_a_thread(store: Store, player: Player) -> None:
    await store.list_labels()
    await settle()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.store, LARGE)
        await checkpoint()
        tasks.start_soon(store.list_labels)

    assert kinds(player)[2:] == ["store", "list_labels"]


async def test_an_asker_that_gave_up_withdraws_what_was_not_begun(
    store: Store, player: Player, journal: HeldJournal
) -> None:
    await store.list_labels()
    journal.holds_back = journal.full = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.store, b"first")
        await settle()
        with anyio.move_on_after(1):
            await store.store(b"second")
        journal.holds_back = False
        journal.commit()

    assert await store.list_all_content() == [ContentRef.of(b"first")]
    assert kinds(player)[2:] == ["store", "list_all_content"]


@pytest.mark.parametrize("method", ["store", "get", "list_labels", "get_stream"])
async def test_an_asker_that_gave_up_after_it_was_begun_changes_nothing(
    store: Store, player: Player, method: str
) -> None:
    ref = await store.store(LARGE)
    asks: dict[str, Callable[[], Awaitable[object]]] = {
        "store": lambda: store.store(LARGE + b"x"),
        "get": lambda: store.get(ref),
        "list_labels": store.list_labels,
        "get_stream": lambda: store.get_stream(ref),
    }

    async def ask() -> None:
        await asks[method]()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await checkpoint()
        await checkpoint()
        tasks.cancel_scope.cancel()

    assert await store.get(ref) == LARGE
    assert len(kinds(player)) <= 4


async def test_nothing_is_taken_while_too_much_waits_for_the_disk(
    store: Store, player: Player, journal: HeldJournal
) -> None:
    await store.list_labels()
    journal.full = True

    async with held(journal) as tasks:
        tasks.start_soon(store.store, b"a")
        await settle()
        assert kinds(player) == ["new", "list_labels"]

    assert kinds(player) == ["new", "list_labels", "store"]


# -- what can go wrong -----------------------------------------------------------------------------------


async def test_content_that_does_not_fit_is_refused_and_others_go_on(
    store: Store, journal: HeldJournal
) -> None:
    journal.room = 2

    with pytest.raises(DiskFullError):
        await store.store(b"abc")
    ref = await store.store(b"ab")

    assert await store.list_all_content() == [ref]


async def test_a_failed_journal_fails_everyone_who_waits_and_everyone_who_comes(
    store: Store, journal: HeldJournal
) -> None:
    errors: list[str] = []
    await store.list_labels()

    async def keep() -> None:
        try:
            await store.store(b"a")
        except JournalFailedError as error:
            errors.append(str(error))

    journal.holds_back = True
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(keep)
        await settle()
        journal.fail()
    await keep()

    assert errors == ["the disk is gone"] * 4
    with pytest.raises(JournalFailedError):
        await store.list_labels()


async def test_when_the_actor_ends_its_open_requests_are_answered(
    store: Store, player: Player, journal: HeldJournal
) -> None:
    await store.list_labels()
    journal.full = journal.holds_back = True
    ended: list[str] = []

    async def ask() -> None:
        try:
            await store.list_labels()
        except NotRunningError as error:
            ended.append(str(error))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
        await settle()
        player.end()

    assert ended == ["player-1 has ended"] * 2


@pytest.mark.parametrize("method", ["store", "list_labels", "put_stream"])
@pytest.mark.parametrize("end", ["commit", "fail", "actor"])
async def test_whatever_comes_after_giving_up_is_told_to_nobody(
    store: Store, player: Player, journal: HeldJournal, method: str, end: str
) -> None:
    await store.list_labels()
    journal.full = journal.holds_back = True

    with anyio.move_on_after(1):
        await METHODS[method](store)
    {"commit": journal.commit, "fail": journal.fail, "actor": player.end}[end]()
    await settle()

    assert len(kinds(player)) == 2 + (end == "commit" and method != "put_stream")


async def test_a_supervisor_whose_task_ended_begins_again(store: Store, player: Player) -> None:
    await store.store(b"a")
    player.end()
    await settle()

    assert await store.list_all_content() == [ContentRef.of(b"a")]


async def test_there_is_no_task_before_the_first_request(player: Player) -> None:
    store = player.store
    assert player.supervisor.tasks() == ()

    await store.list_labels()

    assert len(player.supervisor.tasks()) == 1


# -- sharing ---------------------------------------------------------------------------------------------


async def test_a_granted_store_is_read_by_its_id(house: Playhouse) -> None:
    owner, reader = house.player(), house.player()
    ref = await owner.store.store_at_label("x", b"a")
    await owner.store.store(b"bb")

    await owner.stores.grant(owner.store, to=reader)
    shared = reader.stores.open(owner.store.id)

    assert await shared.get(ref) == b"a"
    assert await shared.exists(ref)
    assert await shared.get_by_label("x") == ref
    assert await shared.labelled("x") == [ref]
    assert await shared.list_labels() == ["x"]
    assert len(await shared.list_all_content()) == 2
    assert await shared.calculate_total_size() == 3
    assert b"".join([chunk async for chunk in shared.get_stream(ref)]) == b"a"


async def test_a_read_of_a_granted_store_names_where_its_owners_chain_stood(house: Playhouse) -> None:
    owner, reader = house.player(), house.player()
    await owner.stores.grant(owner.store, to=reader)
    head = owner.chain()[-1]

    await reader.stores.open(owner.store.id).list_labels()

    assert reader.chain()[0].body["owner"] == [owner.id, head.seq, head.hash]


async def test_a_grant_stands_in_the_owners_chain(house: Playhouse) -> None:
    owner, reader = house.player(), house.player()

    await owner.stores.grant(owner.store, to=reader)

    assert owner.told()[-1] == ("store/grant", {"to": reader.id})


WRITES = {
    "store",
    "label",
    "remove_label",
    "remove_from_label",
    "store_at_label",
    "replace_content_at_label",
    "replace_at_label",
    "put_stream",
    "put_file",
}


@pytest.mark.parametrize("method", sorted(WRITES))
async def test_a_granted_store_is_not_written(house: Playhouse, method: str) -> None:
    owner, reader = house.player(), house.player()
    await owner.stores.grant(owner.store, to=reader)

    with pytest.raises(NotAllowedError):
        await METHODS[method](reader.stores.open(owner.store.id))

    assert await owner.store.list_all_content() == []
    assert kinds(reader) == [method]


async def test_a_granted_store_is_not_granted_on(house: Playhouse) -> None:
    owner, reader = house.player(), house.player()
    await owner.stores.grant(owner.store, to=reader)

    with pytest.raises(NotAllowedError):
        await reader.stores.grant(reader.stores.open(owner.store.id), to=reader)


async def test_a_grant_is_for_one_actor_and_one_store(house: Playhouse) -> None:
    owner, reader, other = house.player(), house.player(), house.player()
    await owner.stores.grant(owner.store, to=reader)
    private = await owner.stores.new()

    with pytest.raises(StoreNotFoundError):
        await other.stores.open(owner.store.id).list_labels()
    with pytest.raises(StoreNotFoundError):
        await reader.stores.open(private.id).list_labels()


async def test_what_is_granted_is_a_store_and_to_a_ref(player: Player) -> None:
    wrong: Any = "text"

    with pytest.raises(TypeError, match="Store"):
        await player.stores.grant(wrong, to=player)
    with pytest.raises(TypeError, match="ActorRef"):
        await player.stores.grant(player.store, to=wrong)

    assert player.told() == []


async def test_a_store_shows_its_id(player: Player) -> None:
    assert repr(player.store) == "<Store (default)>"

    made = await player.stores.new()

    assert repr(made) == f"<Store {made.id}>"
