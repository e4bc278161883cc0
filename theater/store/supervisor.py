"""The store supervisor: one per actor, it takes store requests in order and does not wait for the disk.

Each request is decided, recorded and taken into the fold at one go. A read is answered at once; the answer to
a write is left with the journal until its batch is committed, and the next request is taken meanwhile: this
pipelining gives one actor 65 k puts/s, where waiting for each request gives 2.3 k.

A supervisor that rests carries a request out where it is made: a turn of the loop to its task and back would
take 6 µs more. Its task is for what waits (for a thread, for the disk, behind another request), and
after some answers in a row it is woken all the same, so that other tasks have their turn.
"""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from typing import Any

from anyio import to_thread
from msgspec.msgpack import Ext

from theater.content import ContentRef
from theater.errors import (
    CorruptContentError,
    DiskFullError,
    NotAllowedError,
    NotRunningError,
)
from theater.journal.ahead import Ahead
from theater.loop import Future, Loop, Task, pause
from theater.plain import CONTENT_REF
from theater.store import again
from theater.store.decision import Decision, Place, decide, decide_granted
from theater.store.fold import Fold
from theater.store.hashing import SMALL, digest_of, got, in_thread, unread, verified
from theater.store.owner import Owner
from theater.store.permission import refusal
from theater.store.requests import Answer, Get, Keep, Keeping, Kept, New, OfRef, Preview, Request

_UNKNOWN = bytes(32)  # stands for the digest of a content that was not hashed yet, and is held nowhere
_SLICE = 64  # requests until other tasks have their turn


