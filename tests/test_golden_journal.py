"""A whole small journal, byte for byte: what is written today is what was written on the first day."""

from __future__ import annotations

from pathlib import Path

import pytest
from journal_contract import Scribe, committed

from theater.checkpoint import Note
from theater.journal import DiskJournal, Reader
from theater.keys import SigningKey

pytestmark = [pytest.mark.anyio, pytest.mark.real_clock]

SEED = bytes(range(32))
PUBLIC = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
ORIGIN = "theater/0123456789abcdef0123456789abcdef"
NOTES = [
    f"""\
{ORIGIN}
2
DOnMG4HZv59Ieev+C0ujmxeWQv1JJsI0uLnlhxL7jJo=

— {ORIGIN} \
GEUwEXxGbObymJ7QFZuBSxkpq1SlzoR/7701hn4jjS6Jz6iYkQ6RVfiPi7c/CLsnVY8X0FeIc4Z2F8YdioQac744+ww=
""",
    f"""\
{ORIGIN}
3
P72XB68mGmcCiK5+opOzckunBhiqVKA1kxOyBuEPE2c=

— {ORIGIN} \
GEUwEeHuL3i50LlrmxoV/ZsEJOtlnwo9su/JWwGrMfll4aVnydZLP15x3Oyn1tm1QCOJTaASoQy126m/jlxbpzouwQ8=
""",
]
HI, CONTENT = "01".zfill(32), "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
SEGMENT = [
    "0ec08506 0000000c 4d",  # a frontier of 12 bytes:
    "00000001 0000000000000000",  # segment 1, before it no events
    "01e860a9 00000032 45",  # an event of 50 bytes:
    "97 01 c410" + HI + "00 c0 cf17979cfe362a0000 a3 6c6f67",  # actor 1, seq 0, no parent, time, "log"
    "82 a472656673 90 a474657874 a26869",  # {"refs": [], "text": "hi"}
    "9636f669 00000027 42",  # a blob of 39 bytes:
    CONTENT,  # its digest
    b"content".hex(),
    "4f9d1a9e 00000078 45",  # an event of 120 bytes:
    "97 01 c410" + HI + "01",  # actor 1, seq 1
    "c420 64087eb92ebed76bca93275815cc63b66acb686d7c2fc69c989689c8ad2eaa1f",  # the hash of seq 0
    "cf17979cfe362a0001 a3 6c6f67",
    "82 a472656673 91 c72006" + CONTENT + "a474657874 a46b656570",  # {"refs": [ref], "text": "keep"}
    "e2fc1bfd 000000f7 43",  # a commit of 247 bytes:
    "00000001 0000000000000000 0000000000000101",  # segment 1, batch from 0, 257 bytes before this frame
    NOTES[0].encode().hex(),
    "08ffc16a 00000033 45",  # the next batch
    "97 01 c410" + "02".zfill(32) + "00 c0 cf17979cfe362a0000 a3 6c6f67",
    "82 a472656673 90 a474657874 a3627965",
    "c3a748ff 000000f7 43",
    "00000001 0000000000000201 000000000000003c",  # it began at 513 and has 60 bytes before this frame
    NOTES[1].encode().hex(),
]
FORMAT = f"theater\nformat 1\norigin {ORIGIN}\nkey {PUBLIC}\ncrc32 a2cf7f28\n"
CLOSED = """\
closed
segment 1
length 829
size 3
root 3fbd9707af261a670288ae7ea293b3724ba70618aa54a0359313b206e10f1367
crc32 f23ffd22
"""


async def write(folder: Path) -> None:
    journal = DiskJournal(folder, key=SigningKey(SEED), origin=ORIGIN)
    await journal.open()
    scribe = Scribe(journal)
    scribe.write("hi")
    scribe.keep(b"content")
    await committed(journal)
    Scribe(journal, 2).write("bye")
    await journal.close()


async def test_every_byte_of_a_small_folder_is_this(tmp_path: Path) -> None:
    await write(tmp_path / "theater")

    files = {
        str(path.relative_to(tmp_path / "theater")): path.read_bytes()
        for path in (tmp_path / "theater").rglob("*")
        if path.is_file() and path.name != "lock"
    }
    assert files == {
        "format": FORMAT.encode(),
        "closed": CLOSED.encode(),
        "segments/00000001": bytes.fromhex("".join(SEGMENT)),
    }


async def test_the_bytes_of_the_first_day_are_read(tmp_path: Path) -> None:
    for name in ("segments", "blobs", "tmp", "cut"):
        (tmp_path / name).mkdir()
    (tmp_path / "format").write_text(FORMAT)
    (tmp_path / "closed").write_text(CLOSED)
    (tmp_path / "segments" / "00000001").write_bytes(bytes.fromhex("".join(SEGMENT)))
    (tmp_path / "key").write_text(SEED.hex() + "\n")

    reader = Reader(tmp_path)
    assert reader.refresh() == 2
    assert reader.closed is not None
    journal = DiskJournal(tmp_path)
    await journal.open()

    actor = bytes.fromhex(HI)
    assert reader.index.size == journal.size == 3
    assert reader.read(bytes.fromhex(CONTENT)) == journal.read(bytes.fromhex(CONTENT)) == b"content"
    assert reader.event(actor, 1) == journal.event(actor, 1)
    assert journal.checkpoint() == Note.parse(NOTES[1])
    assert journal.tips()[actor][0] == 2
    await journal.close()
