import asyncio
import base64
import hashlib
import json
import os
from collections.abc import Iterator

import pytest

from emulator.config import Limits
from tests.app_server import AppServer, encoded
from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss
from tests.operations.uploads import (
    A_CRC64,
    A_ETAG,
    BYE_ETAG,
    MIN_PART,
    complete,
    example,
    initiate,
    listed,
    upload_part,
)

WHOLE_ETAG = '"8597C2053A954A8092AF72D758BD72AE-2"'
WHOLE_CRC64 = "12709646343267744422"
PARTS = ((1, A_ETAG), (2, BYE_ETAG))
NO_UPLOAD = "0" * 32
MD5_OF_NOTHING = "1B2M2Y8AsgTpgAmY7PhCfg=="


def refusal(response: Response) -> tuple[int, str | None, str | None]:
    """Status, Code and EC; the EC says the same in the header and in the document."""
    assert response.headers.get("x-oss-ec") == response.xml.findtext("EC")
    return response.status, response.code, response.headers.get("x-oss-ec")


def extras(response: Response) -> dict[str, str]:
    """The elements of the document that not every error has."""
    usual = {"Code", "Message", "RequestId", "HostId", "EC", "RecommendDoc"}
    return {element.tag: element.text or "" for element in response.xml if element.tag not in usual}


# --- The example of the documentation -------------------------------------------------------------------------------


async def test_minimal_conversation_goes_as_documented(oss: OssClient) -> None:
    upload_id = await initiate(oss, "m")
    first = await upload_part(oss, upload_id, 1, MIN_PART, "m")
    assert (first.status, first.body, first.headers["etag"]) == (200, b"", A_ETAG)
    assert first.headers["x-oss-hash-crc64ecma"] == A_CRC64
    assert first.headers["content-md5"] == "MC06DI4xnqqVsFmzRt4dHQ=="
    assert (await upload_part(oss, upload_id, 2, b"bye", "m")).headers["etag"] == BYE_ETAG
    assert (await oss.get("m")).status == 404
    assert (await oss.request("GET", "/examplebucket")).texts("Contents/Key") == []
    response = await complete(oss, upload_id, *PARTS, key="m")
    assert (response.status, response.headers["content-type"]) == (200, "application/xml")
    assert (response.headers["etag"], response.headers["x-oss-hash-crc64ecma"]) == (WHOLE_ETAG, WHOLE_CRC64)
    assert "content-md5" not in response.headers
    assert [(element.tag, element.text) for element in response.xml] == [
        ("Location", f"{oss.endpoint}/examplebucket/m"),
        ("Bucket", "examplebucket"),
        ("Key", "m"),
        ("ETag", WHOLE_ETAG),
    ]
    head = await oss.request("HEAD", "/examplebucket/m")
    assert (head.headers["x-oss-object-type"], head.headers["content-length"]) == ("Multipart", "102403")
    assert (head.headers["etag"], head.headers["x-oss-hash-crc64ecma"]) == (WHOLE_ETAG, WHOLE_CRC64)
    assert "content-md5" not in head.headers
    assert (await oss.get("m")).body == MIN_PART + b"bye"
    gone = await oss.request("DELETE", f"/examplebucket/m?uploadId={upload_id}")
    assert refusal(gone) == (404, "NoSuchUpload", "0042-00000002")


