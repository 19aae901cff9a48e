"""Versions on the wire: what each operation does and says in a bucket that keeps them."""

import base64

import pytest
from msgspec import structs

from emulator.config import Auth
from emulator.model import Acl, ObjectAttributes, Versioning
from tests.client import OssClient, Response
from tests.conftest import MakeOss

WELL_FORMED = "CAEQNRiBgIDyz.6C0BYiIGQ2NWEwNmVhNTA3ZTQ3MzM5ODliYjM1ZTdjYjA4MDE1"
ID, MARKER = "x-oss-version-id", "x-oss-delete-marker"


async def set_versioning(oss: OssClient, status: str) -> Response:
    document = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"
    return await oss.request("PUT", "/examplebucket?versioning", body=document)


@pytest.fixture
async def versioned(oss: OssClient) -> OssClient:
    """A client of an emulator whose bucket keeps versions."""
    assert (await set_versioning(oss, "Enabled")).status == 200
    return oss


async def versions(oss: OssClient, query: str = "") -> list[tuple[str, str, str, str]]:
    """What a page lists: element, key, version id and whether it is the latest."""
    answer = await oss.request("GET", f"/examplebucket?versions&{query}")
    assert answer.status == 200
    names = ("Key", "VersionId", "IsLatest")
    return [
        (entry.tag, *(entry.findtext(name) for name in names))
        for entry in answer.xml
        if entry.tag in ("Version", "DeleteMarker")
    ]


# --- The bucket's state -----------------------------------------------------------------------------------------------


async def test_versioning_goes_on_and_off_and_never_back_to_none(oss: OssClient):
    async def state() -> bytes:
        return (await oss.request("GET", "/examplebucket?versioning")).body.partition(b"\n")[2]

    assert await state() == b"<VersioningConfiguration></VersioningConfiguration>\n"
    for status in ("Enabled", "Suspended", "Enabled"):
        answer = await set_versioning(oss, status)
        assert (answer.status, answer.body) == (200, b"")
        expected = f"<VersioningConfiguration>\n  <Status>{status}</Status>\n</VersioningConfiguration>\n"
        assert await state() == expected.encode()
        info = await oss.request("GET", "/examplebucket?bucketInfo")
        assert info.texts("Bucket/Versioning") == [status]


@pytest.mark.parametrize(
    ("document", "code", "message"),
    [
        pytest.param("", "MalformedXML", None, id="empty"),
        pytest.param("<Versioning/>", "MalformedXML", None, id="another root"),
        pytest.param(
            "<VersioningConfiguration/>", "InvalidArgument", "The Versioning element must be specified.", id="no status"
        ),
        pytest.param(
            "<VersioningConfiguration><Status>On</Status></VersioningConfiguration>",
            "MalformedXML",
            None,
            id="no such status",
        ),
    ],
)
async def test_versioning_that_is_none_is_refused(oss: OssClient, document: str, code: str, message: str | None):
    answer = await oss.request("PUT", "/examplebucket?versioning", body=document)
    assert (answer.status, answer.code) == (400, code)
    assert message in (None, answer.message)
    assert b"Status" not in (await oss.request("GET", "/examplebucket?versioning")).body


async def test_versioning_of_a_missing_bucket(oss: OssClient):
    for method in ("GET", "PUT"):
        assert (await oss.request(method, "/missing-bucket?versioning")).code == "NoSuchBucket"


# --- Writing and reading ----------------------------------------------------------------------------------------------


