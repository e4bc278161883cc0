"""The command line: what each verb prints, what a program reads, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import click
import pytest
from click.testing import CliRunner, Result

from theater import (
    Actor,
    ActorFailedError,
    ActorNotFoundError,
    ContentRef,
    CorruptContentError,
    DiskFullError,
    FolderInUseError,
    History,
    MalformedError,
    SetupError,
    SigningKey,
    Store,
    Theater,
    VerifyKey,
    handler,
)
from theater.cli import main
from theater.cli.app import VERBS
from theater.cli.endings import CODES, code_of, end

FOREIGN = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"  # RFC 8032, test 1
REFERENCE = (Path(__file__).parent.parent / "docs/reference/command-line.md").read_text()
BIG = 3_000_000  # bytes
MANY = 200  # messages


class Refused(Exception):  # noqa: N818
    """What `Counter` answers to a negative amount."""


class Counter(Actor):
    """Adds up."""

    total: int = 0

    @handler(raises=(Refused,))
    async def add(self, amount: int) -> int:
        if amount < 0:
            raise Refused("only upwards")
        self.total += amount
        return self.total


class Keeper(Actor):
    """Keeps what it is told."""

    @handler
    async def keep(self, label: str, body: bytes) -> str:
        await self.context.store.store_at_label(label, body)
        return self.context.store.id

    @handler
    async def keep_apart(self, body: bytes) -> str:
        store = await self.context.stores.new()
        await store.store(body)
        return store.id


async def play(folder: Path) -> None:
    """A record to look at."""
    async with Theater(folder) as theater:
        counter = await theater.spawn(Counter(), name="counter")
        for _ in range(MANY):
            await counter.tell(Counter.add, 1)
        with pytest.raises(Refused):
            await counter.ask(Counter.add, -1)
        keeper = await theater.spawn(Keeper(), name="keeper")
        await keeper.ask(Keeper.keep, "greeting", b"hello\nworld\n")
        await keeper.ask(Keeper.keep, "greeting", b"good evening")
        await keeper.ask(Keeper.keep, "big", bytes(BIG))
        await keeper.ask(Keeper.keep_apart, b"elsewhere")
        gone = await theater.spawn(Counter(total=7), name="gone")
        await gone.stop()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "theater"
    anyio.run(play, folder)
    return folder


Run = Callable[..., Result]


@pytest.fixture
def run(home: Path) -> Run:
    return lambda *words: theater_command(*words, home=home)


def theater_command(*words: str, home: Path | None) -> Result:
    return CliRunner().invoke(main, words, env={"THEATER_HOME": None if home is None else str(home)})


def read(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def is_one_line(text: str) -> bool:
    return text.startswith("theater: ") and text.count("\n") == 1 and text.endswith("\n")


# -- help ------------------------------------------------------------------------------------------------


def test_help_names_every_verb_and_every_exit_code() -> None:
    text = theater_command("--help", home=None).stdout

    assert all(f"\n  {verb} " in text for verb in VERBS)
    assert all(f" {code}  {meaning}" in text for code, meaning in CODES.items())


def commands() -> Iterator[tuple[str, ...]]:
    for verb in VERBS:
        found = main.get_command(click.Context(main), verb)
        yield from [(verb, name) for name in found.commands] if isinstance(found, click.Group) else [(verb,)]


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_each_verb_explains_itself_with_an_example(words: tuple[str, ...]) -> None:
    text = theater_command(*words, "--help", home=None).stdout

    assert f"Example:\n      theater {' '.join(words)}" in text


@pytest.mark.parametrize("words", [(), ("demo",), ("store",)], ids=["theater", "demo", "store"])
def test_a_group_without_a_verb_shows_its_help(words: tuple[str, ...]) -> None:
    assert theater_command(*words, home=None).output.startswith("Usage: theater")


def test_help_imports_no_verb_and_nothing_that_draws() -> None:
    program = "import sys; from theater.cli import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )

    loaded = set(done.stdout.splitlines()[-1].split())
    assert not {"rich", "theater.cli.ps", "theater.cli.demo"} & loaded


# -- looking ---------------------------------------------------------------------------------------------


def test_ps_shows_who_is_asleep_and_who_has_ended(run: Run) -> None:
    lines = [line.split() for line in run("ps").stdout.splitlines()]

    assert [line[:2] for line in lines[1:]] == [
        ["counter", "asleep"],
        ["keeper", "asleep"],
        ["gone", "ended"],
    ]


def test_ps_tells_a_program_all_that_is_known_of_an_actor(run: Run) -> None:
    actors = {actor["name"]: actor for actor in read(run("ps", "--json"))}

    assert set(actors["gone"]) == {
        "name", "id", "state", "reason", "events", "class", "head", "supervisor",
    }  # fmt: skip
    assert actors["gone"]["reason"] == "normal"
    assert actors["counter"]["events"] == 1 + MANY + 2  # at the close, a snapshot


def test_ps_of_an_empty_theater_says_so(tmp_path: Path) -> None:
    async def nothing() -> None:
        async with Theater(tmp_path / "t"):
            pass

    anyio.run(nothing)

    assert "nobody" in theater_command("ps", home=tmp_path / "t").stdout


def test_log_prints_a_chain_oldest_first(run: Run) -> None:
    lines = run("log", "counter").stdout.splitlines()

    assert len(lines) == 1 + MANY + 2
    assert "actor/spawned" in lines[0]
    assert "add(1) → 1 " not in lines[1], "nobody asked"
    assert lines[1].split()[2:] == ["message/handled", "add(1)", "total=1"]
    assert lines[-2].endswith("add(-1) ✗ Refused: only upwards")
    assert "actor/snapshot" in lines[-1]


def test_log_prints_the_newest_events_alone_if_asked(run: Run) -> None:
    assert [line.split()[0] for line in run("log", "counter", "--last", "2").stdout.splitlines()] == [
        str(MANY + 1),
        str(MANY + 2),
    ]
    assert not run("log", "counter", "--last", "0").stdout


def test_log_gives_a_program_one_event_a_line(run: Run) -> None:
    events = [json.loads(line) for line in run("log", "counter", "--json").stdout.splitlines()]

    assert set(events[0]) == {"actor", "id", "seq", "kind", "at", "time", "body", "parent", "hash"}
    assert [event["parent"] for event in events] == [None, *(event["hash"] for event in events[:-1])]


def test_a_dot_names_the_theater_itself(run: Run) -> None:
    kinds = [json.loads(line)["kind"] for line in run("log", ".", "--json").stdout.splitlines()]

    assert kinds[0] == "theater/opened"
    assert kinds[-1] == "theater/closed"
    assert "theater/opened" in run("show", ".@0").stdout


def test_following_ends_where_the_chain_has_ended(run: Run) -> None:
    assert "actor/stopped" in run("log", "gone", "--follow").stdout


def test_show_takes_a_place_or_the_beginning_of_a_hash(run: Run, home: Path) -> None:
    event = History(home).chain("counter")[3]

    by_place, by_hash = run("show", "counter@3"), run("show", event.hash.hex()[:12])

    assert by_place.stdout == by_hash.stdout
    assert f"hash     {event.hash.hex()}\n" in by_place.stdout


def test_show_shortens_on_the_screen_and_is_whole_for_a_program(run: Run, home: Path) -> None:
    seq = next(
        event.seq for event in History(home).chain("keeper") if event.body.get("args", [""])[0] == "big"
    )

    shown, told = run("show", f"keeper@{seq}"), read(run("show", f"keeper@{seq}", "--json"))

    assert f"3.0 MB, kept as {ContentRef.of(bytes(BIG))}" in shown.stdout
    assert len(shown.stdout) < 5_000
    assert len(told["body"]["args"][1]["$bytes"]) > BIG


def test_show_follows_a_ref_to_the_beginning_of_its_content(run: Run, home: Path) -> None:
    seq = next(event.seq for event in History(home).chain("keeper") if event.body.get("label") == "greeting")

    assert "        hello\n        world\n" in run("show", f"keeper@{seq}").stdout


# -- stores ----------------------------------------------------------------------------------------------


def test_store_ls_lists_contents_with_sizes_and_labels(run: Run) -> None:
    listed = read(run("store", "ls", "keeper", "--json"))

    assert {(item["size"], *item["labels"]) for item in listed} == {
        (12, "greeting"),
        (BIG, "big"),
    }
    assert "3 contents, 3.0 MB" in run("store", "ls", "keeper").stdout


def test_store_labels_lists_what_each_points_to_newest_first(run: Run) -> None:
    labels = read(run("store", "labels", "keeper", "--json"))

    assert list(labels) == ["big", "greeting"]
    assert labels["greeting"] == [
        ContentRef.of(content).hash for content in (b"good evening", b"hello\nworld\n")
    ]
    assert run("store", "labels", "keeper").stdout.splitlines()[2].split()[-1] == "1"


@pytest.mark.parametrize(
    "what", ["greeting", ContentRef.of(b"good evening").hash, str(ContentRef.of(b"good evening"))]
)
def test_store_get_writes_a_content_by_label_or_hash(run: Run, what: str) -> None:
    assert run("store", "get", "keeper", what).stdout_bytes == b"good evening"


def test_store_get_takes_the_first_digits_of_a_hash_and_writes_a_file(run: Run, tmp_path: Path) -> None:
    short = ContentRef.of(bytes(BIG)).hash[:8]

    assert run("store", "get", "keeper", short, "-o", str(tmp_path / "big")).exit_code == 0

    assert (tmp_path / "big").read_bytes() == bytes(BIG)


def test_another_store_of_an_actor_is_named_by_its_id(run: Run, home: Path) -> None:
    kept_apart = [
        event.body["store"] for event in History(home).chain("keeper") if event.kind == "store/store"
    ]

    assert len(read(run("store", "ls", "keeper", "--store", kept_apart[0], "--json"))) == 1


def test_store_put_keeps_files_on_the_shelf_for_ever(tmp_path: Path) -> None:
    home, file = tmp_path / "t", tmp_path / "notes.txt"
    hashes = []
    for text in ("monday", "tuesday"):
        file.write_text(text)
        hashes.append(theater_command("store", "put", str(file), home=home).stdout.strip())
    file.write_text("labelled")
    told = read(theater_command("store", "put", str(file), "--label", "x", "--json", home=home))

    assert hashes == [ContentRef.of(text).hash for text in (b"monday", b"tuesday")]
    assert theater_command("store", "get", "shelf", "notes.txt", home=home).stdout == "tuesday"
    assert theater_command("store", "get", "shelf", hashes[0], home=home).stdout == "monday"
    assert told == {"actor": "shelf", "label": "x", "hash": ContentRef.of(b"labelled").hash}


def test_a_file_that_does_not_fit_on_the_disk_is_one_line_and_code_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> ContentRef:
        raise DiskFullError("no space left")

    monkeypatch.setattr(Store, "put_file", full)
    file = tmp_path / "notes.txt"
    file.touch()

    done = theater_command("store", "put", str(file), home=tmp_path / "t")

    assert done.exit_code == 4
    assert is_one_line(done.stderr)
    assert "no space left" in done.stderr


def test_an_empty_label_is_refused_and_not_taken_for_none(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("monday")

    done = theater_command("store", "put", str(file), "--label", "", home=tmp_path / "t")

    assert done.exit_code == 2
    assert is_one_line(done.stderr)
    assert not (tmp_path / "t").exists()


# -- verifying and proving -------------------------------------------------------------------------------


def test_verify_ticks_its_steps_and_ends_with_the_line_of_the_report(run: Run, home: Path) -> None:
    done = run("verify")

    assert done.exit_code == 0
    assert done.stdout.count("✓") == 10
    assert done.stdout.splitlines()[-1] == str(History(home).verify())


def test_verify_tells_a_program_what_was_verified(run: Run, home: Path) -> None:
    told = read(run("verify", "counter", "--signatures", "--json"))

    assert told["ok"] is True
    assert told["wrong"] is None
    assert told["keys"] == [str(History(home).key)]
    assert told["checkpoint"]["origin"] == History(home).origin
    assert told["events"] < read(run("verify", "--json"))["events"]


def test_a_flipped_bit_makes_verify_end_with_1(tmp_path: Path) -> None:
    home = tmp_path / "t"
    anyio.run(play, home)
    segment = home / "segments" / "00000001"
    content = bytearray(segment.read_bytes())
    content[5_000] ^= 1
    segment.write_bytes(content)

    shown, told = theater_command("verify", home=home), theater_command("verify", "--json", home=home)

    assert (shown.exit_code, told.exit_code) == (1, 1)
    assert shown.stdout.splitlines()[-1].startswith("WRONG")
    assert set(json.loads(told.stdout)["wrong"]) == {"where", "expected", "found", "step"}
    assert json.loads(told.stdout)["wrong"]["step"] in shown.stdout


def test_a_proof_convinces_a_stranger_who_has_only_the_key(run: Run, home: Path, tmp_path: Path) -> None:
    file, key = tmp_path / "p", str(History(home).key)
    file.write_text(run("prove", "counter@3").stdout)

    shown = theater_command("prove", "--check", str(file), "--key", key, home=None)
    told = read(theater_command("prove", "--check", str(file), "--key", key, "--json", home=None))

    assert shown.stdout.startswith(f"verified: {History(home).origin}")
    assert "add(1)" in shown.stdout
    assert told["event"]["hash"] == History(home).chain("counter")[3].hash.hex()
    assert told["key"] == key


def test_prove_writes_a_file_and_says_how_to_check_it(run: Run, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "p"

    done = run("prove", "counter@3", "-o", str(file))

    assert not done.stdout
    assert f"--check {file} --key {History(home).key}" in done.stderr
    assert (
        file.read_text()
        == run("prove", "counter@3").stdout
        == read(run("prove", "counter@3", "--json"))["proof"]
    )


def test_a_proof_under_another_key_or_of_another_event_is_refused(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "p"
    text = run("prove", "counter@3").stdout
    told = read(run("prove", "counter@3", "--json"))
    file.write_text(text.replace(f"index {told['index']}\n", f"index {told['index'] + 1}\n"))

    moved = theater_command("prove", "--check", str(file), "--key", told["key"], home=None)
    file.write_text(text)
    foreign = theater_command("prove", "--check", str(file), "--key", FOREIGN, home=None)

    assert (moved.exit_code, foreign.exit_code) == (1, 1)
    assert is_one_line(moved.stderr)
    assert is_one_line(foreign.stderr)


def test_verify_holds_the_folder_to_a_checkpoint_that_was_kept(run: Run, tmp_path: Path) -> None:
    proof, note, other = tmp_path / "p", tmp_path / "n", tmp_path / "other"
    proof.write_text(run("prove", "counter@3").stdout)
    note.write_text(proof.read_text().partition("\n\n")[2])
    anyio.run(play, tmp_path / "t")
    other.write_text(str(History(tmp_path / "t").checkpoint()))

    assert run("verify", "--kept", str(proof)).exit_code == 0
    assert run("verify", "--kept", str(note)).exit_code == 0
    wrong = run("verify", "--kept", str(other))
    assert wrong.exit_code == 1
    assert "kept checkpoint" in wrong.stdout
    assert run("verify", "--kept", __file__).exit_code == 2


@pytest.mark.parametrize("group", ["key", "store"])
def test_a_list_of_verbs_cuts_no_sentence_off(group: str) -> None:
    shown = theater_command(group, "--help", home=None)

    assert shown.exit_code == 0
    assert "..." not in shown.stdout.partition("Commands:")[2]
    assert "Commands:" in shown.stdout


def test_verbs_that_write_take_the_file_of_a_key_that_is_kept_elsewhere(tmp_path: Path) -> None:
    home, file = tmp_path / "t", tmp_path / "my.key"
    anyio.run(play, home)
    theater_command("key", "rotate", "--to", str(file), home=home)

    for words in (("store", "put", __file__), ("fork", "shelf")):
        refused = theater_command(*words, home=home)
        done = theater_command(*words, "--key", str(file), home=home)

        assert refused.exit_code == 4
        assert "its file by --key" in refused.stderr
        assert done.exit_code == 0, done.stderr
    assert theater_command("verify", home=home).exit_code == 0


def test_a_key_hands_over_and_verify_knows_both(tmp_path: Path) -> None:
    home, file = tmp_path / "t", tmp_path / "my.key"
    anyio.run(play, home)
    old = read(theater_command("key", "show", "--json", home=home))
    new = theater_command("key", "rotate", "--to", str(file), home=home).stdout.splitlines()
    newest = read(theater_command("key", "rotate", "--key", str(file), "--json", home=home))["key"]

    keys = [old["key"], new[1], newest]
    known = [word for key in keys for word in ("--key", key)]
    assert theater_command("verify", *known, home=home).exit_code == 0
    assert read(theater_command("verify", "--json", home=home))["keys"] == [old["key"], new[0], newest]
    wrong = theater_command("verify", "--key", FOREIGN, home=home)
    assert (wrong.exit_code, "known key" in wrong.stdout) == (1, True)
    assert theater_command("verify", "--key", "nonsense", home=home).exit_code == 2


def test_a_key_is_made_in_a_file_and_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "my.key"
    made = theater_command("key", "make", str(file), home=None)
    content = file.read_bytes()

    assert SigningKey(bytes.fromhex(content.decode())).public == VerifyKey.parse(made.stdout.strip())
    again = theater_command("key", "make", str(file), home=None)
    assert (again.exit_code, file.read_bytes()) == (2, content)
    assert is_one_line(again.stderr)
    other = read(theater_command("key", "make", str(tmp_path / "other"), "--json", home=None))
    assert set(other) == {"key", "file"}


def test_a_content_that_is_gone_from_the_disk_is_missing_and_leads_to_verify(tmp_path: Path) -> None:
    anyio.run(play, tmp_path / "t")
    for blob in (tmp_path / "t" / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()

    done = theater_command("store", "get", "keeper", "big", home=tmp_path / "t")

    assert done.exit_code == 3
    assert "theater verify" in done.stderr
    assert "store ls" not in done.stderr
    assert "5. contents" in theater_command("verify", home=tmp_path / "t").stdout


@pytest.mark.parametrize("group", ["demo", "store"])
def test_the_home_may_stand_before_the_verb_of_a_group(home: Path, group: str) -> None:
    words = {"demo": ("library", "--help"), "store": ("ls", "keeper")}[group]

    assert theater_command(group, "--home", str(home), *words, home=None).exit_code == 0


def test_only_a_folder_that_is_no_theaters_leads_to_the_option_for_another(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "file").touch()
    file = tmp_path / "notes.txt"
    file.touch()

    assert "--home" in theater_command("ps", home=tmp_path / "t").stderr
    assert "--home" not in theater_command("store", "put", str(file), home=tmp_path / "t").stderr


# -- errors ----------------------------------------------------------------------------------------------

WRONG_WORDS = [
    (("nope",), 2),
    (("ps", "--nope"), 2),
    (("log",), 2),
    (("log", "nobody"), 3),
    (("show", "counter@99999"), 3),
    (("show", "zz"), 3),
    (("verify", "nobody"), 3),
    (("prove",), 2),
    (("prove", "counter@1", "--key", "x"), 2),
    (("prove", "--check", __file__), 2),
    (("prove", "--check", __file__, "--key", "x"), 2),
    (("prove", "--check", __file__, "--key", 64 * "0"), 2),
    (("store", "ls", "counter"), 3),
    (("store", "ls", "keeper", "--store", "invented"), 3),
    (("store", "get", "keeper", "nothing"), 3),
    (("store", "put", "no such file"), 2),
    (("demo", "library", "--path", "no such folder"), 2),
    (("demo", "library", "--shards", "0"), 2),
    (("run", "crew"), 2),
    (("run", "no_such_module:Actor"), 2),
    (("run", "theater:Theater"), 2),
]


@pytest.mark.parametrize(
    ("words", "code"), WRONG_WORDS, ids=lambda part: " ".join(part) if isinstance(part, tuple) else ""
)
def test_an_error_is_one_line_and_a_code(run: Run, words: tuple[str, ...], code: int) -> None:
    done = run(*words)

    assert done.exit_code == code
    assert is_one_line(done.stderr)
    assert not done.stdout


@pytest.mark.parametrize(
    "words",
    [("ps",), ("log", "x"), ("show", "x@1"), ("verify",), ("prove", "x@1"), ("store", "ls", "x")],
    ids=lambda words: words[0],
)
def test_a_folder_that_is_no_theater_is_code_4_and_stays_as_it_is(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = theater_command(*words, home=tmp_path)

    assert done.exit_code == 4
    assert is_one_line(done.stderr)
    assert "--home" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_home_may_stand_before_or_after_the_verb_and_wins_over_the_environment(
    home: Path, tmp_path: Path
) -> None:
    before = theater_command("--home", str(home), "ps", home=tmp_path)
    after = theater_command("ps", "--home", str(home), home=tmp_path)

    assert before.exit_code == 0
    assert before.stdout == after.stdout


def test_a_traceback_is_shown_only_to_who_asks(tmp_path: Path) -> None:
    assert "Traceback" not in theater_command("ps", home=tmp_path).stderr
    assert "Traceback" in theater_command("ps", "--debug", home=tmp_path).stderr
    assert theater_command("--debug", "ps", home=tmp_path).exit_code == 4


ENDS = [
    (MalformedError("label", ""), 2),
    (SetupError("x"), 2),
    (ActorNotFoundError("x"), 3),
    (FolderInUseError("x"), 4),
    (PermissionError("x"), 4),
    (CorruptContentError("x"), 1),
    (ActorFailedError("x"), 5),
    (ValueError("x"), 70),
    (KeyboardInterrupt(), 130),
    (BrokenPipeError(), 141),
    (SystemExit(3), 3),
    (SystemExit("text"), 1),
    (BaseExceptionGroup("one", [FolderInUseError("x")]), 4),
    (BaseExceptionGroup("two", [FolderInUseError("x"), ValueError("y")]), 70),
]


@pytest.mark.parametrize(("error", "code"), ENDS, ids=[repr(error) for error, _ in ENDS])
def test_each_error_has_the_exit_code_that_help_promises(error: BaseException, code: int) -> None:
    assert code_of(error) == code


def test_an_error_nobody_foresaw_is_named_and_leads_to_its_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert end(ValueError("two\nlines"), debug=False) == 70

    assert capsys.readouterr().err == "theater: ValueError: two lines; --debug shows the traceback\n"


# -- the reference ---------------------------------------------------------------------------------------


def documented(words: tuple[str, ...]) -> click.Command:
    group: click.Command = main
    for word in words:
        assert isinstance(group, click.Group)
        found = group.get_command(click.Context(main), word)
        assert found is not None
        group = found
    return group


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_the_reference_names_each_verb_with_all_its_options(words: tuple[str, ...]) -> None:
    options = [
        option
        for parameter in documented(words).params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for option in parameter.opts
    ]

    assert f"`theater {' '.join(words)}" in REFERENCE
    assert [option for option in options if option not in REFERENCE] == []


def test_the_reference_has_the_exit_codes_that_help_has() -> None:
    assert [
        line for code, meaning in CODES.items() if (line := f"| {code} | {meaning} |") not in REFERENCE
    ] == []