async def test_parts_of_one_size_are_not_moved_again_and_others_are(
    oss: OssClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[int] = []
    copy = os.copy_file_range

    def noted(source: int, target: int, count: int, *offsets: int) -> int:
        copied.append(count)
        return copy(source, target, count, *offsets)

    monkeypatch.setattr(os, "copy_file_range", noted)
    bodies = [MIN_PART, MIN_PART.upper(), MIN_PART, b"bye"]
    chunked = f"{len(MIN_PART):x}\r\n".encode() + MIN_PART + b"\r\n0\r\n\r\n"
    for is_chunked in (False, True):
        upload_id = await initiate(oss)
        for number in (2, 1, 4, 3):
            spoilt = bodies[number - 1].swapcase()
            refused = await upload_part(oss, upload_id, number, spoilt, headers={"Content-MD5": MD5_OF_NOTHING})
            assert refused.code == "InvalidDigest"
            if is_chunked and number == 3:
                headers = {"Transfer-Encoding": "chunked"}
                assert (await upload_part(oss, upload_id, 3, chunked, headers=headers)).status == 200
            else:
                assert (await upload_part(oss, upload_id, number, bodies[number - 1])).status == 200
        assert (await complete(oss, upload_id)).status == 200
        assert (await oss.get("key")).body == b"".join(bodies)
        assert sum(copied) == (len(b"".join(bodies)) if is_chunked else 0)


async def test_initiation_names_bucket_key_and_a_new_id_that_sorts_by_time(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock)
    response = await oss.request("POST", "/examplebucket/dir/a%20b?uploads")
    assert response.headers["content-type"] == "application/xml"
    tags = [(element.tag, element.text) for element in response.xml]
    (upload_id,) = response.texts("UploadId")
    assert tags == [("Bucket", "examplebucket"), ("Key", "dir/a b"), ("UploadId", upload_id)]
    assert len(upload_id) == 32
    assert set(upload_id) <= set("0123456789ABCDEF")
    assert int(upload_id[:16], 16) == clock.now().timestamp() * 1_000_000
    clock.step(0.001)
    assert await initiate(oss) > upload_id


async def test_keys_are_encoded_where_asked_for(oss: OssClient) -> None:
    key = "a%20%E6%B5%8B/%01%2B"
    begun = await oss.request("POST", f"/examplebucket/{key}?uploads&encoding-type=url")
    assert (begun.texts("EncodingType"), begun.texts("Key")) == (["url"], ["a%20%E6%B5%8B%2F%01%2B"])
    (upload_id,) = begun.texts("UploadId")
    await upload_part(oss, upload_id, 1, b"x", key)
    done = await complete(oss, upload_id, key=key, query="&encoding-type=url")
    assert (done.texts("EncodingType"), done.texts("Key")) == (["url"], ["a%20%E6%B5%8B%2F%01%2B"])
    assert done.texts("Location") == [f"{oss.endpoint}/examplebucket/{key}"]
    assert (await oss.get(key)).body == b"x"


@pytest.mark.parametrize("target", ["?uploads", "?uploadId={id}"])
async def test_unknown_encoding_is_refused(target: str, oss: OssClient) -> None:
    upload_id = await example(oss)
    path = f"/examplebucket/key{target.format(id=upload_id)}&encoding-type=base64"
    response = await oss.request("POST", path, body=listed(*PARTS))
    assert (response.status, response.code, extras(response)["ArgumentName"]) == (
        400,
        "InvalidArgument",
        "encoding-type",
    )


async def test_what_was_said_at_the_beginning_is_what_the_object_has(oss: OssClient) -> None:
    said = {
        "Content-Type": "text/plain",
        "Cache-Control": "no-cache",
        "Content-Disposition": "attachment",
        "Expires": "1000000",
        "x-oss-meta-owner": "测试",
        "x-oss-storage-class": "IA",
        "x-oss-server-side-encryption": "AES256",
    }
    begun = await oss.request("POST", "/examplebucket/key?uploads", headers={**said, "x-oss-tagging": "a=1&b=2"})
    assert begun.headers["x-oss-server-side-encryption"] == "AES256"
    (upload_id,) = begun.texts("UploadId")
    part = await upload_part(oss, upload_id, 1, b"x", headers={"Content-Type": "image/png", "x-oss-meta-owner": "you"})
    assert part.status == 200
    done = await complete(oss, upload_id, headers={"Content-Type": "application/xml", "x-oss-meta-owner": "you"})
    assert done.headers["x-oss-server-side-encryption"] == "AES256"
    response = await oss.get("key")
    for name, value in said.items():
        assert response.headers[name.lower()] == value
    assert response.headers["x-oss-tagging-count"] == "2"


async def test_object_has_the_usual_type_where_none_was_said(oss: OssClient) -> None:
    await complete(oss, await example(oss), *PARTS, headers={"Content-Type": "application/xml"})
    assert (await oss.get("key")).headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("at_first", "at_last", "expected"),
    [
        pytest.param({}, {}, "default", id="none"),
        pytest.param({}, {"x-oss-object-acl": "public-read"}, "public-read", id="at completion"),
        pytest.param({"x_oss_object_acl": "private"}, {}, "private", id="at initiation", marks=pytest.mark.guess),
        pytest.param(
            {"x_oss_object_acl": "private"},
            {"x-oss-object-acl": "public-read"},
            "public-read",
            id="at both",
            marks=pytest.mark.guess,
        ),
    ],
)
async def test_acl_of_the_completion_counts(
    at_first: dict[str, str], at_last: dict[str, str], expected: str, oss: OssClient
) -> None:
    upload_id = await example(oss, **at_first)
    assert (await complete(oss, upload_id, headers=at_last)).status == 200
    assert (await oss.request("GET", "/examplebucket/key?acl")).texts("AccessControlList/Grant") == [expected]


