"""The words of a multipart upload from outside, as all tests about parts say them."""

from collections.abc import Mapping

from tests.client import OssClient, Response

MIN_PART = b"a" * 102_400
A_ETAG = '"302D3A0C8E319EAA95B059B346DE1D1D"'
A_CRC64 = "12696911168479852064"
BYE_ETAG = '"BFA99DF33B137BC8FB5F5407D7E58DA8"'


async def initiate(oss: OssClient, key: str = "key", *, query: str = "", **headers: str) -> str:
    """The id of a new upload of `key` (as it stands in the path)."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await oss.request("POST", f"/examplebucket/{key}?uploads{query}", headers=fields)
    assert response.status == 200, response.body
    (upload_id,) = response.texts("UploadId")
    return upload_id


async def upload_part(
    oss: OssClient,
    upload_id: str,
    number: int | str,
    body: bytes,
    key: str = "key",
    *,
    headers: Mapping[str, str] | None = None,
) -> Response:
    target = f"/examplebucket/{key}?partNumber={number}&uploadId={upload_id}"
    return await oss.request("PUT", target, headers=headers, body=body)


def listed(*parts: tuple[int | str, str]) -> str:
    """The document that lists these numbers and ETags."""
    inner = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in parts)
    return f"<CompleteMultipartUpload>{inner}</CompleteMultipartUpload>"


async def complete(
    oss: OssClient,
    upload_id: str,
    *parts: tuple[int | str, str],
    key: str = "key",
    query: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Complete the upload with these parts; with none, `x-oss-complete-all`."""
    target = f"/examplebucket/{key}?uploadId={upload_id}{query}"
    if parts:
        return await oss.request("POST", target, headers=headers, body=listed(*parts))
    return await oss.request("POST", target, headers={"x-oss-complete-all": "yes", **(headers or {})})


async def example(oss: OssClient, key: str = "key", **headers: str) -> str:
    """An upload with the two parts of the documentation's example: 102,400 times `a`, and `bye`; its id."""
    upload_id = await initiate(oss, key, **headers)
    for number, body in ((1, MIN_PART), (2, b"bye")):
        assert (await upload_part(oss, upload_id, number, body, key)).status == 200
    return upload_id
