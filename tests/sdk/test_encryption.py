"""Server-side encryption as the official SDKs ask for it and see it."""

import alibabacloud_oss_v2 as v2
import pytest

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, Verbs, refusal

SSE = "x-oss-server-side-encryption"
SSE_KEY_ID = "x-oss-server-side-encryption-key-id"


def encryption(client: Verbs, key: str) -> tuple[str | None, str | None]:
    """Algorithm and key id that HeadObject says."""
    if isinstance(client, Oss2Verbs):
        headers = client.bucket.head_object(key).headers
        return headers.get(SSE), headers.get(SSE_KEY_ID)
    result = client.client.head_object(v2.HeadObjectRequest(bucket=BUCKET, key=key))
    return result.server_side_encryption, result.server_side_encryption_key_id


def test_encryption_is_kept_and_said(client: Verbs) -> None:
    client.store("a", b"hello", {SSE: "AES256"})
    assert encryption(client, "a") == ("AES256", None)
    client.store("a", b"hello", {SSE: "KMS"})
    assert encryption(client, "a") == ("KMS", "00000000-0000-4000-8000-000000000000")
    client.store("a", b"hello", {SSE: "KMS", SSE_KEY_ID: "mine"})
    assert encryption(client, "a") == ("KMS", "mine")
    assert client.read("a") == b"hello"


def test_unknown_encryption_is_the_sdk_s_own_error(client: Verbs) -> None:
    assert refusal(client.store, "a", b"hello", {SSE: "ROT13"}) == (400, "InvalidEncryptionAlgorithmError")


@pytest.mark.parametrize("v4", [pytest.param(True, id="V4"), pytest.param(False, id="V1")])
def test_ali_oss_asks_for_encryption(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        f"""
        const put = await client.put("a", Buffer.from("hello"), {{headers: {{"{SSE}": "KMS"}}}});
        const head = await client.head("a");
        return [put, head].map((answer) => [answer.res.headers["{SSE}"], answer.res.headers["{SSE_KEY_ID}"]]);
        """,
    )
    assert result == [["KMS", "00000000-0000-4000-8000-000000000000"]] * 2