# --- Initiation: what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "headers", "status", "code", "ec"),
    [
        pytest.param("/a", {}, 400, "InvalidObjectName", "0016-00000005", id="leading slash"),
        pytest.param("a" * 1024, {}, 400, "InvalidObjectName", "0016-00000003", id="1,024 bytes"),
        pytest.param("a", {"x-oss-storage-class": "Attic"}, 400, "InvalidArgument", "0017-00000132", id="class"),
        pytest.param("a", {"x-oss-object-acl": "secret"}, 400, "InvalidArgument", "0017-00000104", id="ACL"),
        pytest.param("a", {"x-oss-tagging": "a=1&a=2"}, 400, "InvalidArgument", None, id="tag given twice"),
        pytest.param("a", {"x-oss-tagging": "=1"}, 400, "InvalidTag", None, id="tag without a key"),
        pytest.param(
            "a",
            {"x-oss-server-side-encryption": "ROT13"},
            400,
            "InvalidEncryptionAlgorithmError",
            None,
            id="encryption",
        ),
        pytest.param("a", {"x-oss-meta-a": "a" * 8193}, 400, "InvalidArgument", None, id="too much metadata"),
        pytest.param("a", {"x-oss-forbid-overwrite": "x"}, 400, "InvalidArgument", "0017-00000279", id="neither"),
        pytest.param("old", {"x-oss-forbid-overwrite": "true"}, 409, "FileAlreadyExists", "0026-00000002", id="taken"),
    ],
)
async def test_initiation_is_judged_as_an_upload_is(
    key: str, headers: dict[str, str], status: int, code: str, ec: str | None, oss: OssClient
) -> None:
    await oss.put("old", b"old")
    response = await oss.request("POST", f"/examplebucket/{key}?uploads", headers=headers)
    assert (response.status, response.code) == (status, code)
    assert ec is None or response.headers["x-oss-ec"] == ec
    assert (await oss.request("GET", "/examplebucket?uploads")).texts("Upload") == []


async def test_missing_bucket_comes_first(oss: OssClient) -> None:
    requests = [
        ("POST", "?uploads"),
        ("PUT", f"?partNumber=0&uploadId={NO_UPLOAD}"),
        ("POST", f"?uploadId={NO_UPLOAD}"),
        ("DELETE", f"?uploadId={NO_UPLOAD}"),
        ("GET", f"?uploadId={NO_UPLOAD}"),
    ]
    for method, query in requests:
        response = await oss.request(method, f"/missing-bucket/key{query}", body=b"" if method == "PUT" else None)
        assert refusal(response) == (404, "NoSuchBucket", "0015-00000101"), (method, query)
        assert extras(response) == {"BucketName": "missing-bucket"}


@pytest.mark.parametrize(
    ("method", "query", "ec"),
    [
        pytest.param("PUT", "partNumber=1&", "0042-00000104", id="UploadPart"),
        pytest.param("DELETE", "", "0042-00000002", id="AbortMultipartUpload"),
        pytest.param("POST", "", "0017-00000244", id="CompleteMultipartUpload"),
        pytest.param("GET", "", "0017-00000244", id="ListParts"),
    ],
)
async def test_upload_that_is_not_under_way_is_told_in_each_operations_way(
    method: str, query: str, ec: str, oss: OssClient
) -> None:
    of_another_key, completed, aborted = [await example(oss, key) for key in ("other", "key", "key")]
    await complete(oss, completed, *PARTS)
    await oss.request("DELETE", f"/examplebucket/key?uploadId={aborted}")
    for upload_id in (NO_UPLOAD, of_another_key, completed, aborted, "", "%ff"):
        response = await oss.request(
            method, f"/examplebucket/key?{query}uploadId={upload_id}", body=None if method == "GET" else listed(*PARTS)
        )
        assert refusal(response) == (404, "NoSuchUpload", ec), upload_id
        assert response.message == (
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
            "completed."
        )
        if upload_id != "%ff":
            assert extras(response) == {"UploadId": upload_id}


