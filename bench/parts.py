"""Bodies that come in many requests: an upload in parts, and an object that grows by appends."""

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

from bench.subjects import ANSWER_TIMEOUT_SECONDS, Server, Unmeasured

PARTS = 64
IN_FLIGHT = 4
APPENDED = b"x" * 99 + b"\n"


def upload_in_parts(server: Server, bucket: str, key: str, file: Path) -> float:
    """Upload a file in `PARTS` parts, `IN_FLIGHT` at once over kept connections; the seconds from first to last answer.

    S3 and OSS speak alike here: begin, send each part, say which there are.
    """
    size = file.stat().st_size
    part_bytes = -(-size // PARTS)
    connections = threading.local()

    def send(method: str, query: str, body: bytes = b"", offset: int = 0, count: int = 0) -> tuple[str, bytes]:
        connection = getattr(connections, "own", None)
        if connection is None:
            connection = connections.own = http.client.HTTPConnection(
                server.host, server.port, timeout=ANSWER_TIMEOUT_SECONDS
            )
        headers = server.headers(method, bucket, key, query) | {"Content-Length": str(count or len(body))}
        connection.putrequest(method, server.target(bucket, key, query), skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body or None)
        if count:
            with file.open("rb") as content:
                connection.sock.sendfile(content, offset, count)
        answer = connection.getresponse()
        found = answer.read()
        if answer.status != 200:
            raise Unmeasured(f"{method} of a multipart upload answered {answer.status}")
        return answer.getheader("ETag", ""), found

    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        started = time.perf_counter()
        _, begun = threads.submit(send, "POST", "uploads").result()
        upload_id = next(each.text for each in ElementTree.fromstring(begun).iter() if each.tag.endswith("UploadId"))
        sent = [
            threads.submit(
                send,
                "PUT",
                f"partNumber={number}&uploadId={upload_id}",
                b"",
                (number - 1) * part_bytes,
                min(part_bytes, size - (number - 1) * part_bytes),
            )
            for number in range(1, PARTS + 1)
        ]
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{part.result()[0]}</ETag></Part>"
            for number, part in enumerate(sent, 1)
        )
        document = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        threads.submit(send, "POST", f"uploadId={upload_id}", document).result()
        return time.perf_counter() - started


def append_many(server: Server, bucket: str, key: str, count: int) -> list[float]:
    """Append 100 bytes so many times, one after the other over one connection; the milliseconds that each took."""
    milliseconds: list[float] = []
    with server.connect() as connection:
        for number in range(count):
            query = f"append&position={number * len(APPENDED)}"
            headers = server.headers("POST", bucket, key, query)
            started = time.perf_counter()
            connection.request("POST", server.target(bucket, key, query), body=APPENDED, headers=headers)
            answer = connection.getresponse()
            answer.read()
            milliseconds.append((time.perf_counter() - started) * 1000)
            if answer.status != 200:
                raise Unmeasured(f"append {number} answered {answer.status}")
    return milliseconds
