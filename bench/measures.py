"""What is measured. A measure takes a `Bench` and gives rows; its name is what `--only` takes."""

import base64
import json
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import quote

from bench import fill, load, parts
from bench.rounds import MIB, Bench, medians
from bench.subjects import BUCKET, Emulator, Receiver, Server, Subject, Unmeasured, find_program
from bench.table import Reach, Row

SMALL = b"x" * 1024
CONNECTIONS = (1, 16)
FEW_KEYS = 10_000


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


def measure_multipart(bench: Bench) -> list[Row]:
    """One large object in 64 parts, 4 of them in flight, and the peak of the server's memory meanwhile."""
    size = bench.size.large_bytes
    file = bench.scratch / "large"
    fill.write_random(file, size)

    def probe(server: Server) -> tuple[float, float]:
        server.forget_peak()
        rate = size / parts.upload_in_parts(server, BUCKET, "parts", file) / 1e6
        peak = server.resident_mib(peak=True)
        with server.connect() as connection:
            server.ask(connection, "DELETE", BUCKET, "parts")
        return rate, peak

    what = f"multipart {size // MIB:,} MiB, {parts.PARTS} parts, {parts.IN_FLIGHT} in flight"
    results = bench.interleave(what, bench.size.large_rounds, bench.servers(), probe)
    file.unlink()
    rate, peak = (
        medians({name: [found[column] for found in rounds] for name, rounds in results.items()}) for column in range(2)
    )
    return [
        Row(what, "MB/s", "more", rate, reaches=[Reach(1.5, "rclone")]),
        Row("", "peak MiB", "less", peak, reaches=[Reach(90)]),
    ]


def measure_append(bench: Bench) -> list[Row]:
    """Appends of 100 bytes to one object: the last tenth beside the first; and reading it all back."""
    count = bench.size.appends
    edge = count // 10
    own = [server for server in bench.servers() if server.subject.has_appends]

    def probe(server: Server) -> tuple[float, float, float]:
        took = parts.append_many(server, BUCKET, "log", count)
        seconds = load.download(server, BUCKET, "log", count * len(parts.APPENDED))
        with server.connect() as connection:
            server.ask(connection, "DELETE", BUCKET, "log")
        return statistics.median(took[:edge]), statistics.median(took[-edge:]), seconds * 1000

    what = f"{count:,} appends of {len(parts.APPENDED)} bytes"
    results = bench.interleave(what, bench.size.rounds, own, probe)
    first, last, read = (
        medians({name: [found[column] for found in rounds] for name, rounds in results.items()}) for column in range(3)
    )
    beside = {f"first {edge:,}": first["emulator"]} if "emulator" in first else {}
    return [
        Row(f"{what}, last {edge:,}", "p50 ms", "less", last, beside, [Reach(1 / 1.2, f"first {edge:,}")]),
        Row("", "read back ms", "less", read),
    ]


@dataclass(frozen=True)
class Page:
    """A page of a listing: the query that asks for it in a bucket of so many keys, and what must be in it how often."""

    name: str
    query_of: Callable[[int], str]
    holds: tuple[bytes, int]


VERSIONS_OF_A_KEY = 2
_OBJECTS = "list-type=2&max-keys=1000"
KINDS = {
    "versions": Page("first page", lambda keys: "versions&max-keys=1000", (b"<Version>", 1000)),
    "uploads": Page("first page", lambda keys: "uploads&max-uploads=1000", (b"<Upload>", 1000)),
    "objects": Page(
        "first page", lambda keys: "max-keys=1000", (b"<Contents>", 1000)
    ),  # with their owners, as versions
}
PAGES = (
    Page("first page", lambda keys: _OBJECTS, (b"<Key>", 1000)),
    Page(
        "last page",
        lambda keys: f"{_OBJECTS}&start-after={quote(fill.key_of(keys - 1001, keys), safe='')}",
        (b"<IsTruncated>false", 1),
    ),
    Page("with a delimiter", lambda keys: f"{_OBJECTS}&delimiter=%2F", (b"<CommonPrefixes>", fill.PREFIXES)),
)


