"""A large content that is written while it is hashed: disk and hash take about as long, 4 to 5 ms for 8 MiB.

Who has the lock works on the draft; the writer, which needs all of it written, waits for a worker there, or
does the work itself if no worker has begun.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from theater.journal.blobs import Drafts


class Ahead:
    """A draft that may be written before anybody knows its name; used as a draft, or dropped."""

    def __init__(self, draft: Drafts, content: bytes, *, put: Callable[[bytes, bytes, Ahead], None]) -> None:
        """Have the content put by `put`, with its digest, once that is known."""
        self.is_used = False  # from then on it is the batch's, and the writer's
        self._put = put
        self._draft = draft
        self._content = content
        self._lock = Lock()
        self._is_written = False
        self._is_dropped = False
        self._error: OSError | None = None  # is raised where the content is waited for

    def run(self) -> None:
        """Write and sync the content; called in a worker thread."""
        with self._lock:
            if not (self._is_dropped or self._is_written):
                try:
                    self._draft.write(self._content)
                    self._draft.sync()
                except OSError as error:
                    self._error = error
                self._is_written = True
        self._tidy()

    def put(self, digest: bytes) -> None:
        """Add the content to the journal, as `Journal.put` does; errors are the same."""
        self._put(digest, self._content, self)

    def drop(self) -> None:
        """Leave nothing behind, at once or when the worker is done; nothing happens if it is used."""
        if not self.is_used:
            self._is_dropped = True
            self._tidy()

    def write(self, chunk: bytes) -> None:
        """See to it that the content, which is all of it, is written."""
        with self._lock:
            if not self._is_written:
                self._draft.write(chunk)
                self._is_written = True
        if self._error is not None:
            raise self._error

    def sync(self) -> None:
        self._draft.sync()

    def publish(self, digest: bytes) -> None:
        self._draft.publish(digest)

    def abort(self) -> None:
        with self._lock:
            self._is_dropped = True
            self._draft.abort()

    def _tidy(self) -> None:
        if self._is_dropped and self._lock.acquire(blocking=False):  # else the worker comes here later
            try:
                self._draft.abort()
            finally:
                self._lock.release()