# --- Parts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["0", "10001", "-1", "1.5", "", "abc", "%D9%A1", "99999999999999999999"])
async def test_part_number_out_of_bounds_is_refused(number: str, oss: OssClient) -> None:
    upload_id = await initiate(oss)
    response = await upload_part(oss, upload_id, number, b"x")
    assert refusal(response) == (400, "InvalidArgument", "0017-00000220")
    assert response.message == "Part number must be an integer between 1 and 10000, inclusive."
    assert extras(response)["ArgumentName"] == "PartNumber"
    if number.isascii() and "%" not in number:
        assert extras(response)["ArgumentValue"] == number


@pytest.mark.parametrize("number", [1, 10_000])
async def test_part_number_within_bounds_is_taken(number: int, oss: OssClient) -> None:
    assert (await upload_part(oss, await initiate(oss), number, b"x")).status == 200


@pytest.mark.parametrize(
    ("headers", "code", "ec"),
    [
        pytest.param({"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, "InvalidDigest", "0017-00000503", id="wrong MD5"),
        pytest.param({"Content-MD5": "nonsense"}, "InvalidDigest", "0017-00000502", id="malformed MD5"),
        pytest.param({"x-oss-hash-crc64ecma": "1"}, "InvalidCRC64", None, id="wrong CRC"),
        pytest.param({"x-oss-server-side-encryption": "AES256"}, "InvalidArgument", None, id="encryption"),
        pytest.param({"x-oss-server-side-encryption-key-id": "k"}, "InvalidArgument", None, id="encryption key"),
    ],
)
async def test_part_that_is_refused_leaves_the_one_before(
    headers: dict[str, str], code: str, ec: str | None, oss: OssClient
) -> None:
    upload_id = await initiate(oss)
    await upload_part(oss, upload_id, 1, b"old")
    response = await upload_part(oss, upload_id, 1, b"new", headers=headers)
    assert (response.status, response.code) == (400, code)
    assert ec is None or response.headers["x-oss-ec"] == ec
    if code == "InvalidDigest":
        assert extras(response) == {"Content-MD5": headers["Content-MD5"]}
    if code == "InvalidArgument":
        assert extras(response)["ArgumentName"] == next(iter(headers))
    await complete(oss, upload_id)
    assert (await oss.get("key")).body == b"old"


async def test_right_digests_are_taken(oss: OssClient) -> None:
    headers = {
        "Content-MD5": base64.b64encode(hashlib.md5(b"bye").digest()).decode(),
        "x-oss-hash-crc64ecma": "3444431014550163756",
    }
    response = await upload_part(oss, await initiate(oss), 1, b"bye", headers=headers)
    assert (response.status, response.headers["etag"]) == (200, BYE_ETAG)


async def test_part_without_a_length_is_refused_and_a_chunked_one_taken(oss: OssClient) -> None:
    upload_id = await initiate(oss)
    target = f"/examplebucket/key?partNumber=1&uploadId={upload_id}"
    response = await oss.request("PUT", target)
    assert (response.status, response.code) == (411, "MissingContentLength")
    chunked = {"Transfer-Encoding": "chunked"}
    response = await oss.request("PUT", target, headers=chunked, body=b"3\r\nbye\r\n0\r\n\r\n")
    assert (response.status, response.headers["etag"]) == (200, BYE_ETAG)


async def test_part_that_is_too_large_is_refused(make_oss: MakeOss) -> None:
    oss = await make_oss(limits=Limits(max_object_bytes=1000))
    upload_id = await initiate(oss)
    response = await upload_part(oss, upload_id, 1, b"x" * 1001)
    assert (response.status, response.code) == (400, "EntityTooLarge")
    assert (await upload_part(oss, upload_id, 1, b"x" * 1000)).status == 200


async def test_whole_may_be_larger_than_any_part_may(make_oss: MakeOss) -> None:
    oss = await make_oss(limits=Limits(max_object_bytes=len(MIN_PART)))
    upload_id = await example(oss)
    assert (await complete(oss, upload_id, *PARTS)).status == 200


async def test_part_sent_again_replaces_the_one_before(oss: OssClient) -> None:
    upload_id = await initiate(oss)
    old = (await upload_part(oss, upload_id, 1, b"old")).headers["etag"]
    new = (await upload_part(oss, upload_id, 1, b"new")).headers["etag"]
    assert refusal(await complete(oss, upload_id, (1, old)))[1] == "InvalidPart"
    assert (await complete(oss, upload_id, (1, new))).status == 200
    assert (await oss.get("key")).body == b"new"


async def test_parts_arrive_in_parallel(oss: OssClient) -> None:
    upload_id = await initiate(oss)
    bodies = {number: bytes([number]) * 200_000 for number in range(1, 17)}
    answers = await asyncio.gather(*(upload_part(oss, upload_id, number, body) for number, body in bodies.items()))
    parts = [(number, answer.headers["etag"]) for number, answer in zip(bodies, answers, strict=True)]
    assert (await complete(oss, upload_id, *parts)).status == 200
    assert (await oss.get("key")).body == b"".join(bodies.values())


# --- Completion -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(lambda etag: etag, id="quoted"),
        pytest.param(lambda etag: etag.strip('"'), id="bare"),
        pytest.param(str.lower, id="lower case"),
        pytest.param(lambda etag: etag.replace('"', "&quot;"), id="quotes as entities"),
        pytest.param(lambda etag: f"\n  {etag} ", id="space around"),
    ],
)
async def test_etags_are_read_however_they_are_spelt(spell: object, oss: OssClient) -> None:
    assert callable(spell)
    upload_id = await example(oss)
    response = await complete(oss, upload_id, *((number, spell(etag)) for number, etag in PARTS))
    assert (response.status, response.headers["etag"]) == (200, WHOLE_ETAG)


