"""`oss-emulator serve` as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TIMEOUT_SECONDS = 30


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "emulator", "serve", *arguments]


@contextmanager
def serving(cwd: Path, *arguments: str, **environ: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running emulator and its endpoint; it is killed if the test has not ended it."""
    with subprocess.Popen(
        command("--port", "0", *arguments),
        cwd=cwd,
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            name, ready, endpoint = process.stdout.readline().split(" ")
            assert (name, ready) == ("oss-emulator", "ready")
            yield process, endpoint.rstrip("\n")
        finally:
            process.kill()
