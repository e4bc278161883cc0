"""A theater's folder, as anybody may look at it: its files by name, read and never written.

format            what the folder is: origin, public key
key               the seed of the signing key, 64 hex digits, mode 0600; absent if the caller has the key
key.next          there while one key hands over to the next: the next one
lock              held (flock) by the process that has the folder open; names it
segments/00000001 the log; the next file goes on where one ends
blobs/ab/ab01…    one content over 1 MiB, under its hash
index/00000001    what that segment holds; there once the next was begun, or to be made anew
closed            there after a clean close: where the log ends
tmp/              files being written; swept at opening
cut/              torn bytes that were cut off the log
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from theater.errors import ContentNotFoundError, CorruptJournalError, FolderError, MalformedError
from theater.journal.marks import Closed, Format

SEGMENT_DIGITS = 8
_SEGMENT = re.compile(rf"(?!0+$)[0-9]{{{SEGMENT_DIGITS}}}", re.ASCII)
FOLDERS = ("segments", "blobs", "tmp", "cut")
_LATER = "index"  # a folder made when the first segment is full
FILES = ("format", "key", "key.next", "lock", "closed")
_MARK_LIMIT = 4096  # bytes; the small texts are under 300


class Folder:
    """The paths in a theater's folder, and what stands in them."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.segments = self.path / "segments"
        self.blobs = self.path / "blobs"
        self.tmp = self.path / "tmp"
        self.cut = self.path / "cut"
        self.indexes = self.path / "index"

    def format(self) -> Format:
        """What the folder is.

        Raises:
            FolderError: no theater, or of a newer format.
            CorruptJournalError: its mark has flipped bits.
        """
        if os.path.lexists(self.path / "format"):
            self.check_kinds()
        text = self._text("format")
        if not text.startswith("theater\n"):
            raise FolderError(f"{self.path} is not a theater's folder: it has no file `format` that says so")
        try:
            return Format.parse(text)
        except MalformedError as error:
            raise CorruptJournalError(f"{self.path / 'format'}: {error}") from error

    def check_kinds(self) -> None:
        """Files are files and folders are folders: a pipe in the place of one would be waited for, for ever.

        Raises:
            CorruptJournalError: something else stands there.
        """
        for name in (*FILES, *FOLDERS, _LATER):
            path = self.path / name
            wanted = stat.S_ISREG if name in FILES else stat.S_ISDIR
            try:
                is_right = wanted(path.stat().st_mode)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:  # a link that leads nowhere but to itself
                is_right = False
            if not is_right:
                raise CorruptJournalError(
                    str(path), expected="a file" if name in FILES else "a folder", found="something else"
                )

    def closed(self) -> Closed | None:
        """Where a clean close left the log; None while it is open, and after a crash.

        Raises:
            CorruptJournalError: its mark has flipped bits.
        """
        if not (self.path / "closed").exists():
            return None
        try:
            return Closed.parse(self._text("closed"))
        except MalformedError as error:
            raise CorruptJournalError(f"{self.path / 'closed'}: {error}") from error

    def numbers(self) -> list[int]:
        """The numbers of the segments there are, ascending.

        Raises:
            CorruptJournalError: their folder is gone.
        """
        if not self.segments.is_dir():
            raise CorruptJournalError(str(self.segments), expected="the folder of the log", found="none")
        names = [path.name for path in self.segments.iterdir()]
        return sorted(int(name) for name in names if _SEGMENT.fullmatch(name))

    def segment(self, number: int) -> Path:
        return self.segments / f"{number:0{SEGMENT_DIGITS}}"

    def index(self, number: int) -> Path:
        return self.indexes / f"{number:0{SEGMENT_DIGITS}}"

    def read_index(self, number: int) -> bytes:
        """The bytes of a segment's index; empty if there is none."""
        path = self.index(number)
        return path.read_bytes() if path.is_file() else b""

    def read(self, number: int, offset: int) -> bytes:
        """The bytes of a segment from `offset` on; empty if there are none."""
        try:
            with self.segment(number).open("rb", buffering=0) as file:
                file.seek(offset)
                return file.read()
        except FileNotFoundError:
            return b""

    def size(self, number: int) -> int:
        """The length of a segment, bytes."""
        return self.segment(number).stat().st_size

    def read_at(self, number: int, offset: int, length: int) -> bytes:
        """At most `length` bytes of a segment."""
        return _read_at(self.segment(number), offset, length)

    def blob(self, digest: bytes) -> Path:
        name = digest.hex()
        return self.blobs / name[:2] / name

    def read_blob(self, digest: bytes, offset: int, length: int) -> bytes:
        """At most `length` bytes of a content in `blobs/`.

        Raises:
            ContentNotFoundError: its file is gone.
        """
        try:
            return _read_at(self.blob(digest), offset, length)
        except FileNotFoundError:
            raise ContentNotFoundError(f"{self.blob(digest)} is gone from the disk") from None

    def _text(self, name: str) -> str:
        try:
            with (self.path / name).open("rb", buffering=0) as file:
                return file.read(_MARK_LIMIT).decode(errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return ""


def _read_at(path: Path, offset: int, length: int) -> bytes:
    # Opened anew each time (4 µs): a descriptor kept for all threads could be closed under one of them.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.pread(descriptor, length, offset)
    finally:
        os.close(descriptor)
