"""Histories: what a theater's folder tells, whether it runs or not; looks, and changes nothing.

    history = History(".theater")
    history.actors()                        everybody there ever was
    history.chain("counter")                one actor's events
    print(history.verify())                 is all of it what was signed?
    proof = history.prove(event)            for a stranger, who needs `history.key` and no more

Only what is committed is seen. What is read is not verified on the way: that is what `verify` is for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from theater.actor import Actor
from theater.checkpoint import Checkpoint, Note
from theater.entries import Entries
from theater.errors import ActorNotFoundError, CorruptJournalError, MissingError, SetupError
from theater.event import Event
from theater.journal.reader import Reader
from theater.keys import VerifyKey
from theater.moments import check_seq
from theater.parting import Parting, part
from theater.proof import EventProof
from theater.recorded import Actors, RecordedActor, RecordedChain
from theater.replaying import FolderSource, Replay, rehearse, told_or_rebuilt
from theater.verify import Report, unreadable, verify

_PREFIX = re.compile(r"(?:[0-9a-f]{2}){2,32}", re.ASCII)  # 4 digits or more


class History:
    """Looks into a theater's folder."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Look at the folder.

        Raises:
            FolderError: no theater, or of a newer format.
        """
        self._path = os.fspath(folder)
        self._damage: CorruptJournalError | None = None
        try:
            self._reader = Reader(folder)
            self._entries = Entries(self._reader)
            self._actors = Actors(self._reader)
        except CorruptJournalError as error:  # `verify` reports it, all else raises it
            self._damage = error

    @property
    def origin(self) -> str:
        """The name under which checkpoints are signed: `theater/` and 32 hex digits."""
        self._refuse_damage()
        return self._reader.origin

    @property
    def key(self) -> VerifyKey:
        """The public key that the folder names: compare it with the one you know."""
        self._refuse_damage()
        return self._reader.key

    def actors(self) -> list[RecordedActor]:
        """All actors there ever were, in the order in which they were spawned."""
        return list(self._all_actors())

    def chain(self, actor: str | bytes) -> RecordedChain:
        """One actor's events: by name, by id, or by the first digits (4 or more, an even number) of its id.

        Of several that had one name, the one that has not ended, or else the newest. The id of 16 zero bytes
        names the chain of the theater itself.

        Raises:
            ActorNotFoundError: none fits, or several do.
        """
        found = self._id_of(actor)
        return RecordedChain(self._reader, found)

    def state_at(
        self, actor: str | bytes, seq: int | None = None, *, classes: Sequence[type[Actor]] = ()
    ) -> dict[str, Any]:
        """An actor's state as plain values after event `seq`, or now: as the last handled message left it.

        One of over 4 KiB, which no event holds, is made again: its code is replayed from the last snapshot,
        if its class is imported or one of `classes`.

        Raises:
            ActorNotFoundError, MissingError: no such actor, or event.
            HistoryCutError, NotRecordedError: the record does not tell.
        """
        chain = self.chain(actor)
        return told_or_rebuilt(
            partial(chain.state_at, seq),
            partial(FolderSource, self._reader),
            chain.actor,
            at=check_seq(chain, seq),
            classes=classes,
        )

    def replay(
        self,
        actor: str | bytes,
        *,
        until: int | None = None,
        break_at: int | None = None,
        classes: Sequence[type[Actor]] = (),
    ) -> Replay:
        """Run an actor's code again on what its chain holds, and compare; nothing is written, no effect run.

        Args:
            actor: as of `chain`.
            until: the last event to compare; None: all.
            break_at: the debugger begins (`breakpoint()`) just before the handler that this event is of.
            classes: used besides those that are imported.

        Raises:
            ActorNotFoundError, MissingError: no such actor, or event.
            HistoryCutError: events are gone, and no snapshot behind them says what they led to.
            NotRecordedError: messages of that theater were not recorded.
            SetupError: a class is not at hand.
        """
        found, source = self._id_of(actor), partial(FolderSource, self._reader)
        return rehearse(source, found, classes=classes, until=until, break_at=break_at)

    def diff(self, left: str | bytes, right: str | bytes, *, other: History | None = None) -> Parting | None:
        """Where the chains of two actors part, and how; None if they tell the same to the end.

        A fork is compared with its parent from the point of the fork on. `right` may be of an `other` folder:
        two copies of one chain are told apart by their hashes.

        Raises:
            ActorNotFoundError: no such actor.
            HistoryCutError: events that tell were removed.
        """
        return part(self.chain(left), (other or self).chain(right))

    def event(self, text: str) -> Event:
        """One event: `<actor>/<seq>`, or the first digits (4 or more, an even number) of its hash.

        Raises:
            MissingError: none fits, or several do, or it was removed.
        """
        actor, slash, seq = text.rpartition("/")
        if not slash:
            return self._event_by_hash(text)
        chain = self.chain(actor)
        if not seq.isascii() or not seq.isdecimal() or int(seq) >= len(chain):
            raise MissingError(f"no event {seq} of {actor}: it has 0 to {len(chain) - 1}")
        return chain[int(seq)]

    def checkpoint(self) -> Note:
        """The newest signed checkpoint, not verified; whoever keeps its text elsewhere binds all under it.

        Raises:
            MissingError: nothing was committed yet.
        """
        note = self._all_entries().note
        if not note:
            raise MissingError(f"{self._path} holds no checkpoint yet")
        return Note.parse(note)

    def verify(
        self,
        actor: str | bytes | None = None,
        *,
        signatures: bool = False,
        kept: Checkpoint | None = None,
        keys: Sequence[VerifyKey] = (),
    ) -> Report:
        """Verify all that was committed, or the events of one actor; the steps stand in `theater.verify`.

        Every root is computed anew. The newest signature of each key is verified, or all `signatures`. A
        checkpoint that was `kept` elsewhere must be one of this journal's. Each of the `keys` that you know
        must have signed it in its time; it may have handed over to others since.

        Raises:
            ActorNotFoundError: no such actor.
            SetupError: `keys` are no public keys.
        """
        if not isinstance(keys, Sequence) or not all(isinstance(key, VerifyKey) for key in keys):
            raise SetupError(f"keys= takes a list of VerifyKey, such as [history.key], not {keys!r}")
        try:
            only = None if actor is None else self._id_of(actor)
            self._refuse_damage()
            return verify(Reader(self._path), actor=only, signatures=signatures, kept=kept, keys=keys)
        except CorruptJournalError as error:
            return unreadable(error)

    def prove(self, event: Event) -> EventProof:
        """Prove that the journal holds this event, under its newest checkpoint; the proof was verified.

        Raises:
            MissingError: it is not committed here.
            ProofError, SignatureError: the journal is not what was signed.
        """
        entries = self._all_entries()
        index = entries.index(event.hash)
        if index is None:
            raise MissingError(f"{event!r} is not committed in {self._path}")
        path = entries.tree.prove_inclusion(index).path
        proof = EventProof(event.data, index, path, Note.parse(entries.note))
        proof.verify(self.key)
        return proof

    def _all_actors(self) -> Actors:
        self._refuse_damage()
        self._actors.refresh()
        return self._actors

    def _all_entries(self) -> Entries:
        self._refuse_damage()
        self._entries.refresh()
        return self._entries

    def _refuse_damage(self) -> None:
        if self._damage is not None:
            raise self._damage

    def _id_of(self, actor: str | bytes) -> bytes:
        """The id of an actor.

        Raises:
            ActorNotFoundError: none fits, or several do.
        """
        actors = self._all_actors()
        if isinstance(actor, bytes):
            fitting = [actor] if self._reader.index.count(actor) else []
        else:
            named = actors.named(actor)
            fitting = [named] if named else actors.starting_with(actor) if _PREFIX.fullmatch(actor) else []
        if len(fitting) == 1:
            return fitting[0]
        several = f": {len(fitting)} ids start so" if fitting else ""
        raise ActorNotFoundError(f"no actor {actor!r} in {self._path}{several}")

    def _event_by_hash(self, text: str) -> Event:
        entries = self._all_entries()
        places = list(entries.starting_with(bytes.fromhex(text))) if _PREFIX.fullmatch(text) else []
        event = entries.event(places[0]) if len(places) == 1 else None
        if event is None:
            why = f"{len(places)} hashes start so" if len(places) > 1 else "take <actor>/<seq> or a hash"
            raise MissingError(f"no event {text!r} in {self._path}: {why}")
        return event