async def test_document_with_a_namespace_is_read(oss: OssClient) -> None:
    upload_id = await example(oss)
    body = '<?xml version="1.0" encoding="UTF-8"?>\n' + listed(*PARTS).replace(
        "<CompleteMultipartUpload>", '<CompleteMultipartUpload xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com">'
    )
    response = await oss.request("POST", f"/examplebucket/key?uploadId={upload_id}", body=body)
    assert (response.status, response.headers["etag"]) == (200, WHOLE_ETAG)


async def test_some_of_the_parts_with_gaps_make_the_object(oss: OssClient) -> None:
    upload_id = await initiate(oss)
    for number, body in ((3, MIN_PART), (40, b"skipped"), (500, MIN_PART), (10_000, b"bye")):
        await upload_part(oss, upload_id, number, body)
    response = await complete(oss, upload_id, (3, A_ETAG), (500, A_ETAG), (10_000, BYE_ETAG))
    assert response.headers["etag"].endswith('-3"')
    assert (await oss.get("key")).body == MIN_PART + MIN_PART + b"bye"


async def test_complete_all_takes_every_part_in_order(oss: OssClient) -> None:
    upload_id = await initiate(oss)
    for number, body in ((9, b"bye"), (2, MIN_PART)):
        await upload_part(oss, upload_id, number, body)
    response = await complete(oss, upload_id)
    assert (response.status, response.headers["etag"]) == (200, WHOLE_ETAG)
    assert (await oss.get("key")).body == MIN_PART + b"bye"


@pytest.mark.parametrize(
    "headers", [{"Content-Length": "0"}, {"Transfer-Encoding": "chunked"}], ids=["none", "chunked"]
)
async def test_complete_all_takes_an_empty_body(headers: dict[str, str], oss: OssClient) -> None:
    upload_id = await example(oss)
    response = await oss.request(
        "POST",
        f"/examplebucket/key?uploadId={upload_id}",
        headers={"x-oss-complete-all": "yes", **headers},
        body=b"0\r\n\r\n" if "Transfer-Encoding" in headers else b"",
    )
    assert (response.status, response.headers["etag"]) == (200, WHOLE_ETAG)


