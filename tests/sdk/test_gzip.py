"""Text that is compressed on its way, through the official SDKs."""

import base64
import gzip

import alibabacloud_oss_v2 as v2
import pytest

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, Verbs

TEXT = "All work and no play makes Jack a dull boy.\n" * 60


def inflated(data: bytes) -> str:
    """The text, whether the SDK has inflated it or left that to its user."""
    return (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode()


def test_text_that_is_asked_for_as_gzip_is_the_text(client: Verbs) -> None:
    client.store("a.txt", TEXT.encode(), {"Content-Type": "text/plain"})
    if isinstance(client, Oss2Verbs):
        result = client.bucket.get_object("a.txt", headers={"Accept-Encoding": "gzip"})
        got, encoding, etag = result.read(), result.headers.get("Content-Encoding"), result.headers.get("ETag")
    else:
        request = v2.GetObjectRequest(bucket=BUCKET, key="a.txt", headers={"Accept-Encoding": "gzip"})
        answer = client.client.get_object(request)
        with answer.body as body:
            got = body.read()
        encoding, etag = answer.headers.get("Content-Encoding"), answer.headers.get("ETag")
    assert (encoding, etag) == ("gzip", None)
    assert inflated(got) == TEXT


@pytest.mark.parametrize("v4", [pytest.param(True, id="V4"), pytest.param(False, id="V1")])
def test_ali_oss_reads_text_that_is_asked_for_as_gzip(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        """
        const text = "All work and no play makes Jack a dull boy.\\n".repeat(60);
        await client.put("a.txt", Buffer.from(text), {mime: "text/plain"});
        const got = await client.get("a.txt", {headers: {"Accept-Encoding": "gzip"}});
        return {encoding: got.res.headers["content-encoding"], content: got.content.toString("base64")};
        """,
    )
    assert result["encoding"] == "gzip"
    assert inflated(base64.b64decode(result["content"])) == TEXT
