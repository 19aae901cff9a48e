"""The size of an object costs no memory."""

import asyncio
import json
import os
import random
import ssl
import time
from pathlib import Path

import pytest

from emulator.storage.digest import crc64
from tests.client import Connection
from tests.serving import serving

MEBIBYTE = 1 << 20
PIECES = 1024
LIMIT = 838_860_800  # bit/s, the highest that `x-oss-traffic-limit` takes

# In CI, where everything must run, a system that cannot tell is a failure.
on_linux = pytest.mark.skipif(
    not Path("/proc/self/status").exists() and not os.environ.get("CI"), reason="only Linux tells it there"
)


def mebibytes(pid: int, name: str) -> float:
    """A figure of memory of the process, as Linux tells it: `VmRSS` now, `VmHWM` at its highest."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


@pytest.mark.slow
@on_linux
async def test_an_object_of_a_gibibyte_goes_in_and_out_in_a_few_mebibytes(tmp_path: Path) -> None:
    piece = random.Random(0).randbytes(MEBIBYTE)
    size = PIECES * MEBIBYTE
    with serving(tmp_path, "--log-level", "error", OSS_EMULATOR_AUTH_MODE="off") as (process, endpoint):
        assert mebibytes(process.pid, "VmRSS") < 65
        async with asyncio.timeout(100), await Connection.open(endpoint) as connection:
            await connection.send(
                f"PUT /examplebucket/large HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()
            )
            sent = 0
            for _ in range(PIECES):
                await connection.send(piece)
                sent = crc64(piece, sent)
            response = await connection.receive()
            assert (response.status, response.headers["x-oss-hash-crc64ecma"]) == (200, str(sent))

            await connection.send(b"GET /examplebucket/large HTTP/1.1\r\nHost: x\r\n\r\n")
            response = await connection.receive("HEAD")  # the head alone; the body comes piece by piece
            assert int(response.headers["content-length"]) == size
            received = 0
            while size:
                some = await connection.reader.read(min(size, MEBIBYTE))
                assert some
                received = crc64(some, received)
                size -= len(some)
            assert received == sent
            assert mebibytes(process.pid, "VmHWM") < 90

            await connection.send(b"DELETE /examplebucket/large HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await connection.receive()).status == 204


@pytest.mark.slow
@on_linux
@pytest.mark.parametrize("is_secure", [False, True], ids=["HTTP", "HTTPS"])
async def test_a_limited_transfer_takes_a_few_mebibytes(tmp_path: Path, is_secure: bool) -> None:
    size = 64 * MEBIBYTE
    limit = f"x-oss-traffic-limit: {LIMIT}"
    least_seconds = 0.9 * size * 8 / LIMIT  # in less it was not limited, and its memory would say nothing
    arguments = ("--tls", "--log-level", "error", "--ready-file", str(tmp_path / "ready.json"))
    with serving(tmp_path, *arguments, OSS_EMULATOR_AUTH_MODE="off") as (process, _):
        ready = json.loads((tmp_path / "ready.json").read_text())
        endpoint = ready["https_endpoint" if is_secure else "endpoint"]
        context = ssl.create_default_context(cafile=ready["ca_file"]) if is_secure else None
        before = mebibytes(process.pid, "VmRSS")
        async with asyncio.timeout(60), await Connection.open(endpoint, context) as connection:
            head = f"PUT /examplebucket/large HTTP/1.1\r\nHost: x\r\n{limit}\r\nContent-Length: {size}\r\n\r\n"
            started = time.perf_counter()
            await connection.send(head.encode())
            for _ in range(64):
                await connection.send(bytes(MEBIBYTE))
            assert (await connection.receive()).status == 200
            assert time.perf_counter() - started > least_seconds
            started = time.perf_counter()
            await connection.send(f"GET /examplebucket/large HTTP/1.1\r\nHost: x\r\n{limit}\r\n\r\n".encode())
            await connection.receive("HEAD")
            left = size
            while left:
                some = await connection.reader.read(min(left, MEBIBYTE))
                assert some
                left -= len(some)
            assert time.perf_counter() - started > least_seconds
        assert mebibytes(process.pid, "VmHWM") - before < 25
