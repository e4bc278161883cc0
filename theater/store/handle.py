"""`context.store` and `context.stores`: what an actor sees of its store supervisor.

Every method is a message to the supervisor and stands in the actor's chain. Input is checked before it is
sent.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Coroutine

from theater.codec import Addressed
from theater.content import ContentRef
from theater.loop import Future
from theater.store.intake import FileBlocks, checked_path, take_in
from theater.store.requests import (
    Answer,
    CalculateTotalSize,
    Content,
    Exists,
    Get,
    GetByLabel,
    GetStream,
    Grant,
    KeepAtLabel,
    KeepFile,
    KeepStream,
    Label,
    Labelled,
    ListAllContent,
    ListLabels,
    New,
    RemoveFromLabel,
    RemoveLabel,
    ReplaceAtLabel,
    ReplaceContentAtLabel,
    Request,
    checked_label,
    checked_ref,
    checked_store_id,
    copied,
)
from theater.store.streams import ContentStream
from theater.store.supervisor import StoreSupervisor

Keeps = Coroutine[object, None, ContentRef]
"""What keeps content returns: content is copied when the method is called, not when it is awaited."""


class Store:
    """One store of an actor: content by its hash, and labels that point to content.

    Methods raise `StoreNotFoundError` if this actor has no such store, `TypeError` and `MalformedError` for
    what is no content, ref or label, and `JournalFailedError` once the disk has failed.
    """

    __slots__ = ("_checked", "_id", "_supervisor")

    def __init__(self, supervisor: StoreSupervisor, store_id: str | None = None) -> None:
        self._supervisor = supervisor
        self._id = store_id
        self._checked: str | None = None

    @property
    def id(self) -> str:
        """32 hex digits; they open this store again, for this actor only."""
        if self._id is None:
            self._id = self._supervisor.default()
        return self._id

    def __repr__(self) -> str:
        return f"<Store {self._id or '(default)'}>"

    def store(self, content: Content) -> Keeps:
        """Keep content; returns once it is durable and signed. The same bytes are kept once.

        Raises:
            DiskFullError: it does not fit.
        """
        return self._keep(content if type(content) is bytes else copied(content))

    async def get(self, ref: ContentRef) -> bytes:
        """The content, hashed again on the way out.

        Raises:
            ContentNotFoundError: this store never stored it.
            CorruptContentError: what was kept is not what was stored; storing it again mends it.
        """
        return await self._of_ref(Get, ref)

    async def exists(self, ref: ContentRef) -> bool:
        """Say whether this store holds the content."""
        return await self._of_ref(Exists, ref)

    async def label(self, label: str, ref: ContentRef) -> None:
        """Add a ref to a label, or make it the newest there.

        Raises:
            ContentNotFoundError: this store never stored that content.
        """
        await self._of_pair(Label, label, ref)

    async def get_by_label(self, label: str) -> ContentRef | None:
        """The newest ref of a label; None if there is no such label."""
        return await self._of_label(GetByLabel, label)

    async def labelled(self, label: str) -> list[ContentRef]:
        """All refs of a label, newest first."""
        return await self._of_label(Labelled, label)

    async def remove_label(self, label: str) -> None:
        """Drop a label, if it is there; the content stays."""
        await self._of_label(RemoveLabel, label)

    async def remove_from_label(self, label: str, ref: ContentRef) -> None:
        """Drop one ref from a label, if it is there; the last one takes the label with it."""
        await self._of_pair(RemoveFromLabel, label, ref)

    def store_at_label(self, label: str, content: Content) -> Keeps:
        """Keep content and add it to a label, both or neither.

        Raises:
            DiskFullError: it does not fit.
        """
        return self._keep_at(KeepAtLabel, checked_label(label), copied(content))

    def replace_content_at_label(self, label: str, content: Content) -> Keeps:
        """Keep content and let the label point to nothing else, or change nothing.

        Raises:
            DiskFullError: it does not fit.
        """
        return self._keep_at(ReplaceContentAtLabel, checked_label(label), copied(content))

    async def replace_at_label(self, label: str, ref: ContentRef) -> None:
        """Let the label point to nothing but this ref.

        Raises:
            ContentNotFoundError: this store never stored that content.
        """
        await self._of_pair(ReplaceAtLabel, label, ref)

    async def list_labels(self) -> list[str]:
        """All labels, sorted by code point."""
        return await self._supervisor.ask(ListLabels(self._known()))

    async def list_all_content(self) -> list[ContentRef]:
        """All content, sorted by hash."""
        return await self._supervisor.ask(ListAllContent(self._known()))

    async def calculate_total_size(self) -> int:
        """Bytes, each distinct content once."""
        return await self._supervisor.ask(CalculateTotalSize(self._known()))

    async def put_stream(self, source: AsyncIterable[bytes]) -> ContentRef:
        """Keep content of any size in constant memory, from an async iterable or an anyio byte stream.

        It takes its place among this actor's requests when its last byte is durable.

        Raises:
            DiskFullError: it does not fit; also whatever the source raises. Nothing was kept.
        """
        if not isinstance(source, AsyncIterable):
            raise TypeError(f"a stream is an async iterable of bytes, not {type(source).__name__}")
        return await take_in(self._supervisor, KeepStream(self._known()), source)

    async def put_file(self, path: str | os.PathLike[str]) -> ContentRef:
        """Keep what is in a file, like `put_stream`.

        Raises:
            OSError: the file cannot be read.
            DiskFullError: it does not fit; nothing was kept.
        """
        shown = checked_path(path)
        async with FileBlocks(path) as blocks:
            return await take_in(self._supervisor, KeepFile(self._known(), shown), blocks)

    def get_stream(self, ref: ContentRef) -> ContentStream:
        """Content of any size in constant memory: `async for chunk in store.get_stream(ref)`.

        The whole of it is verified before its first byte is handed out; errors as in `get` are raised then.
        """
        ref = checked_ref(ref)
        return ContentStream(self._supervisor, GetStream(self._known(), ref))

    async def _keep(self, content: bytes) -> ContentRef:
        return await self._supervisor.keep(self._checked or self._known(), content)

    async def _keep_at(
        self, request: type[KeepAtLabel | ReplaceContentAtLabel], label: str, content: bytes
    ) -> ContentRef:
        return await self._supervisor.ask(request(self._known(), label), content)

    def _of_ref(
        self, request: Callable[[str, ContentRef], Request[Answer]], ref: ContentRef
    ) -> Future[Answer]:
        ref = checked_ref(ref)
        return self._supervisor.ask(request(self._known(), ref))

    def _of_label(self, request: Callable[[str, str], Request[Answer]], label: str) -> Future[Answer]:
        label = checked_label(label)
        return self._supervisor.ask(request(self._known(), label))

    def _of_pair(
        self, request: Callable[[str, str, ContentRef], Request[Answer]], label: str, ref: ContentRef
    ) -> Future[Answer]:
        label, ref = checked_label(label), checked_ref(ref)
        return self._supervisor.ask(request(self._known(), label, ref))

    def _known(self) -> str:
        """The id as requests hold it; asked for last, when all else is checked, for it may make the store."""
        if self._checked is None:
            self._checked = checked_store_id(self.id)
        return self._checked


class Stores:
    """All stores of an actor."""

    __slots__ = ("_supervisor",)

    def __init__(self, supervisor: StoreSupervisor) -> None:
        self._supervisor = supervisor

    @property
    def default(self) -> Store:
        """The actor's own store, made on first use."""
        return Store(self._supervisor)

    async def new(self) -> Store:
        """Make a store; its id is valid for this actor only."""
        made = await self._supervisor.ask(New(self._supervisor.owner.entropy().hex()))
        return Store(self._supervisor, made)

    def open(self, store_id: str) -> Store:
        """The store with this id; whether there is one, its first use says."""
        return Store(self._supervisor, store_id)

    async def grant(self, store: Store, *, to: Addressed) -> None:
        """Let another actor read this store; it opens it by its id.

        Raises:
            NotAllowedError: the store was only granted to this actor.
        """
        if not isinstance(to, Addressed):
            raise TypeError(f"a store is granted to an ActorRef, not to {type(to).__name__}")
        if not isinstance(store, Store):
            raise TypeError(f"a Store is granted, not {type(store).__name__}")
        await self._supervisor.ask(Grant(checked_store_id(store.id), to.address.id))