class StoreSupervisor:
    """Persists what one actor stores, and puts every request into that actor's chain."""

    __slots__ = ("_journal", "_loop", "_mailbox", "_taken", "_task", "_waiter", "fold", "owner")

    def __init__(self, owner: Owner, loop: Loop, fold: Fold | None = None) -> None:
        self.owner = owner
        self.fold = fold or Fold()
        self._journal = owner.journal
        self._loop = loop
        self._mailbox: deque[tuple[Request[Any] | Preview, bytes | None, Future[Any]]] = deque()
        self._task: Task[None] | None = None
        self._waiter: Future[None] | None = None  # there while its task rests: then the mailbox is empty
        self._taken = 0  # requests answered at once, since others had their turn

    def place(self) -> Place:
        """Where the actor's chain stands; the fold holds all up to there."""
        return self.owner.place()

    def default(self) -> str:
        """The id of the actor's own store, made when it is first asked for.

        Its event is there at once, before the handler can hand the id to anybody.
        """
        if self.fold.default is None:
            prompter = self.owner.ask_of_context()
            if prompter is not None:
                return again.default(prompter, self.fold)
            request = New(self.owner.entropy().hex(), default=True)
            why = self._refusal(request)
            if why is not None:
                self.owner.record(request.kind, Decision(request.body()).refused(why).body)
                raise why
            self.owner.record(request.kind, request.body())
            self.fold.apply(request.kind, request.body())
        return self.fold.default or ""

    def ask(self, request: Request[Answer], content: bytes | None = None) -> Future[Answer]:
        """Send a request, with the content it is to keep; its answer comes in the future.

        An asker that gives up before its request is begun withdraws it.
        """
        return self._send(request, content)

    def keep(self, store: str, content: bytes) -> Future[ContentRef]:
        """Send `Keep`. Most of them are small and are refused nothing: these are carried out here.

        It is what `_send` and `_settle` would do, in 27,000 instructions less (of 138,000).
        """
        owner, journal = self.owner, self._journal
        is_led = owner.ask_of_context() is not None
        holding = self.fold.stores.get(store)
        if (
            holding is None
            or len(content) > SMALL
            or is_led
            or self._waiter is None
            or self._taken >= _SLICE
            or journal.full
            or owner.grants is not None
        ):
            return self._send(Keep(store), content)
        digest, size = sha256(content).digest(), len(content)
        try:
            journal.put(digest, content, kept=True)
        except DiskFullError:
            return self._send(Keep(store), content)  # which says so, and records it
        answer: Future[ContentRef] = owner.promise()
        owner.record_ready(Keep.kind, Kept(Ext(CONTENT_REF, digest), size, store))
        self.fold.keep(holding, digest, size)
        journal.then(answer, ContentRef.of_digest(digest))
        self._taken += answer.done()
        return answer

    def preview(self, request: Request[Answer]) -> Future[Answer]:
        """Ask, in its turn, whether the request would be refused; if it would not, it is yet to be made."""
        return self._send(Preview(request), None)

    def fail(self, request: Request[Any], error: Exception) -> None:
        """Record that a request which would not have been refused came to nothing."""
        if isinstance(error, CorruptContentError) and isinstance(request, OfRef):
            self._journal.forget(request.ref.digest)
        self.owner.record(request.kind, self._decide(request).refused(error).body)

    def read(self, request: Get) -> bytes:
        """The content itself; any thread may call it.

        Raises:
            CorruptContentError, OSError: as `verified`.
        """
        return verified(self._journal, request.ref)

    def tasks(self) -> tuple[Task[None], ...]:
        """What runs on behalf of the actor, to be ended with it."""
        return () if self._task is None else (self._task,)

    def _send(self, request: Request[Any] | Preview, content: bytes | None) -> Future[Any]:
        prompter = self.owner.ask_of_context()
        answer: Future[Any] = Future(loop=self._loop)
        if prompter is not None and not isinstance(request, Preview):
            answered = again.answer(self, prompter, request, content, answer)
            if answered is not None:
                self.owner.start(answered)
            return answer
        self.take_in(request, content, answer)
        return answer

    def take_in(self, request: Request[Any] | Preview, content: bytes | None, answer: Future[Any]) -> None:
        """Have the request carried out in its turn, which is now if the supervisor rests."""
        waiter = self._waiter
        if waiter is not None and self._taken < _SLICE and not self._journal.full:
            try:
                if self._carry_out(request, content, answer):
                    self._taken += answer.done()  # who waits for the disk lets others have their turn
                    return
            except Exception as error:  # noqa: BLE001  # as in `_drain`
                answer.set_exception(error)
                return
        self._mailbox.append((request, content, answer))
        if waiter is not None:
            waiter.set_result(None)
            self._waiter = None
        elif self._task is None or self._task.done():
            self._task = self.owner.start(self._run())

    async def _run(self) -> None:
        try:
            while True:
                self._taken = 0
                await self._drain()
                self._waiter = self._loop.create_future()
                await self._waiter
        finally:
            self._task = self._waiter = None
            for _, _, answer in self._mailbox:
                if not answer.done():
                    answer.set_exception(NotRunningError(f"{self.owner.name} has ended"))
            self._mailbox.clear()

    async def _drain(self) -> None:
        mailbox = self._mailbox
        while mailbox:
            request, content, answer = mailbox[0]  # stays there: if the actor ends meanwhile, it is answered
            if not answer.done():
                try:
                    await self._take(request, content, answer)
                except Exception as error:  # noqa: BLE001  # whatever it is, whoever asked must hear of it
                    if not answer.done():
                        answer.set_exception(error)
            mailbox.popleft()
            self._taken += 1
            if self._taken == _SLICE:
                await pause()
                self._taken = 0

    async def _take(
        self, request: Request[Any] | Preview, content: bytes | None, answer: Future[Any]
    ) -> None:
        """Carry it out, when the disk has caught up and threads have done what takes long."""
        if self._journal.full:
            await self._room()
        if self._carry_out(request, content, answer):
            return
        if isinstance(request, Keeping) and content is not None:
            await self._keep_large(request, content, answer)
        elif isinstance(request, Get):
            get, decision = request, self._decide(request)
            try:
                content = await to_thread.run_sync(verified, self._journal, get.ref)
                decision = decision._replace(answer=content)
            except (CorruptContentError, OSError) as error:
                decision = unread(self._journal, get, decision, error)
            self._settle(get, decision, answer)

    async def _keep_large(self, request: Keeping, content: bytes, answer: Future[Any]) -> None:
        """Hash it in one thread, while another writes what is large enough for a file, and not refused."""
        would = self._decide(request.named(_UNKNOWN, len(content)))
        ahead = self._journal.ahead(content) if would.error is None else None
        try:
            if ahead is not None:
                self.owner.start(in_thread(ahead.run))
            named = request.named(await to_thread.run_sync(digest_of, content), len(content))
            self._settle(named, self._put(named, content, ahead), answer)
        finally:
            if ahead is not None:
                ahead.drop()

    def _carry_out(self, request: Request[Any] | Preview, content: bytes | None, answer: Future[Any]) -> bool:
        """Decide, record, answer, all at one go; False: content is large, nothing was done."""
        if content is not None and isinstance(request, Keeping):
            if len(content) > SMALL:
                return False
            request = request.named(digest_of(content), len(content))
            decision = self._put(request, content)
        elif isinstance(request, Preview):
            self._look(request.request, answer)
            return True
        else:
            decision = self._decide(request)
            if type(request) is Get and decision.error is None:
                if decision.answer > SMALL:
                    return False
                decision = got(self._journal, request, decision)
        self._settle(request, decision, answer)
        return True

    def _refusal(self, request: Request[Any]) -> NotAllowedError | None:
        grants = self.owner.grants
        return None if grants is None else refusal(grants, self.fold, request)

    def _decide(self, request: Request[Any]) -> Decision:
        why = self._refusal(request)
        if why is not None:
            return Decision(request.body()).refused(why)
        if request.store not in self.fold.stores:
            lender = self.owner.world.store_of(request.store, self.owner.id)
            if lender is not None:
                return decide_granted(lender.fold, request, reader=self.owner.id, place=lender.place())
        return decide(self.fold, request)

    def _look(self, request: Request[Any], answer: Future[Any]) -> None:
        decision = self._decide(request)
        if decision.error is not None:
            self._settle(request, decision, answer)
        elif not answer.done():
            answer.set_result(decision.answer)

    def _put(self, request: Keeping, content: bytes, ahead: Ahead | None = None) -> Decision:
        decision = self._decide(request)
        if decision.error is None and request.ref is not None:
            try:
                if ahead is None:
                    self._journal.put(request.ref.digest, content, kept=True)
                else:
                    ahead.put(request.ref.digest)
            except DiskFullError as error:
                return decision.refused(error)
        return decision

    def _settle(self, request: Request[Any], decision: Decision, answer: Future[Any]) -> None:
        """Record, take in, answer: all at one go."""
        self.owner.record(request.kind, decision.body)
        if decision.error is None and request.writes:
            self.fold.apply(request.kind, decision.body)
            self._journal.then(answer, decision.answer)
        elif answer.done():
            pass  # given up after it was begun
        elif decision.error is None:
            answer.set_result(decision.answer)
        else:
            answer.set_exception(decision.error)

    async def _room(self) -> None:
        """Wait until what was appended so far is on the disk."""
        committed: Future[None] = self._loop.create_future()
        self._journal.then(committed, None)
        await committed