async def test_header_of_the_version_is_there_once_the_bucket_keeps_versions(oss: OssClient):
    assert ID not in (await oss.put("a", "old")).headers
    assert ID not in (await oss.get("a")).headers
    await set_versioning(oss, "Enabled")
    assert (await oss.get("a")).headers[ID] == "null"
    new = (await oss.put("a", "new")).headers[ID]
    assert len(new) == 64
    for method in ("GET", "HEAD"):
        assert (await oss.request(method, "/examplebucket/a")).headers[ID] == new
    assert (await oss.request("HEAD", "/examplebucket/a?objectMeta")).headers[ID] == new
    assert (await oss.get("a?versionId=null")).body == b"old"
    assert (await oss.request("HEAD", "/examplebucket/a?objectMeta&versionId=null")).headers[ID] == "null"
    await set_versioning(oss, "Suspended")
    assert (await oss.put("a", "third")).headers[ID] == "null"
    assert (await oss.get(f"a?versionId={new}")).body == b"new"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_deleted_object_shows_its_marker(versioned: OssClient, method: str):
    await versioned.put("a")
    marker = (await versioned.request("DELETE", "/examplebucket/a")).headers[ID]
    hidden = await versioned.request(method, "/examplebucket/a")
    assert (hidden.status, hidden.headers[MARKER], hidden.headers[ID]) == (404, "true", marker)
    named = await versioned.request(method, f"/examplebucket/a?versionId={marker}")
    assert (named.status, named.headers[MARKER], named.headers[ID]) == (405, "true", marker)
    assert named.headers["allow"] == "DELETE"
    document = named.body if method == "GET" else base64.b64decode(named.headers["x-oss-err"])
    assert b"<Code>MethodNotAllowed</Code>" in document
    assert f"<Method>{method}</Method>".encode() in document
    assert b"<ResourceType>DeleteMarker</ResourceType>" in document


@pytest.mark.parametrize("target", ["a?versionId=ID", "a?acl&versionId=ID"], ids=["GetObject", "GetObjectACL"])
@pytest.mark.parametrize(
    ("version_id", "status", "code", "message"),
    [
        pytest.param("", 400, "InvalidArgument", "Version id can not be the empty string.", id="empty"),
        pytest.param("234", 400, "InvalidArgument", "Invalid version id specified.", id="malformed"),
        pytest.param(WELL_FORMED, 404, "NoSuchVersion", "The specified version does not exist.", id="unknown"),
        pytest.param("null", 404, "NoSuchVersion", "The specified version does not exist.", id="no null version"),
    ],
)
async def test_version_that_there_is_not(
    versioned: OssClient, target: str, version_id: str, status: int, code: str, message: str
):
    await versioned.put("a")
    answer = await versioned.get(target.replace("ID", version_id))
    assert (answer.status, answer.code, answer.message) == (status, code, message)


async def test_forbid_overwrite_means_nothing_where_nothing_is_overwritten(versioned: OssClient):
    for status in ("Enabled", "Suspended"):
        await set_versioning(versioned, status)
        for _ in range(2):
            assert (await versioned.put("a", "x", headers={"x-oss-forbid-overwrite": "true"})).status == 200


async def test_copies_name_the_versions_of_both_sides(versioned: OssClient):
    old = (await versioned.put("a", "old")).headers[ID]
    await versioned.put("a", "new")
    source = {"x-oss-copy-source": f"/examplebucket/a?versionId={old}"}
    copied = await versioned.request("PUT", "/examplebucket/b", headers=source)
    assert copied.headers["x-oss-copy-source-version-id"] == old
    assert (await versioned.get(f"b?versionId={copied.headers[ID]}")).body == b"old"
    again = await versioned.request("PUT", "/examplebucket/a", headers=source)  # the old version comes up as a new one
    assert again.headers[ID] not in (old, copied.headers[ID])
    assert (await versioned.get("a")).body == b"old"
    assert len(await versions(versioned, "prefix=a")) == 3


async def test_delete_marker_is_no_source_of_a_copy(versioned: OssClient):
    marker = (await versioned.request("DELETE", "/examplebucket/a")).headers[ID]
    for source, status, code, ec in (
        ("a", 404, "NoSuchKey", "0026-00000001"),
        (f"a?versionId={marker}", 400, "InvalidArgument", "0016-00000307"),
    ):
        headers = {"x-oss-copy-source": f"/examplebucket/{source}"}
        answer = await versioned.request("PUT", "/examplebucket/b", headers=headers)
        assert (answer.status, answer.code, answer.xml.findtext("EC")) == (status, code, ec)


async def test_completed_upload_and_appended_object_name_their_version(versioned: OssClient):
    begun = await versioned.request("POST", "/examplebucket/m?uploads")
    upload = begun.xml.findtext("UploadId")
    etag = (await versioned.put(f"m?partNumber=1&uploadId={upload}", "part")).headers["etag"]
    parts = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
    completed = await versioned.request(
        "POST",
        f"/examplebucket/m?uploadId={upload}",
        body=f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>",
    )
    assert len(completed.headers[ID]) == 64
    for position in (0, 1):
        appended = await versioned.request("POST", f"/examplebucket/log?append&position={position}", body="x")
        assert appended.headers[ID] == "null"
    assert [entry[2] for entry in await versions(versioned, "prefix=log")] == ["null"]


