"""Event proofs: a text that shows, to anyone with the public key, that a journal holds an event.

The text is a C2SP tlog-proof, a file to send or to keep (`.tlog-proof`):

    c2sp.org/tlog-proof@v1
    extra gZcBxBAA…                                     the event itself, base64
    index 17                                            its place in the journal, from 0
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=        the Merkle path, from the leaf's sibling up
    …
                                                        an empty line
    theater/0123456789abcdef0123456789abcdef            a signed checkpoint, see `checkpoint.py`
    1024
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — theater/0123456789abcdef0123456789abcdef Az3g…
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import Self

from theater.checkpoint import Checkpoint, Note, read_base64
from theater.errors import MalformedError
from theater.event import Event
from theater.keys import VerifyKey
from theater.merkle import InclusionProof, verify_inclusion

PROOF_LIMIT = 262_144  # bytes; an event is at most 65,535, a path 64 hashes, a note 65,536
_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_HEAD = re.compile(
    rf"{re.escape(_FIRST_LINE)}\nextra ([^\n]+)\nindex (0|[1-9][0-9]{{0,18}})\n((?:[^\n]+\n)*)\n", re.ASCII
)


@dataclass(frozen=True, slots=True)
class EventProof:
    """An event, where it lies in its journal, and the signed checkpoint it lies under."""

    data: bytes  # the event's bytes, untrusted until verified
    index: int  # its place in the journal, from 0
    path: tuple[bytes, ...]  # from the leaf's sibling up to a child of the root
    note: Note  # the checkpoint

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read the text of a proof; nothing in it is verified yet.

        Raises:
            MalformedError: it is none.
        """
        if len(text) > PROOF_LIMIT:
            raise MalformedError("event proof", text, why=f"over {PROOF_LIMIT} bytes")
        try:
            content = text.decode() if isinstance(text, bytes) else text
        except UnicodeError:
            raise MalformedError("event proof", text, why="not UTF-8") from None
        head = _HEAD.match(content)
        if head is None:
            raise MalformedError("event proof", text, why=f"begins with {_FIRST_LINE}, extra, index")
        path = tuple(read_base64(line) for line in head[3].split("\n")[:-1])
        return cls(read_base64(head[1]), int(head[2]), path, Note.parse(content[head.end() :]))

    @property
    def event(self) -> Event:
        """The event that is proved, if the proof holds.

        Raises:
            MalformedError: the bytes are no event.
        """
        return Event.read(self.data)

    @property
    def checkpoint(self) -> Checkpoint:
        """What the note says, if its signature holds.

        Raises:
            MalformedError: it is no checkpoint.
        """
        return Checkpoint.parse(self.note.text)

    def verify(self, key: VerifyKey) -> Event:
        """Verify that the owner of this public key signed a journal that holds the event; returns the event.

        Raises:
            SignatureError: the checkpoint is not signed by this key.
            ProofError: the event does not lie under the checkpoint.
            MalformedError: a part is not what it should be.
        """
        checkpoint = self.note.checkpoint(key)
        inclusion = InclusionProof(self.index, checkpoint.size, self.path)
        verify_inclusion(inclusion, leaf=self.data, root=checkpoint.root)
        return self.event

    def __str__(self) -> str:
        head = [_FIRST_LINE, f"extra {_base64(self.data)}", f"index {self.index}", *map(_base64, self.path)]
        return "\n".join([*head, "", str(self.note)])


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
