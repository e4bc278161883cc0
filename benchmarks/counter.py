"""Counts the instructions that this process runs, as the processor counts them: Linux, `perf_event_open(2)`.

A count does not move when other programs take the processor, so it can be compared where times cannot.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_CALL = {"x86_64": 298, "aarch64": 241}  # the number of the system call
_SIZE = 64  # bytes of `perf_event_attr` in its first version; later fields are then zero
_HARDWARE, _INSTRUCTIONS = 0, 1  # type and config
_TIMES = 1 | 2  # a reading also tells how long it was to count, and how long it did
_INHERIT = 1 << 1  # threads and processes made later count too
_NO_KERNEL = 1 << 5  # what the kernel does depends on the machine
_NO_HYPERVISOR = 1 << 6
_THIS, _ANY_CPU, _ALONE, _NO_FLAGS = 0, -1, -1, 0


class InstructionCounter:
    """Counts from when it is made, in this thread and in all that it starts later.

    Raises:
        OSError: this system does not let a program count its instructions.
    """

    def __init__(self) -> None:
        number = _CALL.get(platform.machine())
        if platform.system() != "Linux" or number is None:
            raise OSError(f"instructions are not counted on {platform.system()} {platform.machine()}")
        bits = _INHERIT | _NO_KERNEL | _NO_HYPERVISOR
        attributes = struct.pack("=IIQQQQQ", _HARDWARE, _SIZE, _INSTRUCTIONS, 0, 0, _TIMES, bits).ljust(
            _SIZE, b"\0"
        )
        call = ctypes.CDLL(None, use_errno=True).syscall
        self._file = call(number, attributes, _THIS, _ANY_CPU, _ALONE, _NO_FLAGS)
        if self._file < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"instructions cannot be counted here: {os.strerror(error)}")

    def __call__(self) -> float:
        """So many instructions until now, outside the kernel."""
        instructions, to_count, did_count = struct.unpack("=QQQ", os.read(self._file, 24))
        if did_count < to_count:
            raise OSError("the processor counts for others too: instructions were missed")
        return float(instructions)

    def close(self) -> None:
        os.close(self._file)
