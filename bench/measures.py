"""What is measured. A measure takes a `Bench` and gives rows; its name is what `--only` takes.

Rounds are interleaved: every subject has its turn before any has its second, each round begins with another one, and a
figure is the median over the rounds. So a machine that is busy for a while is busy for all of them.
"""

import base64
import json
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from bench import fill, load
from bench.subjects import BUCKET, Receiver, Server, Subject, Unmeasured, find_program
from bench.table import Reach, Row

Measured = TypeVar("Measured", bound=Server | Subject)
Found = TypeVar("Found")

SMALL = b"x" * 1024
CONNECTIONS = (1, 16)
MIB = 1 << 20


@dataclass(frozen=True)
class Size:
    """How long and how much. `seconds` is one subject's turn at a small load, `limit_seconds` the whole run."""

    rounds: int
    seconds: int
    keys: int
    large_rounds: int
    large_bytes: int
    listed_keys: int
    pages: int
    limit_seconds: float


FULL = Size(3, 3, 1000, 3, 1024 * MIB, 1_000_000, 25, 540)
QUICK = Size(2, 1, 200, 1, 256 * MIB, 100_000, 15, 105)
FEW_KEYS = 10_000


@dataclass
class Bench:
    """One run: its subjects, their running servers, a scratch folder, and the notes for under the table."""

    subjects: Sequence[Subject]
    size: Size
    scratch: Path
    stack: ExitStack
    notes: list[str] = field(default_factory=list)
    ends: float = field(init=False)
    _servers: list[Server] | None = None
    _folders: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        self.ends = time.monotonic() + self.size.limit_seconds

    def folder(self) -> Path:
        """Give a new folder's path."""
        return self.scratch / str(next(self._folders))

    def note(self, name: str, what: str, why: object) -> None:
        """Remember why a figure is missing, once."""
        text = f"n/a: {name}, {what}: {why}"
        if text not in self.notes:
            self.notes.append(text)

    def servers(self) -> list[Server]:
        """Give the running servers, with `BUCKET` in each; the first call starts them."""
        if self._servers is None:
            self._servers = []
            for subject in self.subjects:
                try:
                    server = self.stack.enter_context(Server(subject, self.folder()))
                except Unmeasured as error:
                    self.note(subject.name, "everything", error)
                    continue
                server.make_bucket()
                self._servers.append(server)
        return self._servers

    def interleave(
        self, what: str, rounds: int, subjects: Sequence[Measured], probe: Callable[[Measured], Found]
    ) -> dict[str, list[Found]]:
        """Probe every subject in each round; give the results by name. One that fails is left out from there on."""
        results: dict[str, list[Found]] = defaultdict(list)
        failed: set[str] = set()
        for turn in range(rounds):
            start = turn % max(len(subjects), 1)
            for subject in [*subjects[start:], *subjects[:start]]:
                if subject.name in failed:
                    continue
                try:
                    if time.monotonic() > self.ends:
                        raise Unmeasured(f"the run's {self.size.limit_seconds:g} s are over")
                    results[subject.name].append(probe(subject))
                except (Unmeasured, OSError) as error:
                    failed.add(subject.name)
                    self.note(subject.name, what, error)
        return {name: found for name, found in results.items() if found}


def medians(results: dict[str, list[float]]) -> dict[str, float]:
    """Give the median of each subject's results."""
    return {name: statistics.median(found) for name, found in results.items()}


def load_rows(
    what: str, results: dict[str, list[load.Load]], reaches: Sequence[Reach] = (), connections: int = 1
) -> list[Row]:
    """Give the three rows of a load."""
    measure = f"{what}, {connections} connection{'s' if connections > 1 else ''}"

    def figures(of: Callable[[load.Load], float]) -> dict[str, float]:
        return medians({name: [of(found) for found in loads] for name, loads in results.items()})

    return [
        Row(measure, "requests/s", "more", figures(lambda found: found.rate), reaches=reaches),
        Row("", "p50 ms", "less", figures(lambda found: found.p50)),
        Row("", "p99 ms", "less", figures(lambda found: found.p99)),
    ]


def measure_start(bench: Bench) -> list[Row]:
    """From the shell to the first answer, in an empty folder; and what the process holds a second later."""

    def start(subject: Subject) -> tuple[float, float]:
        with Server(subject, bench.folder()) as server:
            time.sleep(1)  # what follows the start is part of being idle
            return server.seconds_to_first_answer, server.resident_mib()

    results = bench.interleave("start", bench.size.rounds, bench.subjects, start)
    seconds = medians({name: [found[0] for found in pairs] for name, pairs in results.items()})
    resident = medians({name: [found[1] for found in pairs] for name, pairs in results.items()})
    return [
        Row("start to first answer", "s", "less", seconds, reaches=[Reach(0.6)]),
        Row("resident memory, idle", "MiB", "less", resident, reaches=[Reach(60)]),
    ]


