"""For tests of programs made with Theater: virtual time, and fixtures (see `theater.testing.plugin`)."""

from theater.testing.virtual import DeadlockError, VirtualLoop, virtual_backend, virtual_now

__all__ = ["DeadlockError", "VirtualLoop", "virtual_backend", "virtual_now"]
