"""Load: many small requests, by wrk or, for HEAD, by a loop of our own; and one large body at a time.

Every subject gets the same requests from the same generator. wrk waits for ever for the body that a HEAD's
Content-Length announces; hence the loop. It costs more of the machine than wrk does: compare HEADs with HEADs only.
"""

import selectors
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from bench.subjects import Server, Unmeasured, find_program

PIECE_BYTES = 1 << 20
WRK_INSTALL = "wrk is not installed; apt-get install wrk"


@dataclass(frozen=True)
class Load:
    """What a subject bore: requests a second, and the milliseconds in which half and 99 % of them were answered."""

    rate: float
    p50: float
    p99: float


def wire_request(server: Server, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Spell a request as it goes over the wire."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {server.host}:{server.port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method in ("PUT", "POST"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def run_wrk(url: str, requests: Sequence[bytes], connections: int, seconds: int, scratch: Path) -> Load:
    """Send `requests` in turn for some seconds. Raises `Unmeasured` unless every one of them succeeds."""
    wrk = find_program("wrk")
    if wrk is None:
        raise Unmeasured(WRK_INSTALL)
    file = scratch / "requests"
    file.write_bytes(b"".join(b"%d\n%b" % (len(request), request) for request in requests))
    script = Path(__file__).with_name("rotate.lua")
    flags = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script)]
    done = subprocess.run(
        [wrk, *flags, url, "--", str(file)], capture_output=True, text=True, timeout=seconds + 30, check=False
    )
    report = next((line for line in done.stdout.splitlines() if line.startswith("report ")), None)
    if report is None:
        raise Unmeasured(f"wrk failed: {(done.stderr or done.stdout).strip()[-200:]}")
    count, microseconds, p50, p99, refused, broken = map(int, report.split()[1:])
    if refused or broken or not count:
        raise Unmeasured(f"of {count} requests {refused} were refused and {broken} broke off")
    return Load(count / microseconds * 1e6, p50 / 1000, p99 / 1000)


def run_heads(server: Server, requests: Sequence[bytes], connections: int, seconds: int) -> Load:
    """Send HEAD `requests` in turn for some seconds. Raises `Unmeasured` unless every one is answered 200."""
    clock = time.perf_counter
    milliseconds: list[float] = []
    sent_at: dict[socket.socket, float] = {}
    answers: dict[socket.socket, bytes] = {}
    turn = 0

    def send(connection: socket.socket) -> None:
        nonlocal turn
        answers[connection], sent_at[connection] = b"", clock()
        connection.sendall(requests[turn % len(requests)])
        turn += 1

    def connect() -> None:
        connection = socket.create_connection((server.host, server.port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        send(connection)

    def hang_up(connection: socket.socket) -> None:
        selector.unregister(connection)
        connection.close()

    with selectors.DefaultSelector() as selector:
        started = clock()
        try:
            for _ in range(connections):
                connect()
            while clock() - started < seconds:
                ready = selector.select(timeout=10)
                if not ready:
                    raise Unmeasured("a HEAD was not answered within 10 s")
                for event, _ in ready:
                    connection = event.fileobj
                    assert isinstance(connection, socket.socket)
                    piece = connection.recv(65536)
                    answers[connection] += piece
                    is_complete = answers[connection].endswith(b"\r\n\r\n")
                    if is_complete:
                        milliseconds.append((clock() - sent_at[connection]) * 1000)
                        if b" 200 " not in answers[connection][:16]:
                            status = answers[connection].partition(b"\r\n")[0].decode(errors="replace")
                            raise Unmeasured(f"HEAD answered {status}")
                        if b"\nconnection: close" not in answers[connection].lower():
                            send(connection)
                            continue
                    elif piece:
                        continue
                    elif answers[connection]:
                        raise Unmeasured("the answer to a HEAD broke off")
                    hang_up(connection)
                    connect()
            duration = clock() - started
        except OSError as error:
            raise Unmeasured(f"a HEAD failed: {error}") from error
        finally:
            for key in list(selector.get_map().values()):
                assert isinstance(key.fileobj, socket.socket)
                hang_up(key.fileobj)
    if len(milliseconds) < 2:
        raise Unmeasured("too few HEADs were answered")
    cuts = quantiles(milliseconds, n=100)
    return Load(len(milliseconds) / duration, cuts[49], cuts[98])


def upload_file(server: Server, bucket: str, key: str, file: Path) -> float:
    """PUT a file and give the seconds it took, from the first byte sent to the answer."""
    headers = server.headers("PUT", bucket, key) | {"Content-Length": str(file.stat().st_size)}
    with server.connect() as connection, file.open("rb") as content:
        connection.connect()
        started = time.perf_counter()
        connection.putrequest("PUT", server.target(bucket, key), skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.sock.sendfile(content)
        answer = connection.getresponse()
        answer.read()
        seconds = time.perf_counter() - started
    if answer.status != 200:
        raise Unmeasured(f"PUT of {file.stat().st_size >> 20} MiB answered {answer.status}")
    return seconds


def download(server: Server, bucket: str, key: str, size: int) -> float:
    """GET an object of `size` bytes, drop the bytes, and give the seconds it took."""
    room = memoryview(bytearray(PIECE_BYTES))
    with server.connect() as connection:
        connection.connect()
        started = time.perf_counter()
        connection.request("GET", server.target(bucket, key), headers=server.headers("GET", bucket, key))
        answer = connection.getresponse()
        came = 0
        while piece := answer.readinto(room):
            came += piece
        seconds = time.perf_counter() - started
    if answer.status != 200 or came != size:
        raise Unmeasured(f"GET of {size} bytes answered {answer.status} with {came} bytes")
    return seconds