def small_requests(bench: Bench, server: Server, method: str) -> list[bytes]:
    """Give one request for each of the keys, signed now."""
    requests = []
    for number in range(bench.size.keys):
        key = f"small-{number:06d}"
        headers = server.headers(method, BUCKET, key)
        body = SMALL if method == "PUT" else b""
        requests.append(load.wire_request(server, method, server.target(BUCKET, key), headers, body))
    return requests


def upload_small(bench: Bench) -> list[Server]:
    """Have every key there once, so that all PUTs overwrite and all GETs find; give the servers that took them."""

    def upload(server: Server) -> Server:
        with server.connect() as connection:
            for number in range(bench.size.keys):
                key = f"small-{number:06d}"
                headers = server.headers("PUT", BUCKET, key)
                connection.request("PUT", server.target(BUCKET, key), body=SMALL, headers=headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise Unmeasured(f"PUT answered {answer.status}")
        return server

    return [found[0] for found in bench.interleave("1 KiB", 1, bench.servers(), upload).values()]


def measure_small(bench: Bench, method: str, reaches: dict[int, Sequence[Reach]]) -> list[Row]:
    """1 KiB objects under distinct keys, at one connection and at sixteen."""
    rows: list[Row] = []
    servers = upload_small(bench)
    for connections in CONNECTIONS:

        def probe(server: Server, connections: int = connections) -> load.Load:
            requests = small_requests(bench, server, method)
            if method == "HEAD":
                return load.run_heads(server, requests, connections, bench.size.seconds)
            return load.run_wrk(server.url, requests, connections, bench.size.seconds, bench.scratch)

        what = f"{method} 1 KiB"
        results = bench.interleave(what, bench.size.rounds, servers, probe)
        rows += load_rows(what, results, reaches.get(connections, ()), connections)
    return rows


def measure_put(bench: Bench) -> list[Row]:
    """PUT of 1 KiB."""
    return measure_small(bench, "PUT", {1: [Reach(3, "rclone")], 16: [Reach(2, "rclone")]})


def measure_get(bench: Bench) -> list[Row]:
    """GET of 1 KiB."""
    return measure_small(bench, "GET", {16: [Reach(1, "rclone")]})


def measure_head(bench: Bench) -> list[Row]:
    """HEAD of an object of 1 KiB."""
    return measure_small(bench, "HEAD", {})


def measure_large(bench: Bench) -> list[Row]:
    """One large object in and out, the peak of the server's memory during each, and `md5sum` of the same file."""
    size = bench.size.large_bytes
    file = bench.scratch / "large"
    fill.write_random(file, size)
    rates_of_md5sum: list[float] = []
    md5sum = find_program("md5sum")

    def probe(server: Server) -> tuple[float, float, float, float]:
        if md5sum and server is servers[0]:
            started = time.perf_counter()
            subprocess.run([md5sum, str(file)], check=True, stdout=subprocess.DEVNULL)
            rates_of_md5sum.append(size / (time.perf_counter() - started) / 1e6)
        server.forget_peak()
        put_rate = size / load.upload_file(server, BUCKET, "large", file) / 1e6
        put_peak = server.resident_mib(peak=True)
        server.forget_peak()
        get_rate = size / load.download(server, BUCKET, "large", size) / 1e6
        get_peak = server.resident_mib(peak=True)
        with server.connect() as connection:
            server.ask(connection, "DELETE", BUCKET, "large")
        return put_rate, put_peak, get_rate, get_peak

    servers = bench.servers()
    what = f"{size // MIB:,} MiB"
    results = bench.interleave(what, bench.size.large_rounds, servers, probe)
    file.unlink()
    put_rate, put_peak, get_rate, get_peak = (
        medians({name: [found[column] for found in rounds] for name, rounds in results.items()}) for column in range(4)
    )
    beside = {"md5sum": statistics.median(rates_of_md5sum)} if rates_of_md5sum else {}
    return [
        Row(f"PUT {what}", "MB/s", "more", put_rate, beside, [Reach(0.9, "md5sum"), Reach(1.7, "rclone")]),
        Row("", "peak MiB", "less", put_peak, reaches=[Reach(90)]),
        Row(f"GET {what}", "MB/s", "more", get_rate, reaches=[Reach(5, "rclone")]),
        Row("", "peak MiB", "less", get_peak),
    ]


def measure_list(bench: Bench) -> list[Row]:
    """Pages of 1,000 keys: the first, the last, and ten prefixes folded by a delimiter; of few keys and of many."""
    many = bench.size.listed_keys
    servers: dict[int, list[Server]] = {FEW_KEYS: [], many: []}
    with ExitStack() as stack:
        for keys, filled in servers.items():

            def start(subject: Subject, keys: int = keys) -> Server:
                folder = bench.folder()
                subject.fill(folder, BUCKET, keys)
                return stack.enter_context(Server(subject, folder))

            started = bench.interleave(f"list of {keys:,} keys", 1, bench.subjects, start)
            filled += [found[0] for found in started.values()]
        return list_rows(bench, servers)


def list_rows(bench: Bench, servers: dict[int, list[Server]]) -> list[Row]:
    """Give the rows of `measure_list` for servers by the number of keys in their bucket."""
    rows: list[Row] = []
    pages: dict[str, tuple[Callable[[int], str], Callable[[bytes], bool]]] = {
        "first page": (lambda keys: "", lambda page: page.count(b"<Key>") == 1000),
        "last page": (
            lambda keys: f"&start-after={quote(fill.key_of(keys - 1001, keys), safe='')}",
            lambda page: page.count(b"<Key>") == 1000 and b"<IsTruncated>false" in page,
        ),
        "with a delimiter": (lambda keys: "&delimiter=%2F", lambda page: page.count(b"<CommonPrefixes>") == 10),
    }
    for page, (query_of, is_right) in pages.items():
        of_few: dict[str, float] = {}
        for keys, filled in servers.items():
            query = f"list-type=2&max-keys=1000{query_of(keys)}"

            def probe(server: Server, query: str = query, is_right: Callable[[bytes], bool] = is_right) -> float:
                with server.connect() as connection:
                    started = time.perf_counter()
                    if not is_right(server.ask(connection, "GET", BUCKET, query=query)):
                        raise Unmeasured("the page does not hold what it should")
                    return (time.perf_counter() - started) * 1000

            figures = medians(bench.interleave(f"list, {page}", bench.size.pages, filled, probe))
            if keys == FEW_KEYS:
                of_few = figures
                rows.append(Row(f"list {keys:,} keys, {page}", "ms", "less", figures))
                continue
            beside = {f"of {FEW_KEYS:,}": of_few["emulator"]} if "emulator" in of_few else {}
            reach = Reach(1 / 1.2, f"of {FEW_KEYS:,}")
            rows.append(Row(f"list {keys:,} keys, {page}", "ms", "less", figures, beside, [reach]))
    return rows


def measure_callback(bench: Bench) -> list[Row]:
    """PUT of 1 KiB with a callback, beside a PUT and then a bare POST of the same body by the client itself.

    The second is what people do without callbacks; its rate is worked out from its halves, measured in the same rounds:
    a client that does one and then the other takes the time of both.
    """
    rows: list[Row] = []
    own = [server for server in bench.servers() if server.subject.has_callbacks]
    with Server(Receiver(), bench.folder()) as receiver:
        parameters = json.dumps(
            {"callbackUrl": f"{receiver.url}/", "callbackBody": "bucket=${bucket}&object=${object}"}
        )
        extra = {"x-oss-callback": base64.b64encode(parameters.encode()).decode()}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = f"bucket={BUCKET}&object=called-000000".encode()
        post = load.wire_request(receiver, "POST", "/", form, body)
        for connections in CONNECTIONS:

            def run(url: str, requests: list[bytes], connections: int = connections) -> load.Load:
                return load.run_wrk(url, requests, connections, bench.size.seconds, bench.scratch)

            def probe(server: Server, run: Callable[[str, list[bytes]], load.Load] = run) -> tuple[load.Load, float]:
                puts: list[list[bytes]] = [[], []]
                for number in range(bench.size.keys):
                    key = f"called-{number:06d}"
                    for requests, more in zip(puts, (extra, {}), strict=True):
                        headers = server.headers("PUT", BUCKET, key, extra=more)
                        requests.append(load.wire_request(server, "PUT", server.target(BUCKET, key), headers, SMALL))
                called = run(server.url, puts[0])
                apart = 1 / run(server.url, puts[1]).rate + 1 / run(receiver.url, [post]).rate
                return called, 1 / apart

            what = "PUT 1 KiB with callback"
            results = bench.interleave(what, bench.size.rounds, own, probe)
            loads = {name: [found[0] for found in pairs] for name, pairs in results.items()}
            first, *others = load_rows(what, loads, connections=connections)
            apart = medians({"PUT, then POST": [found[1] for found in results.get("emulator", [])]} if results else {})
            rows += [Row(first.measure, first.unit, first.better, first.figures, apart), *others]
    return rows


MEASURES: dict[str, Callable[[Bench], list[Row]]] = {
    "start": measure_start,
    "put": measure_put,
    "get": measure_get,
    "head": measure_head,
    "large": measure_large,
    "list": measure_list,
    "callback": measure_callback,
}
