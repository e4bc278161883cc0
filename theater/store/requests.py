"""Requests to a store supervisor: frozen values that know their event, checked where they enter.

A request says what kind its event is, what stands in that event, and whether it writes. It holds no content:
a request to keep some is named by its hash before it is decided upon.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Self, TypeVar

from msgspec import Struct
from msgspec.msgpack import Ext

from theater.codec import BODY_DEPTH, prepare
from theater.content import ContentRef
from theater.errors import MalformedError
from theater.plain import CONTENT_REF

Content = bytes | bytearray | memoryview
Answer = TypeVar("Answer")

_SHOWN_BYTES = 64  # of a store id; a true one has 32
_LABEL_BYTES = 1_024


class Request(Struct, Generic[Answer], frozen=True, gc=False):
    """One message to a store supervisor; its class is the function, its type argument the answer."""

    kind: ClassVar[str]
    writes: ClassVar[bool] = False
    store: str

    def body(self) -> dict[str, object]:
        """What stands in the event, in canonical order: the question, never the answer."""
        return {"store": self.store}


class Preview(Struct, frozen=True):
    """Asks whether a request would be refused; only if so it is recorded."""

    request: Request[Any]


class OfRef(Request[Answer], frozen=True, gc=False):
    ref: ContentRef

    def body(self) -> dict[str, object]:
        return {"ref": self.ref, "store": self.store}


class OfLabel(Request[Answer], frozen=True, gc=False):
    label: str

    def body(self) -> dict[str, object]:
        return {"label": self.label, "store": self.store}


class OfPair(Request[Answer], frozen=True, gc=False):
    label: str
    ref: ContentRef

    def body(self) -> dict[str, object]:
        return {"ref": self.ref, "label": self.label, "store": self.store}


class Keeping(Request[ContentRef], frozen=True, gc=False, kw_only=True):
    """Keeps content; nameless while its bytes are on their way, recorded so only if they do not arrive."""

    writes: ClassVar[bool] = True
    ref: ContentRef | None = None
    size: int = 0  # bytes

    def body(self) -> dict[str, object]:
        if self.ref is None:
            return {"store": self.store}
        return {"ref": self.ref, "size": self.size, "store": self.store}

    def named(self, digest: bytes, size: int) -> Self:
        return type(self)(self.store, ref=ContentRef.of_digest(digest), size=size)


class KeepingAt(Keeping, frozen=True, gc=False):
    label: str

    def body(self) -> dict[str, object]:
        if self.ref is None:
            return {"label": self.label, "store": self.store}
        return {"ref": self.ref, "size": self.size, "label": self.label, "store": self.store}

    def named(self, digest: bytes, size: int) -> Self:
        return type(self)(self.store, self.label, ref=ContentRef.of_digest(digest), size=size)


class Keep(Keeping, frozen=True, gc=False):
    kind: ClassVar[str] = "store/store"


class Kept(Struct, gc=False):
    """What `Keep.body` says, made ready: it is written in 0.1 µs less than the map, and the same."""

    ref: Ext
    size: int
    store: str


class KeepAtLabel(KeepingAt, frozen=True, gc=False):
    kind: ClassVar[str] = "store/store_at_label"


class ReplaceContentAtLabel(KeepingAt, frozen=True, gc=False):
    kind: ClassVar[str] = "store/replace_content_at_label"


class KeepStream(Keeping, frozen=True, gc=False):
    kind: ClassVar[str] = "store/put_stream"


class KeepFile(Keeping, frozen=True, gc=False):
    kind: ClassVar[str] = "store/put_file"
    path: str

    def body(self) -> dict[str, object]:
        if self.ref is None:
            return {"path": self.path, "store": self.store}
        return {"ref": self.ref, "path": self.path, "size": self.size, "store": self.store}

    def named(self, digest: bytes, size: int) -> Self:
        return type(self)(self.store, self.path, ref=ContentRef.of_digest(digest), size=size)


class New(Request[str], frozen=True, gc=False):
    kind: ClassVar[str] = "store/new"
    writes: ClassVar[bool] = True
    default: bool = False  # the actor's own store, `context.store`

    def body(self) -> dict[str, object]:
        return {"store": self.store, "default": True} if self.default else {"store": self.store}


class Grant(Request[None], frozen=True, gc=False):
    kind: ClassVar[str] = "store/grant"
    writes: ClassVar[bool] = True
    to: bytes  # the id of the actor that may read

    def body(self) -> dict[str, object]:
        return {"to": self.to, "store": self.store}


class Label(OfPair[None], frozen=True, gc=False):
    kind: ClassVar[str] = "store/label"
    writes: ClassVar[bool] = True


class ReplaceAtLabel(OfPair[None], frozen=True, gc=False):
    kind: ClassVar[str] = "store/replace_at_label"
    writes: ClassVar[bool] = True


class RemoveFromLabel(OfPair[None], frozen=True, gc=False):
    kind: ClassVar[str] = "store/remove_from_label"
    writes: ClassVar[bool] = True


class RemoveLabel(OfLabel[None], frozen=True, gc=False):
    kind: ClassVar[str] = "store/remove_label"
    writes: ClassVar[bool] = True


class Get(OfRef[bytes], frozen=True, gc=False):
    kind: ClassVar[str] = "store/get"


class GetStream(OfRef[int], frozen=True, gc=False):
    """Answered by the size; the bytes are read outside the supervisor."""

    kind: ClassVar[str] = "store/get_stream"


class Exists(OfRef[bool], frozen=True, gc=False):
    kind: ClassVar[str] = "store/exists"


class GetByLabel(OfLabel[ContentRef | None], frozen=True, gc=False):
    kind: ClassVar[str] = "store/get_by_label"


class Labelled(OfLabel[list[ContentRef]], frozen=True, gc=False):
    kind: ClassVar[str] = "store/labelled"


class ListLabels(Request[list[str]], frozen=True, gc=False):
    kind: ClassVar[str] = "store/list_labels"


class ListAllContent(Request[list[ContentRef]], frozen=True, gc=False):
    kind: ClassVar[str] = "store/list_all_content"


class CalculateTotalSize(Request[int], frozen=True, gc=False):
    kind: ClassVar[str] = "store/calculate_total_size"


def ready(body: dict[str, object]) -> object:
    """The body of a request made ready to be packed; its keys stand in canonical order (3 µs saved)."""
    if "error" in body or "owner" in body:
        return prepare(body, name="body", depth=BODY_DEPTH)
    ref = body.get("ref")
    return {**body, "ref": Ext(CONTENT_REF, ref.digest)} if isinstance(ref, ContentRef) else body


def checked_label(label: str) -> str:
    """The label as plain text, 1 to 1,024 UTF-8 bytes.

    Raises:
        TypeError: not text.
        MalformedError: too short, too long, or not Unicode (a lone surrogate).
    """
    if not isinstance(label, str):
        raise TypeError(f"a label is text, not {type(label).__name__}")
    text = label if type(label) is str else str.__str__(label)
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise MalformedError("label", text, why="a lone surrogate is not text") from error
    if not 1 <= size <= _LABEL_BYTES:
        raise MalformedError("label", text, why="1 to 1,024 bytes")
    return text


def checked_ref(ref: ContentRef) -> ContentRef:
    """The very ref.

    Raises:
        TypeError: anything else than a `ContentRef`.
    """
    if type(ref) is not ContentRef:
        raise TypeError(f"a ContentRef is wanted, not {type(ref).__name__}; ContentRef.parse reads text")
    return ref


def copied(content: Content) -> bytes:
    """The content as bytes that nobody else can change.

    Raises:
        TypeError: neither bytes, bytearray nor memoryview.
    """
    if type(content) is bytes:
        return content
    if not isinstance(content, bytes | bytearray | memoryview):
        raise TypeError(f"content is bytes, bytearray or memoryview, not {type(content).__name__}")
    return bytes(content)


def checked_store_id(store_id: str) -> str:
    """The id as it can stand in an event; text that cannot be one is shortened, and names no store.

    Raises:
        TypeError: not text.
    """
    if not isinstance(store_id, str):
        raise TypeError(f"a store id is text, not {type(store_id).__name__}")
    shown = store_id.encode(errors="replace")  # lone surrogates
    return shown[:_SHOWN_BYTES].decode(errors="ignore")
