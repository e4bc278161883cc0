"""Replaying: an actor's code runs again on what its chain holds; nothing is written, and no effect is run.

steps      a chain, cut into messages with all that they left
source     where the record is read: a folder, or a theater's memory
casting    which class plays whom
shadow     a stage on which nothing is done
scene      one message, led along its record
rehearsal  one actor's life
report     what came of it
"""

from theater.replaying.rebuild import Rebuilt, rebuild, told_or_rebuilt
from theater.replaying.report import DifferenceError, Replay
from theater.replaying.run import rehearse
from theater.replaying.source import FolderSource, source_of

__all__ = [
    "DifferenceError",
    "FolderSource",
    "Rebuilt",
    "Replay",
    "rebuild",
    "rehearse",
    "source_of",
    "told_or_rebuilt",
]
