"""What the tests of several commands use."""

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture
def unused_endpoint() -> Iterator[str]:
    """A URL of this machine where nobody listens; the port is held so that nobody begins to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"
