import asyncio
import json
import socket
import threading
import urllib.request
from pathlib import Path

import pytest
from msgspec import structs

from emulator import Config, Emulator, EmulatorThread
from emulator.config import Server, Storage
from emulator.server import ServerError
from emulator.storage.store import StoreError
from tests.client import OssClient


def health(endpoint: str) -> object:
    with urllib.request.urlopen(f"{endpoint}/_emulator/health") as response:
        return json.load(response)["status"]


async def test_emulator_runs_in_a_running_loop(config: Config) -> None:
    async with Emulator(config) as emulator:
        assert await asyncio.to_thread(health, emulator.endpoint) == "ok"
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(health, emulator.endpoint)


def test_emulator_runs_in_a_thread_of_its_own(config: Config) -> None:
    with EmulatorThread(config) as emulator:
        assert health(emulator.endpoint) == "ok"
    with pytest.raises(OSError, match="refused"):
        health(emulator.endpoint)


def test_work_is_done_in_the_loop_of_the_emulator_s_thread(config: Config) -> None:
    async def name() -> str:
        return threading.current_thread().name

    thread = EmulatorThread(config)

    async def ask_itself() -> None:
        thread.run(name())

    with pytest.raises(RuntimeError, match="The emulator is not running"):
        thread.run(name())
    with thread:
        assert thread.run(name()) == "oss-emulator"
        with pytest.raises(RuntimeError, match="own thread cannot wait for the emulator"):
            thread.run(ask_itself())
    with pytest.raises(RuntimeError, match="The emulator is not running"):
        thread.run(name())


async def test_localhost_is_both_loopback_addresses(config: Config) -> None:
    async with Emulator(structs.replace(config, server=Server(host="localhost", port=0))) as emulator:
        assert emulator.endpoint.startswith("http://127.0.0.1:")
        port = emulator.endpoint.rpartition(":")[2]
        if socket.has_ipv6 and _has_ipv6_loopback():
            assert await asyncio.to_thread(health, f"http://[::1]:{port}") == "ok"


def _has_ipv6_loopback() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


async def test_objects_are_there_after_a_restart(config: Config) -> None:
    async with Emulator(config) as emulator:
        await OssClient(emulator).put("a.txt", b"hello", x_oss_meta_owner="me")
    async with Emulator(config) as emulator:
        response = await OssClient(emulator).get("a.txt")
    assert (response.body, response.headers["x-oss-meta-owner"]) == (b"hello", "me")


async def test_ephemeral_data_go_with_the_process(config: Config) -> None:
    async with Emulator(structs.replace(config, storage=Storage(ephemeral=True))) as emulator:
        assert (await OssClient(emulator).put("a.txt", b"hello")).status == 200
        assert emulator.data_dir.is_dir()
    assert not emulator.data_dir.exists()


def test_port_that_is_taken_is_told_to_the_caller(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        thread = EmulatorThread(structs.replace(config, server=Server(host="127.0.0.1", port=port)))
        with pytest.raises(ServerError, match=rf"server.port: cannot listen on 127.0.0.1 port {port}: Address already"):
            thread.start()


async def test_host_that_does_not_exist_is_told(config: Config) -> None:
    with pytest.raises(ServerError, match=r"server.host: cannot listen on 'no\.such\.host\.invalid'"):
        await Emulator(structs.replace(config, server=Server(host="no.such.host.invalid", port=0))).start()


async def test_address_of_another_machine_is_told(config: Config) -> None:
    with pytest.raises(ServerError, match=r"server.host: cannot listen on 192\.0\.2\.1 port 0: "):
        await Emulator(structs.replace(config, server=Server(host="192.0.2.1", port=0))).start()


async def test_data_directory_of_another_emulator_is_refused(config: Config) -> None:
    async with Emulator(config):
        with pytest.raises(StoreError, match="another emulator is using this data directory"):
            await Emulator(config).start()


async def test_failed_start_leaves_nothing_open(config: Config, tmp_path: Path) -> None:
    async with Emulator(config):
        with pytest.raises(StoreError):
            await Emulator(config).start()
    async with Emulator(config) as emulator:
        assert (await OssClient(emulator).put("a", b"1")).status == 200


async def test_upload_in_flight_finishes_before_the_stop(config: Config) -> None:
    emulator = Emulator(config)
    await emulator.start()
    async with await OssClient(emulator).connect() as connection:
        await connection.send(b"PUT /examplebucket/a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello")
        await asyncio.to_thread(health, emulator.endpoint)  # another round trip: the upload has been begun
        stopping = asyncio.create_task(emulator.stop())
        await asyncio.sleep(0)
        await connection.send(b"world")
        assert (await connection.receive()).status == 200
        await stopping
    async with Emulator(config) as again:
        assert (await OssClient(again).get("a")).body == b"helloworld"


async def test_answer_in_flight_is_sent_whole_before_the_stop(config: Config) -> None:
    emulator = Emulator(config)
    await emulator.start()
    client = OssClient(emulator)
    await client.put("large", b"x" * 20_000_000)
    async with await client.connect() as connection:
        await connection.send(b"GET /examplebucket/large HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await connection.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        stopping = asyncio.create_task(emulator.stop())
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            assert len(await connection.reader.readexactly(20_000_000)) == 20_000_000
            await stopping


async def test_stop_does_not_wait_for_the_rest_of_a_refused_body(config: Config) -> None:
    emulator = Emulator(config)
    await emulator.start()
    async with await OssClient(emulator).connect() as connection:
        await connection.send(
            b"PUT /examplebucket/a HTTP/1.1\r\nHost: x\r\nx-oss-object-acl: secret\r\nContent-Length: 10\r\n\r\nhello"
        )
        assert (await connection.receive()).status == 400
        async with asyncio.timeout(3):
            await emulator.stop()
