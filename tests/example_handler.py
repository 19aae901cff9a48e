"""The Python handler of docs/callbacks.md, running."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from typing import Any

from tests import pages


@contextmanager
def handling(endpoint: str) -> Iterator[str]:
    """The origin where it listens. It trusts the key of the emulator at `endpoint`."""
    names: dict[str, Any] = {"__name__": "handler"}
    exec(pages.marked("docs/callbacks.md", "test")["handler.py"].replace("http://127.0.0.1:8280", endpoint), names)
    names["Handler"].log_message = lambda *_: None
    with HTTPServer(("127.0.0.1", 0), names["Handler"]) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
