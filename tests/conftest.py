"""What all tests share: async tests run in virtual time, unless they are marked `real_clock`."""

from __future__ import annotations

import pytest

from theater.testing import virtual_backend
from theater.testing.virtual import Backend

pytest_plugins = ["pytester"]


@pytest.fixture
def anyio_backend() -> Backend:
    return virtual_backend()
