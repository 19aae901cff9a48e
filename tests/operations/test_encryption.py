"""The headers of server-side encryption, which are kept and returned wherever OSS returns them."""

import pytest

from tests.client import OssClient, Response
from tests.operations.uploads import complete, initiate, upload_part

SSE = "x-oss-server-side-encryption"
SSE_KEY_ID = "x-oss-server-side-encryption-key-id"
SSE_DATA = "x-oss-server-side-data-encryption"
MADE_KEY_ID = "00000000-0000-4000-8000-000000000000"


def encryption(response: Response) -> dict[str, str]:
    """What an answer says of encryption."""
    assert response.status in (200, 202), response.body
    return {name: value for name, value in response.headers.items() if name in (SSE, SSE_KEY_ID, SSE_DATA)}


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        pytest.param({SSE: "AES256"}, {SSE: "AES256"}, id="AES256"),
        pytest.param({SSE: "SM4"}, {SSE: "SM4"}, id="SM4"),
        pytest.param({SSE: "KMS"}, {SSE: "KMS", SSE_KEY_ID: MADE_KEY_ID}, id="KMS with a key that OSS makes"),
        pytest.param(
            {SSE: "KMS", SSE_KEY_ID: "mine", SSE_DATA: "SM4"},
            {SSE: "KMS", SSE_KEY_ID: "mine", SSE_DATA: "SM4"},
            id="KMS with a key and SM4",
        ),
        pytest.param({}, {}, id="none"),
    ],
)
async def test_encryption_is_said_by_every_answer_about_the_object(
    asked: dict[str, str], given: dict[str, str], oss: OssClient
) -> None:
    await oss.put("plain", b"hello")
    source = {"x-oss-copy-source": "/examplebucket/plain"}
    writes = [
        ("PUT", "put", asked, b"hello"),
        ("POST", "append?append&position=0", asked, b"hello"),
        ("PUT", "copy", {**source, **asked}, None),
        ("PUT", "link?symlink", {"x-oss-symlink-target": "plain", **asked}, None),
    ]
    for method, target, headers, body in writes:
        written = await oss.request(method, f"/examplebucket/{target}", headers=headers, body=body)
        assert encryption(written) == given
    appended = await oss.request("POST", "/examplebucket/append?append&position=5", body=b" you")
    assert encryption(appended) == given
    begun = await oss.request("POST", "/examplebucket/key?uploads", headers=asked)
    assert encryption(begun) == given
    (upload_id,) = begun.texts("UploadId")
    assert encryption(await upload_part(oss, upload_id, 1, b"hello")) == given
    part = f"/examplebucket/key?partNumber=2&uploadId={upload_id}"
    assert encryption(await oss.request("PUT", part, headers=source)) == given
    assert encryption(await complete(oss, upload_id, (1, '"5D41402ABC4B2A76B9719D911017C592"'))) == given
    for key in ("put", "append", "copy", "link", "key"):
        assert encryption(await oss.get(key)) == given
        assert encryption(await oss.request("HEAD", f"/examplebucket/{key}")) == given
    assert encryption(await oss.request("GET", "/examplebucket/link?symlink")) == given


async def test_nothing_is_encrypted_and_so_the_etag_is_that_of_the_bytes(oss: OssClient) -> None:
    plain = await oss.put("plain", b"hello")
    for algorithm in ("AES256", "KMS", "SM4"):
        answer = await oss.put("a", b"hello", x_oss_server_side_encryption=algorithm)
        assert answer.headers["etag"] == plain.headers["etag"]
        assert (await oss.get("a")).body == b"hello"


async def test_an_object_that_is_overwritten_or_copied_plainly_is_encrypted_no_more(oss: OssClient) -> None:
    await oss.put("a", b"hello", x_oss_server_side_encryption="KMS")
    copied = await oss.request("PUT", "/examplebucket/copy", headers={"x-oss-copy-source": "/examplebucket/a"})
    assert encryption(copied) == encryption(await oss.get("copy")) == {}
    await oss.put("a", b"hello")
    assert encryption(await oss.get("a")) == {}


async def test_what_begins_an_upload_is_not_said_again_by_an_upload_without(oss: OssClient) -> None:
    upload_id = await initiate(oss)
    assert encryption(await upload_part(oss, upload_id, 1, b"hello")) == {}