@pytest.mark.parametrize(
    ("body", "headers", "code", "ec", "more"),
    [
        pytest.param(
            listed(*PARTS),
            {"x-oss-complete-all": "yes"},
            "InvalidArgument",
            "0042-00000216",
            {"ArgumentName": "x-oss-complete-all", "ArgumentValue": "yes"},
            id="complete-all and a body",
        ),
        pytest.param(
            "",
            {"x-oss-complete-all": "true"},
            "InvalidArgument",
            "0042-00000216",
            {"ArgumentName": "x-oss-complete-all", "ArgumentValue": "true"},
            id="complete-all that is not yes",
        ),
        pytest.param("", {}, "MalformedXML", "0042-00000205", {}, id="empty body"),
        pytest.param("no XML", {}, "MalformedXML", "0042-00000205", None, id="no XML"),
        pytest.param("<Delete/>", {}, "MalformedXML", "0042-00000205", None, id="another document"),
        pytest.param(listed(), {}, "MalformedXML", "0042-00000205", {}, id="no part"),
        pytest.param(listed(("one", A_ETAG)), {}, "MalformedXML", "0042-00000205", {}, id="number that is none"),
        pytest.param(
            "<CompleteMultipartUpload><Part><ETag>a</ETag></Part></CompleteMultipartUpload>",
            {},
            "MalformedXML",
            "0042-00000205",
            {},
            id="part without a number",
        ),
        pytest.param(" " * (2 << 20) + listed(*PARTS), {}, "MalformedXML", "0042-00000205", {}, id="too long"),
        pytest.param(
            listed(*reversed(PARTS)), {}, "InvalidPartOrder", "0042-00000209", {"UploadId": "{id}"}, id="descending"
        ),
        pytest.param(
            listed(PARTS[0], PARTS[0]), {}, "InvalidPartOrder", "0042-00000209", {"UploadId": "{id}"}, id="part twice"
        ),
        pytest.param(
            listed(*PARTS, (3, A_ETAG)),
            {},
            "InvalidPart",
            None,
            {"ETag": A_ETAG.strip('"'), "PartNumber": "3", "UploadId": "{id}"},
            id="part that was not uploaded",
        ),
        pytest.param(
            listed((1, BYE_ETAG)),
            {},
            "InvalidPart",
            None,
            {"ETag": BYE_ETAG.strip('"'), "PartNumber": "1", "UploadId": "{id}"},
            id="ETag of another part",
        ),
        pytest.param(
            listed(*PARTS),
            {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="},
            "InvalidDigest",
            "0017-00000503",
            {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="},
            id="body with another MD5",
        ),
        pytest.param(
            listed(*PARTS), {"x-oss-object-acl": "secret"}, "InvalidArgument", "0017-00000104", None, id="unknown ACL"
        ),
        pytest.param(
            listed(*PARTS),
            {"x-oss-server-side-encryption": "AES256"},
            "InvalidArgument",
            None,
            {"ArgumentName": "x-oss-server-side-encryption", "ArgumentValue": "AES256"},
            id="encryption",
        ),
        pytest.param(
            listed(*PARTS), {"x-oss-forbid-overwrite": "maybe"}, "InvalidArgument", "0017-00000279", None, id="neither"
        ),
    ],
)
async def test_completion_that_is_refused_leaves_the_upload_usable(
    body: str, headers: dict[str, str], code: str, ec: str | None, more: dict[str, str] | None, oss: OssClient
) -> None:
    upload_id = await example(oss)
    response = await oss.request("POST", f"/examplebucket/key?uploadId={upload_id}", headers=headers, body=body)
    assert refusal(response) == (400, code, ec)
    if more is not None:
        assert extras(response) == {name: value.format(id=upload_id) for name, value in more.items()}
    assert (await oss.get("key")).status == 404
    assert (await complete(oss, upload_id, *PARTS)).status == 200


async def test_part_before_the_last_that_is_too_small_is_refused(oss: OssClient) -> None:
    upload_id = await initiate(oss)
    for number, body in ((1, MIN_PART), (2, MIN_PART[:-1]), (3, b"bye")):
        await upload_part(oss, upload_id, number, body)
    response = await complete(oss, upload_id)
    assert refusal(response) == (400, "EntityTooSmall", "0042-00000213")
    assert response.message == "Your proposed upload smaller than the minimum allowed size."
    assert extras(response) | {"ETag": ""} == {
        "ETag": "",
        "MinSizeAllowed": "102400",
        "ProposedSize": "102399",
        "PartNumber": "2",
    }
    assert (await complete(oss, upload_id, (1, A_ETAG), (3, BYE_ETAG))).status == 200  # among those chosen it is last


@pytest.mark.guess
async def test_upload_without_parts_cannot_be_completed(oss: OssClient) -> None:
    upload_id = await initiate(oss)
    assert refusal(await complete(oss, upload_id)) == (400, "MalformedXML", "0042-00000205")
    assert (await upload_part(oss, upload_id, 1, b"")).status == 200
    assert (await complete(oss, upload_id)).status == 200
    assert (await oss.get("key")).body == b""


async def test_completing_twice_finds_no_upload(oss: OssClient) -> None:
    upload_id = await example(oss)
    answers = await asyncio.gather(*(complete(oss, upload_id, *PARTS) for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [200, 404, 404, 404, 404, 404]
    assert {answer.code for answer in answers if answer.status == 404} == {"NoSuchUpload"}
    assert (await oss.get("key")).body == MIN_PART + b"bye"


async def test_existing_object_is_left_alone_when_overwriting_is_forbidden(oss: OssClient) -> None:
    upload_id = await example(oss)
    await oss.put("key", b"old")
    refused = await complete(oss, upload_id, *PARTS, headers={"x-oss-forbid-overwrite": "true"})
    assert refusal(refused) == (409, "FileAlreadyExists", "0042-00000214")
    assert (await oss.get("key")).body == b"old"
    assert (await complete(oss, upload_id, *PARTS)).status == 200


async def test_completion_overwrites_a_growing_object(oss: OssClient) -> None:
    await oss.request("POST", "/examplebucket/key?append&position=0", body=b"log")
    assert (await complete(oss, await example(oss), *PARTS)).status == 200
    assert (await oss.get("key")).headers["x-oss-object-type"] == "Multipart"


async def test_abort_answers_without_a_body_and_frees_the_bucket(oss: OssClient) -> None:
    upload_id = await example(oss)
    refused = await oss.request("DELETE", "/examplebucket")
    assert (refused.status, refused.code) == (409, "BucketNotEmpty")
    assert refused.message == "The bucket has Multipart Uploads. Please delete them first."
    response = await oss.request("DELETE", f"/examplebucket/key?uploadId={upload_id}")
    assert (response.status, response.body) == (204, b"")
    assert (await oss.request("DELETE", "/examplebucket")).status == 204


async def test_bucket_stat_counts_uploads(oss: OssClient) -> None:
    await example(oss)
    response = await oss.request("GET", "/examplebucket?stat")
    assert (response.texts("MultipartUploadCount"), response.texts("ObjectCount")) == (["1"], ["0"])


# --- The callback ---------------------------------------------------------------------------------------------------


@pytest.fixture
def app_server() -> Iterator[AppServer]:
    with AppServer() as server:
        yield server


BODY = "${bucket} ${object} ${size} ${etag} ${mimeType} ${crc64} [${contentMd5}] ${operation} ${x:user}"


def callback_headers(url: str, **parameters: object) -> dict[str, str]:
    callback = {"callbackUrl": url, "callbackBody": BODY, "callbackBodyType": "application/json", **parameters}
    return {"x-oss-callback": encoded(callback), "x-oss-callback-var": encoded({"x:user": "42"})}


SENT = (
    b'"examplebucket" "key" 102403 "8597C2053A954A8092AF72D758BD72AE-2" "text/plain" '
    b'12709646343267744422 [null] "CompleteMultipartUpload" "42"'
)


async def test_application_server_is_told_of_the_whole_and_its_answer_is_the_answer(
    oss: OssClient, app_server: AppServer
) -> None:
    upload_id = await example(oss, Content_Type="text/plain")
    response = await complete(oss, upload_id, *PARTS, headers=callback_headers(app_server.url))
    assert (response.status, response.body) == (200, b'{"Status":"OK"}')
    assert response.headers["content-type"] == "application/json"
    assert (response.headers["etag"], response.headers["x-oss-hash-crc64ecma"]) == (WHOLE_ETAG, WHOLE_CRC64)
    (received,) = app_server.received
    assert received.is_signed
    assert received.body == SENT
    (record,) = json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"]
    assert (record["operation"], record["outcome"]) == ("CompleteMultipartUpload", "success")


async def test_callback_may_stand_in_the_query(oss: OssClient, app_server: AppServer) -> None:
    upload_id = await example(oss, Content_Type="text/plain")
    headers = callback_headers(app_server.url)
    query = f"&callback={headers['x-oss-callback']}&callback-var={headers['x-oss-callback-var']}"
    response = await complete(oss, upload_id, *PARTS, query=query)
    assert (response.status, response.body) == (200, b'{"Status":"OK"}')
    assert app_server.received[0].body == SENT


async def test_failed_callback_is_a_203_and_the_object_stays(oss: OssClient, app_server: AppServer) -> None:
    app_server.status = 500
    upload_id = await example(oss)
    response = await complete(oss, upload_id, *PARTS, headers=callback_headers(app_server.url))
    assert refusal(response) == (203, "CallbackFailed", "0007-00000203")
    assert (response.message, response.headers["etag"]) == ("Error status : 500.", WHOLE_ETAG)
    assert (await oss.get("key")).body == MIN_PART + b"bye"
    assert (await complete(oss, upload_id, *PARTS)).status == 404


async def test_bad_callback_is_refused_and_the_upload_stays_usable(oss: OssClient, app_server: AppServer) -> None:
    upload_id = await example(oss)
    bad = callback_headers(app_server.url, callbackBodyType="text/plain")
    response = await complete(oss, upload_id, *PARTS, headers=bad)
    assert (response.status, response.code) == (400, "InvalidArgument")
    assert extras(response)["ArgumentName"] == "callback"
    assert (await oss.get("key")).status == 404
    assert app_server.received == []
    assert (await complete(oss, upload_id, *PARTS)).status == 200


async def test_refused_completion_calls_nobody_back(oss: OssClient, app_server: AppServer) -> None:
    upload_id = await example(oss)
    headers = callback_headers(app_server.url)
    assert (await complete(oss, upload_id, (1, BYE_ETAG), headers=headers)).status == 400
    await oss.put("key", b"old")
    forbidding = {**headers, "x-oss-forbid-overwrite": "true"}
    assert (await complete(oss, upload_id, *PARTS, headers=forbidding)).status == 409
    assert app_server.received == []
    assert json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"] == []


async def test_callback_where_none_is_taken_is_ignored_with_a_warning(
    oss: OssClient, app_server: AppServer, caplog: pytest.LogCaptureFixture
) -> None:
    headers = callback_headers(app_server.url)
    query = f"callback={headers['x-oss-callback']}"
    upload_id = await initiate(oss)
    requests = [
        ("InitiateMultipartUpload", "POST", "key?uploads", headers, None),
        ("UploadPart", "PUT", f"key?partNumber=1&uploadId={upload_id}", headers, b"x"),
        ("UploadPart", "PUT", f"key?partNumber=1&uploadId={upload_id}&{query}", {}, b"x"),
        ("AppendObject", "POST", "log?append&position=0", headers, b"x"),
        ("CopyObject", "PUT", "copy", {**headers, "x-oss-copy-source": "/examplebucket/log"}, None),
        ("AbortMultipartUpload", "DELETE", f"key?uploadId={upload_id}", {"x-oss-callback": "not even base64"}, None),
    ]
    for operation, method, target, sent, body in requests:
        caplog.clear()
        response = await oss.request(method, f"/examplebucket/{target}", headers=sent, body=body)
        assert response.status in (200, 204), (operation, response.body)
        assert f"{operation} takes no callback" in caplog.text
    assert app_server.received == []