def measure_list(bench: Bench) -> list[Row]:
    """Pages of 1,000 keys: the first, the last, and ten prefixes folded by a delimiter; of few keys and of many."""
    sizes = (FEW_KEYS, bench.size.listed_keys)
    servers: dict[int, dict[str, Server]] = {}
    rows: list[Row] = []
    with ExitStack() as stack:
        for keys in sizes:

            def start(subject: Subject, keys: int = keys) -> Server:
                folder = bench.folder()
                subject.fill(folder, BUCKET, keys)
                return stack.enter_context(Server(subject, folder))

            started = bench.interleave(f"list {keys:,} keys", 1, bench.subjects, start)
            servers[keys] = {name: found[0] for name, found in started.items()}
        sizes_of = {name: [keys for keys in sizes if name in servers[keys]] for name in servers[FEW_KEYS]}
        for page in PAGES:

            def probe(server: Server, page: Page = page) -> dict[int, float]:
                # Few and many one right after the other: their ratio is what is asked for.
                return {keys: time_page(servers[keys][server.name], page, keys) for keys in sizes_of[server.name]}

            results = bench.interleave(f"list, {page.name}", bench.size.pages, list(servers[FEW_KEYS].values()), probe)
            few, many = (
                medians({name: [turn[keys] for turn in turns if keys in turn] for name, turns in results.items()})
                for keys in sizes
            )
            beside = {f"of {FEW_KEYS:,}": few["emulator"]} if "emulator" in few else {}
            reach = Reach(1 / 1.2, f"of {FEW_KEYS:,}")
            rows.append(Row(f"list {sizes[0]:,} keys, {page.name}", "ms", "less", few))
            rows.append(Row(f"list {sizes[1]:,} keys, {page.name}", "ms", "less", many, beside, [reach]))
    return rows


def measure_versions(bench: Bench) -> list[Row]:
    """Pages of 1,000 versions and of 1,000 uploads beside one of 1,000 objects; of many keys with two versions each."""
    keys = bench.size.listed_keys // VERSIONS_OF_A_KEY
    with ExitStack() as stack:

        def start(subject: Subject) -> Server:
            if not isinstance(subject, Emulator) or subject.is_ephemeral:
                raise Unmeasured("it is not asked for versions")
            folder = bench.folder()
            fill.fill_emulator(folder, BUCKET, keys, versions=VERSIONS_OF_A_KEY, uploads=1000)
            return stack.enter_context(Server(subject, folder))

        started = bench.interleave("versions", 1, bench.subjects, start)

        def probe(server: Server) -> dict[str, float]:
            return {kind: time_page(server, page, keys) for kind, page in KINDS.items()}

        results = bench.interleave("pages", bench.size.pages, [found[0] for found in started.values()], probe)
    taken = {kind: medians({name: [turn[kind] for turn in turns] for name, turns in results.items()}) for kind in KINDS}
    beside = {"objects": taken["objects"]["emulator"]} if "emulator" in taken["objects"] else {}
    return [
        Row(f"list 1,000 {kind}", "ms", "less", taken[kind], beside, [Reach(1 / allowed, "objects")])
        for kind, allowed in (("versions", 1.25), ("uploads", 1.2))  # a version has two elements more than an object
    ]


def time_page(server: Server, page: Page, keys: int) -> float:
    """Ask once for a page of a bucket of `keys` keys; the milliseconds from the request to the end of the answer."""
    query = page.query_of(keys)
    headers = server.headers("GET", BUCKET, query=query)
    with server.connect() as connection:
        connection.connect()
        started = time.perf_counter()
        connection.request("GET", server.target(BUCKET, query=query), headers=headers)
        body = connection.getresponse().read()
        milliseconds = (time.perf_counter() - started) * 1000
    what, times = page.holds
    if body.count(what) != times:
        raise Unmeasured(f"the page holds {what.decode()} {body.count(what)} times, not {times}")
    return milliseconds


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
                    for requests, more in zip(puts, ({}, extra), strict=True):
                        headers = server.headers("PUT", BUCKET, key, extra=more)
                        requests.append(load.wire_request(server, "PUT", server.target(BUCKET, key), headers, SMALL))
                apart = 1 / run(server.url, puts[0]).rate + 1 / run(receiver.url, [post]).rate
                return run(server.url, puts[1]), 1 / apart

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
    "multipart": measure_multipart,
    "append": measure_append,
    "list": measure_list,
    "versions": measure_versions,
    "callback": measure_callback,
}
