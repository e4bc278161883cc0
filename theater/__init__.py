"""Actors for asyncio whose every step is recorded, signed and provable."""

from theater.content import ContentRef

__all__ = ["ContentRef"]
