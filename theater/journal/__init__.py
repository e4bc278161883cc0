"""The journal: one append-only log of everything, in memory or in a folder."""

from theater.journal.disk import DiskJournal
from theater.journal.memory import MemoryJournal
from theater.journal.protocol import Ingest, Journal
from theater.journal.reader import Reader

__all__ = ["DiskJournal", "Ingest", "Journal", "MemoryJournal", "Reader"]
