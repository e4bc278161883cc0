"""The notary: a process of its own that alone has the key, signs, writes, and only appends."""

from theater.notary.client import NotaryClient

__all__ = ["NotaryClient"]
