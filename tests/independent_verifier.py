"""A second verifier, from docs/reference/format.md alone: shares no code with Theater, asserts each step."""

from __future__ import annotations

import struct
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
from math import isnan
from pathlib import Path
from typing import Any
from zlib import crc32

import msgpack
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ROOT = bytes(16)
NAMES = {"actor/spawned": "supervisor"} | {
    f"message/{name}": "from" for name in ("handled", "received", "answered", "dead")
}


def sha(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def mark(path: Path) -> dict[str, str]:
    """The lines of a small text, of which the last is the checksum."""
    body, _, check = path.read_bytes().rpartition(b"crc32 ")
    assert check == b"%08x\n" % crc32(body), f"checksum of {path.name}"
    return dict(line.split(" ", 1) for line in body.decode().splitlines()[1:])


def batch(log: bytes, segment: int, start: int, base: int = 0) -> tuple[list[tuple[bytes, bytes]], int]:
    """The frames of the batch at `start`, and its end; none if it is not whole, or belongs elsewhere."""
    frames: list[tuple[bytes, bytes]] = []
    at = start
    while len(log) >= at + 9:
        check, length, kind = struct.unpack_from(">IIc", log, at)
        end = at + 9 + length
        if end > len(log) or length > 1048608 or kind not in b"ESBFMC" or crc32(log[at + 4 : end]) != check:
            break
        frames.append((kind, log[at + 9 : end]))
        if kind == b"C":
            place = struct.pack(">IQQ", segment, base + start, at - start)
            return (frames, end) if frames[-1][1].startswith(place) else ([], start)
        at = end
    return [], start


def canonical(value: Any) -> bytes:
    """A value in its one form; extensions as they stand."""
    packer = msgpack.Packer()
    if isinstance(value, list):
        return bytes(packer.pack_array_header(len(value)) or b"") + b"".join(map(canonical, value))
    if isinstance(value, dict):
        pairs = sorted((canonical(key), canonical(part)) for key, part in value.items())
        return bytes(packer.pack_map_header(len(pairs)) or b"") + b"".join(map(b"".join, pairs))
    is_nan = isinstance(value, float) and isnan(value)
    return bytes.fromhex("cb7ff8000000000000") if is_nan else bytes(packer.pack(value) or b"")


def unpacked(data: bytes) -> Any:
    return msgpack.unpackb(data, ext_hook=msgpack.ExtType, strict_map_key=False)


class Verifier:
    def __init__(self, folder: Path) -> None:
        self.folder, self.ok, self.tail, self.closed, self.wrong = folder, True, 0, False, ""
        self.size, self.time, self.subtrees = 0, 0, list[bytes]()
        self.chains, self.stubs, self.removed = dict[bytes, list[bytes]](), set[Any](), set[Any]()
        self.contents, self.sizes = dict[bytes, bytes](), dict[bytes, int]()
        try:
            self.run()
        except (AssertionError, InvalidSignature, LookupError, OSError, ValueError) as error:
            self.ok, self.wrong = False, repr(error)

    def run(self) -> None:
        about = mark(self.folder / "format")
        self.origin, self.keys = about["origin"].encode(), [bytes.fromhex(about["key"])]
        logs = [path.read_bytes() for path in sorted((self.folder / "segments").iterdir())]
        while logs and not logs[-1].strip(b"\0"):
            logs.pop()
        at = 0
        for segment, log in enumerate(logs, 1):
            assert (self.folder / "segments" / f"{segment:08}").exists(), "a segment is missing"
            frames, at = batch(log, segment, 0)
            while frames:
                self.batch(frames, segment)
                frames, at = batch(log, segment, at)
            self.tail = len(log[at:].rstrip(b"\0"))
            assert segment == len(logs) or (not self.tail and at), (
                "a batch is not whole, and a segment follows"
            )
            assert not any(batch(log, segment, later)[0] for later in range(at + 1, at + self.tail)), "damage"
        assert self.stubs <= self.removed, "a stub that nothing explains"
        if (self.folder / "closed").exists():
            end = {
                "segment": len(logs) or 1,
                "length": len(logs[-1]) if logs else 0,
                "size": self.size,
                "root": self.root().hex(),
            }
            found = mark(self.folder / "closed")
            assert found == {word: str(value) for word, value in end.items()}, "closed"
            assert not logs or at == len(logs[-1]), "bytes after the close"
            self.closed = True

    def batch(self, frames: list[tuple[bytes, bytes]], segment: int) -> None:
        following: list[bytes] = []
        assert frames[-1][1][4:12] != bytes(8) or frames[0][0] == b"M", "a segment begins with a frontier"
        for kind, payload in frames:
            if kind == b"M":
                assert payload == struct.pack(">IQ", segment, self.size) + b"".join(self.subtrees), "frontier"
            elif kind == b"B":
                assert sha(payload[32:]) == payload[:32], "content"
                self.contents[payload[:32]] = payload[32:]
            elif kind == b"F":
                content = (self.folder / "blobs" / payload[:1].hex() / payload[:32].hex()).read_bytes()
                assert payload == sha(content) + struct.pack(">Q", len(content)), "content of a file"
                self.contents[payload[:32]] = content
            elif kind == b"S":
                actor, seq, digest = msgpack.unpackb(payload)
                self.stubs.add((actor, seq))
                self.link(actor, seq, digest)
            elif kind == b"E":
                following += self.event(payload)
        text, _, lines = frames[-1][1][20:].decode().rpartition("\n\n")
        assert f"{text}\n".encode() == b"%b\n%d\n%b\n" % (self.origin, self.size, b64encode(self.root())), (
            "root"
        )
        signatures = [b64decode(line.split(" ")[2]) for line in lines.splitlines()]
        for key in [self.keys[-1], *following]:
            own = [each[4:] for each in signatures if each[:4] == sha(self.origin, b"\n\1", key)[:4]]
            assert own, "no signature"
            Ed25519PublicKey.from_public_bytes(key).verify(own[0], text.encode() + b"\n")
        self.keys += following

    def event(self, data: bytes) -> list[bytes]:
        parts = unpacked(data)
        assert canonical(parts) == data, "not canonical"
        version, actor, seq, parent, time, kind, body = parts
        assert version == 1, "version"
        hashes = self.chains.get(actor)
        assert parent == (hashes[-1] if hashes else None), f"{kind} {seq} does not follow"
        assert time >= self.time, f"{kind} {seq} goes back in time"
        for named in (body.get(NAMES.get(kind)), body.get("fork")):
            assert named is None or self.chains[named[0]][named[1]] == named[2], f"{kind} {seq} names another"
        self.time = time
        self.look_for(body)
        self.link(actor, seq, sha(b"\0", data))
        if (actor, seq) == (ROOT, 0):
            self.keys = [body["key"]]
        if (actor, kind) == (ROOT, "theater/removed"):
            self.removed |= {(body["actor"], seq) for seq in range(body["first"], body["last"] + 1)}
        return [body["new"]] if (actor, kind) == (ROOT, "theater/key") else []

    def look_for(self, value: Any) -> None:
        """Each outlined value in this one is there, and what these hold in turn."""
        if isinstance(value, msgpack.ExtType):
            if value.code == 8:
                self.outlined(*msgpack.unpackb(value.data))
            elif value.code < 4:
                self.look_for(unpacked(value.data))
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self.look_for(part)

    def outlined(self, kind: int, digest: bytes, size: int) -> None:
        if self.sizes.get(digest) == size:
            return
        content = self.contents[digest]
        if kind == 2:
            members = [msgpack.unpackb(member.data) for member in unpacked(content)]
            for member in members:
                assert member[0] in (0, 2), "a part"
                self.outlined(*member)
            assert sum(member[2] for member in members) == size, "size of parts"
        else:
            assert len(content) == size, "size of an outlined value"
            self.look_for(unpacked(content) if kind == 1 else None)
        self.sizes[digest] = size

    def link(self, actor: bytes, seq: int, digest: bytes) -> None:
        hashes = self.chains.setdefault(actor, [])
        assert seq == len(hashes), "a hole in a chain"
        hashes.append(digest)
        size = self.size
        while size % 2:
            digest, size = sha(b"\1", self.subtrees.pop(), digest), size // 2
        self.subtrees.append(digest)
        self.size += 1

    def root(self) -> bytes:
        root = self.subtrees[-1] if self.subtrees else sha()
        for subtree in self.subtrees[-2::-1]:
            root = sha(b"\1", subtree, root)
        return root


if __name__ == "__main__":
    verifier = Verifier(Path(sys.argv[1]))
    sys.exit(verifier.wrong or None)
