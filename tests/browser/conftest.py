"""A real browser, a real page on another port, and an emulator for it to upload to."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from emulator import Config, EmulatorThread
from emulator.config import AccessKey, Auth, ConfiguredBucket, ConfiguredCorsRule, Section, Server, Storage
from tests.app_server import AppServer

HERE = Path(__file__).parent
NODE_MODULES = HERE.parent / "sdk/node_modules"
KEY_ID, KEY_SECRET = "emulator", "emulator-secret"
STS_KEY = AccessKey(id="STS.browser", secret="browser-secret", token="browser-token")

MakeEmulator = Callable[..., EmulatorThread]


class Browser:
    """A headless Chromium, driven by `driver.js`."""

    def __init__(self, node: str, chromium: str) -> None:
        self._driver = subprocess.Popen(
            [node, str(HERE / "driver.js"), chromium],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "NODE_PATH": str(NODE_MODULES)},
        )

    def visit(self, url: str, script: str) -> Any:
        """What `script` returns: the body of an async function in Node.js that has `page`, opened at `url`."""
        assert self._driver.stdin and self._driver.stdout
        self._driver.stdin.write(json.dumps({"url": url, "script": script}) + "\n")
        self._driver.stdin.flush()
        result = json.loads(self._driver.stdout.readline())
        assert "error" not in result, result["error"]
        return result["value"]

    def __enter__(self) -> Self:
        assert self._driver.stdout
        assert self._driver.stdout.readline() == "ready\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._driver.stdin and self._driver.stdout
        self._driver.stdin.close()
        try:
            self._driver.wait(20)
        except subprocess.TimeoutExpired:
            self._driver.kill()
            self._driver.wait()
        self._driver.stdout.close()


class Site:
    """An application with a page that uploads: `server` serves it, and is called back."""

    def __init__(self, server: AppServer, browser: Browser) -> None:
        self.server = server
        self._browser = browser
        self.origin = f"http://127.0.0.1:{server.port}"
        for name, kind in (("index.html", "text/html"), ("upload.js", "text/javascript")):
            server.pages[f"/{name}"] = kind, (HERE / "site" / name).read_bytes()
        sdk = NODE_MODULES / "ali-oss/dist/aliyun-oss-sdk.min.js"
        server.pages["/aliyun-oss-sdk.min.js"] = "text/javascript", sdk.read_bytes()

    def grant(self, name: str, value: object) -> None:
        """Let the page have `value` when it asks its server for leave."""
        self.server.pages[f"/leave/{name}"] = "application/json", json.dumps(value).encode()

    def visit(self, script: str) -> Any:
        """What a script gives that has `page`, at the application's page."""
        return self._browser.visit(f"{self.origin}/index.html", script)

    def run(self, expression: str) -> Any:
        """What a JavaScript expression gives inside the page, awaited."""
        return self.visit(f"return page.evaluate({json.dumps(expression)});")


@pytest.fixture(scope="session")
def browser(node: str) -> Iterator[Browser]:
    """A Chromium for all tests. Where none is installed the test is skipped; in CI it fails."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium and (NODE_MODULES / "puppeteer-core").exists():
        with Browser(node, chromium) as running:
            yield running
        return
    reason = "needs Chromium, and once: npm --prefix tests/sdk install"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def site(browser: Browser) -> Iterator[Site]:
    with AppServer() as server:
        yield Site(server, browser)


@pytest.fixture
def make_emulator(tmp_path: Path) -> Iterator[MakeEmulator]:
    """Starts an emulator with sections replaced; signatures are verified, and there is an STS key."""
    with ExitStack() as running:

        def make(**sections: Section | tuple[ConfiguredBucket, ...]) -> EmulatorThread:
            keys = (AccessKey(id=KEY_ID, secret=KEY_SECRET), STS_KEY)
            config = Config(
                server=Server(port=0), storage=Storage(data_dir=tmp_path / "data"), auth=Auth(keys=keys), **sections
            )
            return running.enter_context(EmulatorThread(config))

        yield make


@pytest.fixture
def emulator(make_emulator: MakeEmulator, site: Site) -> EmulatorThread:
    """An emulator whose bucket has the rule that README recommends, for the site alone."""
    rule = ConfiguredCorsRule(
        allowed_origins=(site.origin,),
        allowed_methods=("GET", "PUT", "POST", "DELETE", "HEAD"),
        allowed_headers=("*",),
        expose_headers=("ETag", "x-oss-request-id"),
    )
    return make_emulator(buckets=(ConfiguredBucket(name="examplebucket", cors=(rule,)),))
