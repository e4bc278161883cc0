"""Every key of a manifest, said once: it is read, written and put into a schema by what stands here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from theater.errors import SetupError
from theater.mailbox import Overflow
from theater.manifest.granted import Granted
from theater.manifest.kinds import Checked, Key, Kind, Scalar, Table, Tables, Text, Values, Word
from theater.manifest.values import House, Manifest, Member, Rules
from theater.options import Options
from theater.restart import Backoff, Restart, RestartLimit, Restore, Strategy
from theater.supervision import check_name

_CLASS = r"^[^:]+:[^:]+$"


def _option(name: str, kind: Kind) -> Kind:
    """An option of `spawn`: what is good for it is good here."""
    return Checked(kind, lambda value: Options(**{name: value}))


def names_class(text: object) -> bool:
    """Whether this is text that may name a class."""
    if not isinstance(text, str):
        return False
    module, _, path = text.partition(":")
    return all(part.isidentifier() for part in (*module.split("."), *path.split(".")))


def name_from(class_name: str) -> str:
    """What an actor of this class is called if nothing else is said."""
    return class_name.rpartition(":")[2].rpartition(".")[2].lower()


def _check_class(text: str) -> None:
    if not names_class(text):
        raise SetupError(f"{text!r} is not MODULE:CLASS, such as crew:Librarian")


def _check_folder(text: str) -> None:
    if not text or "\0" in text:
        raise SetupError(
            f"{text!r} names no folder; without this key all is kept in memory, by `theater run` in .theater"
        )


def of(*names: str) -> Callable[[Any], dict[str, Any]]:
    """The parts of a value whose attributes are called as the keys."""
    return lambda value: {name: getattr(value, name) for name in names}


LIMIT = Table(
    [
        Key("restarts", Scalar(int), "how many restarts are allowed"),
        Key("within", Scalar(float), "within how many seconds"),
    ],
    RestartLimit,
    of("restarts", "within"),
)

BACKOFF = Table(
    [
        Key("first", Scalar(float), "seconds to wait at most before the first restart"),
        Key("most", Scalar(float), "seconds to wait at most before any"),
        Key("factor", Scalar(float), "by how much the wait grows with each restart"),
    ],
    Backoff,
    of("first", "most", "factor"),
)

RULES = Table(
    [
        Key("strategy", Word(Strategy), "who is started again besides the child that failed"),
        Key("limit", LIMIT, "how often its children are started again, all together"),
    ],
    Rules,
    of("strategy", "limit"),
)

OPTIONS = [
    Key("restart", _option("restart", Word(Restart)), "when it is started again after it ended"),
    Key("restore", _option("state", Word(Restore)), "the state that it begins with then"),
    Key("limit", LIMIT, "how often it is started again; one failure more, and it is over"),
    Key("backoff", BACKOFF, "how long to wait before it is started again; by default not at all"),
    Key("stop_within", _option("stop_within", Scalar(float)), "seconds that it is given to stop"),
    Key("mailbox", _option("mailbox", Scalar(int)), "how many messages may wait for it"),
    Key("overflow", _option("overflow", Word(Overflow)), "what a full mailbox does with one more"),
    Key("grants", Granted(), "what it may do; by default all that its supervisor may"),
]
_FIELDS = {key.name: key.name for key in OPTIONS} | {"restore": "state"}
"""The options of `spawn`, and how they are called there: `state` is taken, by the fields."""


def _member(**given: Any) -> Member:
    class_name = given["class"]
    options = Options(**{_FIELDS[name]: value for name, value in given.items() if name in _FIELDS})
    return Member(
        class_name=class_name,
        name=given.get("name") or name_from(class_name),
        state=given.get("state", {}),
        options=options,
        supervision=given.get("supervision"),
        children=given.get("children", ()),
    )


def _parts(member: Member) -> dict[str, Any]:
    options = {name: getattr(member.options, field) for name, field in _FIELDS.items()}
    own = {"class": member.class_name, "name": member.name}
    rest = {"state": member.state, "supervision": member.supervision, "children": member.children}
    return {**own, **options, **rest}


_PLAIN = {name: part for name, part in _parts(Member("", "")).items() if name not in ("class", "name")}

ACTOR: Table = Table(
    [
        Key("class", Text(_check_class, pattern=_CLASS), "its class, as MODULE:CLASS", required=True),
        Key("name", Text(check_name), "its name; by default that of its class in lower case"),
        Key("state", Values(), "the fields that it begins with, besides those that have defaults"),
        *OPTIONS,
        Key("supervision", RULES, "how it supervises its children; by default as its class says"),
        Key("children", Tables(lambda: ACTOR, "#/$defs/actor"), "whom it supervises, in the order of start"),
    ],
    _member,
    _parts,
    _PLAIN,
)

THEATER = Table(
    [
        Key(
            "folder",
            Text(_check_folder, minLength=1),
            "where everything is kept; relative to the manifest's own folder",
        ),
        Key("record_messages", Scalar(bool), "whether every message is an event"),
        Key("keep", Scalar(int, least=1), "in memory, how many events are kept"),
        Key("keep_bytes", Scalar(int, least=1), "in memory, how many bytes they take at most"),
        Key("closing", Scalar(float, least=0), "seconds that queued messages are given at the end"),
    ],
    House,
    of("folder", "record_messages", "keep", "keep_bytes", "closing"),
)

MANIFEST = Table(
    [
        Key("theater", THEATER, "options of the theater"),
        Key(
            "actor", Tables(lambda: ACTOR, "#/$defs/actor"), "the crew, in the order of start", required=True
        ),
    ],
    Manifest,
    of("theater", "actor"),
    {"theater": House()},
)
