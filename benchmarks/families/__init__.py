"""All families of works, in the order in which they are measured and shown: a new one is a line here."""

from __future__ import annotations

from benchmarks.families.busy import BUSY
from benchmarks.families.contents import CONTENTS, READING
from benchmarks.families.failures import FAILURES
from benchmarks.families.growth import CROWDS, GROWTH
from benchmarks.families.lasting import LASTING, PASTS
from benchmarks.families.lives import LIVES
from benchmarks.families.messages import MESSAGES
from benchmarks.families.soak import SOAK

FAMILIES = (
    MESSAGES,
    LIVES,
    FAILURES,
    CONTENTS,
    READING,
    BUSY,
    LASTING,
    PASTS,
    GROWTH,
    CROWDS,
    SOAK,
)