async def test_acl_is_that_of_a_version(versioned: OssClient):
    old = (await versioned.put("a", "old")).headers[ID]
    await versioned.put("a", "new")
    answer = await versioned.request(
        "PUT", f"/examplebucket/a?acl&versionId={old}", headers={"x-oss-object-acl": "public-read"}
    )
    assert (answer.status, answer.headers[ID]) == (200, old)
    grants = [
        (await versioned.get(f"a?acl{query}")).texts("AccessControlList/Grant") for query in ("", f"&versionId={old}")
    ]
    assert grants == [["default"], ["public-read"]]


async def test_who_does_not_sign_may_read_the_public_version_alone(make_oss: MakeOss):
    oss = await make_oss(auth=Auth())
    store = oss.emulator.context.store
    await store.buckets.update("examplebucket", lambda each: structs.replace(each, versioning=Versioning.ENABLED))
    for acl in (Acl.PUBLIC_READ, Acl.PRIVATE):
        async with store.stage(b"body", limit=4) as staged:
            await staged.commit("examplebucket", "a", attributes=ObjectAttributes(acl=acl))
    entries = store.versions.page(
        "examplebucket", prefix="", delimiter="", key_marker="", id_marker="", limit=2
    ).entries
    private, public = [each.version_id for each in entries]
    targets = ("a", f"a?versionId={private}", f"a?versionId={public}", f"a?versionId={WELL_FORMED}")
    assert [(await oss.get(target)).status for target in targets] == [403, 403, 200, 403]


# --- Deleting ---------------------------------------------------------------------------------------------------------


async def test_delete_says_what_it_did(versioned: OssClient):
    version = (await versioned.put("a")).headers[ID]

    async def delete(query: str = "") -> tuple[int, str | None, str | None]:
        answer = await versioned.request("DELETE", f"/examplebucket/a{query}")
        return answer.status, answer.headers.get(MARKER), answer.headers.get(ID)

    status, made, marker = await delete()
    assert (status, made) == (204, "true")
    assert len(marker or "") == 64
    assert await delete(f"?versionId={marker}") == (204, "true", marker)
    assert (await versioned.get("a")).status == 200
    assert await delete(f"?versionId={version}") == (204, None, version)
    assert await delete(f"?versionId={WELL_FORMED}") == (204, None, WELL_FORMED)
    assert await versions(versioned) == []
    await set_versioning(versioned, "Suspended")
    assert await delete() == (204, "true", "null")
    assert await delete() == (204, "true", "null")
    assert await versions(versioned) == [("DeleteMarker", "a", "null", "true")]


async def test_many_versions_are_deleted_with_one_request(versioned: OssClient):
    first, second = [(await versioned.put("a", body)).headers[ID] for body in ("1", "2")]
    entries = f"<Object><Key>a</Key><VersionId>{first}</VersionId></Object><Object><Key>a</Key></Object>"
    answer = await versioned.request("POST", "/examplebucket?delete", body=f"<Delete>{entries}</Delete>")
    erased, marked = answer.xml.findall("Deleted")
    assert [(each.tag, each.text) for each in erased] == [("Key", "a"), ("VersionId", first)]
    assert [each.tag for each in marked] == ["Key", "DeleteMarker", "DeleteMarkerVersionId"]
    marker = marked.findtext("DeleteMarkerVersionId")
    assert await versions(versioned) == [
        ("DeleteMarker", "a", marker, "true"),
        ("Version", "a", second, "false"),
    ]
    entries = "".join(f"<Object><Key>a</Key><VersionId>{each}</VersionId></Object>" for each in (marker, second))
    answer = await versioned.request("POST", "/examplebucket?delete", body=f"<Delete>{entries}</Delete>")
    assert [(each.findtext("DeleteMarker"), each.findtext("DeleteMarkerVersionId")) for each in answer.xml] == [
        ("true", marker),
        (None, None),
    ]
    assert (await versioned.request("DELETE", "/examplebucket")).status == 204


