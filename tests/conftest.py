"""What all tests share: async tests run in virtual time, unless they are marked `real_clock`."""

from __future__ import annotations

import pytest

from theater.testing import virtual_backend
from theater.testing.virtual import Backend

pytest_plugins = ["pytester"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--flip-bytes", type=int, default=4096, help="flip every bit of a journal of at least this many bytes"
    )


@pytest.fixture
def anyio_backend() -> Backend:
    return virtual_backend()
