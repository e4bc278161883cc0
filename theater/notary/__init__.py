"""The notary: a process of its own that alone has the key, signs, writes, and only appends."""

from theater.notary.choice import choose_journal

__all__ = ["choose_journal"]