async def test_bucket_with_versions_alone_is_not_deleted(versioned: OssClient):
    await versioned.request("DELETE", "/examplebucket/a")
    refused = await versioned.request("DELETE", "/examplebucket")
    assert (refused.status, refused.code) == (409, "BucketNotEmpty")
    assert (await versioned.request("GET", "/examplebucket?stat")).texts("DeleteMarkerCount") == ["1"]


# --- Listing ----------------------------------------------------------------------------------------------------------


async def test_list_object_versions_to_the_letter(versioned: OssClient):
    version = (await versioned.put("example", "hello")).headers[ID]
    marker = (await versioned.request("DELETE", "/examplebucket/example")).headers[ID]
    await versioned.put("other")
    answer = await versioned.request("GET", "/examplebucket?versions&max-keys=2&encoding-type=url")
    text = answer.body.decode()
    owner = "<Owner>\n      <ID>1234567890123456</ID>\n      <DisplayName>1234567890123456</DisplayName>\n    </Owner>"
    dates = answer.texts("*/LastModified")
    assert text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListVersionsResult>\n'
        "  <Name>examplebucket</Name>\n  <Prefix></Prefix>\n  <KeyMarker></KeyMarker>\n"
        "  <VersionIdMarker></VersionIdMarker>\n  <MaxKeys>2</MaxKeys>\n  <Delimiter></Delimiter>\n"
        "  <EncodingType>url</EncodingType>\n  <IsTruncated>true</IsTruncated>\n"
        f"  <NextKeyMarker>example</NextKeyMarker>\n  <NextVersionIdMarker>{version}</NextVersionIdMarker>\n"
        f"  <DeleteMarker>\n    <Key>example</Key>\n    <VersionId>{marker}</VersionId>\n"
        f"    <IsLatest>true</IsLatest>\n    <LastModified>{dates[0]}</LastModified>\n    {owner}\n  </DeleteMarker>\n"
        f"  <Version>\n    <Key>example</Key>\n    <VersionId>{version}</VersionId>\n    <IsLatest>false</IsLatest>\n"
        f'    <LastModified>{dates[1]}</LastModified>\n    <ETag>"5D41402ABC4B2A76B9719D911017C592"</ETag>\n'
        "    <Type>Normal</Type>\n    <Size>5</Size>\n    <StorageClass>Standard</StorageClass>\n"
        f"    {owner}\n  </Version>\n</ListVersionsResult>\n"
    )


async def test_bucket_without_versioning_lists_its_objects_as_versions(oss: OssClient):
    await oss.put("a")
    assert await versions(oss, "key-marker=&version-id-marker=") == [("Version", "a", "null", "true")]


@pytest.mark.parametrize("max_keys", [1, 2, 3, 100])
async def test_pages_of_versions_follow_each_other(versioned: OssClient, max_keys: int):
    for key in ("a", "a", "dir/1", "dir/1", "dir/2", "e"):
        await versioned.put(key)
    await versioned.request("DELETE", "/examplebucket/e")
    listed: list[str] = []
    query = f"max-keys={max_keys}&delimiter=/"
    markers = ""
    while True:
        page = await versioned.request("GET", f"/examplebucket?versions&{query}{markers}")
        keys = page.texts("Version/Key") + page.texts("DeleteMarker/Key") + page.texts("CommonPrefixes/Prefix")
        assert len(keys) <= max_keys
        listed += keys
        if page.texts("IsTruncated") == ["false"]:
            break
        (key,), (version_id,) = page.texts("NextKeyMarker"), page.texts("NextVersionIdMarker")
        markers = f"&key-marker={key}&version-id-marker={version_id}"
    assert sorted(listed) == ["a", "a", "dir/", "e", "e"]


@pytest.mark.parametrize(
    ("query", "ec"),
    [
        ("max-keys=0", "0012-00000102"),
        ("max-keys=1001", "0012-00000102"),
        (f"version-id-marker={WELL_FORMED}", None),
        ("key-marker=a&version-id-marker=234", None),
        ("encoding-type=base64", None),
    ],
)
async def test_listing_of_versions_that_is_refused(oss: OssClient, query: str, ec: str | None):
    answer = await oss.request("GET", f"/examplebucket?versions&{query}")
    assert (answer.status, answer.code, answer.xml.findtext("EC")) == (400, "InvalidArgument", ec)
