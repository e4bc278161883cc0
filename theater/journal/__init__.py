"""The journal: one append-only log of everything, in memory or in a folder."""

from theater.journal.memory import MemoryJournal
from theater.journal.protocol import Ingest, Journal

__all__ = ["Ingest", "Journal", "MemoryJournal"]
