import asyncio
from urllib.parse import quote

import pytest

from emulator.config import Auth, Limits
from emulator.model import Acl
from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss
from tests.operations.uploads import A_ETAG, MIN_PART, complete, example, initiate

HELLO_ETAG = '"5D41402ABC4B2A76B9719D911017C592"'
HELLO_CRC64 = "11177612005948864433"
FORM = "Copy Source must mention the source bucket and key: /sourcebucket/sourcekey."


async def copy(oss: OssClient, source: str, target: str = "copy", *, query: str = "", **headers: str) -> Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await oss.request("PUT", f"/examplebucket/{target}{query}", headers={"x-oss-copy-source": source, **fields})


def described(response: Response) -> dict[str, str]:
    """What an answer says about the object itself."""
    names = ("content-type", "cache-control", "content-language", "x-oss-meta-owner", "x-oss-meta-new")
    return {name: response.headers[name] for name in (*names, "x-oss-tagging-count") if name in response.headers}


@pytest.fixture
async def hello(oss: OssClient) -> OssClient:
    """A client of an emulator that has the object `hello.txt`, about which something is said."""
    await oss.put(
        "hello.txt",
        b"hello",
        Content_Type="text/plain",
        Cache_Control="no-cache",
        x_oss_meta_owner="me",
        x_oss_tagging="a=1&b=2",
        x_oss_object_acl="public-read",
        x_oss_storage_class="IA",
        x_oss_server_side_encryption="AES256",
    )
    return oss


async def test_answer_has_etag_time_crc_and_size(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock)
    await oss.put("hello.txt", b"hello")
    clock.step(60)
    response = await copy(oss, "/examplebucket/hello.txt")
    assert (response.status, response.headers["content-type"]) == (200, "application/xml")
    assert response.xml.tag == "CopyObjectResult"
    assert [(element.tag, element.text) for element in response.xml] == [
        ("ETag", HELLO_ETAG),
        ("LastModified", "2024-06-01T12:01:00.000Z"),
    ]
    for name, value in {
        "etag": HELLO_ETAG,
        "x-oss-hash-crc64ecma": HELLO_CRC64,
        "x-oss-copied-size": "5",
        "x-oss-ia-retrieve-flow-type": "0",
    }.items():
        assert response.headers[name] == value
    got = await oss.get("copy")
    assert (got.body, got.headers["last-modified"]) == (b"hello", "Sat, 01 Jun 2024 12:01:00 GMT")
    assert got.headers["content-md5"] == "XUFAKrxLKna5cZ2REBfFkg=="


OF_SOURCE = {"content-type": "text/plain", "cache-control": "no-cache", "x-oss-meta-owner": "me"}
ASKED = {"Content_Language": "zh-CN", "x_oss_meta_new": "1", "x_oss_tagging": "c=3"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, {**OF_SOURCE, "x-oss-tagging-count": "2"}, id="by default"),
        pytest.param(ASKED, {**OF_SOURCE, "x-oss-tagging-count": "2"}, id="what is said is ignored"),
        pytest.param(
            {**ASKED, "x_oss_metadata_directive": "COPY", "x_oss_tagging_directive": "Copy"},
            {**OF_SOURCE, "x-oss-tagging-count": "2"},
            id="COPY",
        ),
        pytest.param(
            {**ASKED, "x_oss_metadata_directive": "REPLACE"},
            {
                "content-type": "application/octet-stream",
                "content-language": "zh-CN",
                "x-oss-meta-new": "1",
                "x-oss-tagging-count": "2",
            },
            id="REPLACE",
        ),
        pytest.param(
            {"x_oss_metadata_directive": "replace"},
            {"content-type": "application/octet-stream", "x-oss-tagging-count": "2"},
            id="replaced by nothing",
        ),
        pytest.param(
            {**ASKED, "x_oss_tagging_directive": "Replace"},
            {**OF_SOURCE, "x-oss-tagging-count": "1"},
            id="tags replaced",
        ),
        pytest.param({"x_oss_tagging_directive": "REPLACE"}, OF_SOURCE, id="tags replaced by none"),
        pytest.param({"x_oss_tagging": "a=1&a=2"}, {**OF_SOURCE, "x-oss-tagging-count": "2"}, id="bad tags ignored"),
    ],
)
async def test_directives_say_whose_metadata_and_tags_count(
    headers: dict[str, str], expected: dict[str, str], hello: OssClient
) -> None:
    assert (await copy(hello, "/examplebucket/hello.txt", **headers)).status == 200
    assert described(await hello.get("copy")) == expected


@pytest.mark.parametrize("name", ["x-oss-metadata-directive", "x-oss-tagging-directive"])
async def test_unknown_directive_is_refused(name: str, hello: OssClient) -> None:
    response = await copy(hello, "/examplebucket/hello.txt", **{name: "MOVE"})
    assert (response.status, response.code) == (400, "InvalidArgument")
    assert (response.texts("ArgumentName"), response.texts("ArgumentValue")) == ([name], ["MOVE"])


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"x_oss_storage_class": "Attic"}, id="class"),
        pytest.param({"x_oss_object_acl": "secret"}, id="ACL"),
        pytest.param({"x_oss_forbid_overwrite": "maybe"}, id="neither"),
        pytest.param({"x_oss_tagging_directive": "Replace", "x_oss_tagging": "a=1&a=2"}, id="tags"),
        pytest.param({"x_oss_metadata_directive": "REPLACE", "x_oss_meta_a": "a" * 9000}, id="metadata"),
    ],
)
async def test_bad_words_about_the_copy_are_refused(headers: dict[str, str], hello: OssClient) -> None:
    response = await copy(hello, "/examplebucket/hello.txt", **headers)
    assert (response.status, response.code) == (400, "InvalidArgument")
    assert (await hello.get("copy")).status == 404


async def test_acl_class_and_encryption_are_not_copied(hello: OssClient) -> None:
    await copy(hello, "/examplebucket/hello.txt")
    response = await hello.get("copy")
    assert response.headers["x-oss-storage-class"] == "Standard"
    assert "x-oss-server-side-encryption" not in response.headers
    assert (await hello.request("GET", "/examplebucket/copy?acl")).texts("AccessControlList/Grant") == ["default"]


async def test_acl_class_and_encryption_can_be_asked_for(hello: OssClient) -> None:
    response = await copy(
        hello,
        "/examplebucket/hello.txt",
        x_oss_object_acl="private",
        x_oss_storage_class="Archive",
        x_oss_server_side_encryption="SM4",
    )
    assert response.headers["x-oss-server-side-encryption"] == "SM4"
    head = await hello.request("HEAD", "/examplebucket/copy")
    assert head.headers["x-oss-storage-class"] == "Archive"
    assert (await hello.request("GET", "/examplebucket/copy?acl")).texts("AccessControlList/Grant") == ["private"]


async def test_copy_into_another_bucket_has_that_buckets_class(hello: OssClient) -> None:
    body = "<CreateBucketConfiguration><StorageClass>IA</StorageClass></CreateBucketConfiguration>"
    await hello.request("PUT", "/other-bucket", body=body)
    response = await hello.request(
        "PUT", "/other-bucket/copy", headers={"x-oss-copy-source": "/examplebucket/hello.txt"}
    )
    assert response.status == 200
    response = await hello.request("GET", "/other-bucket/copy")
    assert (response.body, response.headers["x-oss-storage-class"]) == (b"hello", "IA")


async def test_taken_key_is_left_alone_when_overwriting_is_forbidden(hello: OssClient) -> None:
    await hello.put("copy", b"old")
    response = await copy(hello, "/examplebucket/hello.txt", x_oss_forbid_overwrite="true")
    assert (response.status, response.code, response.headers["x-oss-ec"]) == (409, "FileAlreadyExists", "0026-00000002")
    assert (await hello.get("copy")).body == b"old"
    assert (await copy(hello, "/examplebucket/hello.txt", "new", x_oss_forbid_overwrite="true")).status == 200


# --- Onto itself ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, {**OF_SOURCE, "x-oss-tagging-count": "2"}, id="nothing said"),
        pytest.param(
            {"x_oss_meta_new": "1", "x_oss_metadata_directive": "COPY"},
            {"content-type": "application/octet-stream", "x-oss-meta-new": "1", "x-oss-tagging-count": "2"},
            id="what is said counts whatever the directive",
        ),
        pytest.param(
            {"x_oss_tagging": "c=3", "x_oss_tagging_directive": "Replace"},
            {**OF_SOURCE, "x-oss-tagging-count": "1"},
            id="tags alone",
        ),
    ],
)
async def test_copy_onto_itself_changes_what_is_said(
    headers: dict[str, str], expected: dict[str, str], hello: OssClient
) -> None:
    response = await copy(hello, "/examplebucket/hello.txt", "hello.txt", **headers)
    assert (response.status, response.headers["etag"]) == (200, HELLO_ETAG)
    got = await hello.get("hello.txt")
    assert (got.body, got.headers["etag"], got.headers["x-oss-hash-crc64ecma"]) == (b"hello", HELLO_ETAG, HELLO_CRC64)
    assert described(got) == expected


async def test_copy_onto_itself_is_a_change_of_now(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock)
    await oss.put("a", b"hello")
    clock.step(60)
    await copy(oss, "/examplebucket/a", "a")
    assert (await oss.get("a")).headers["last-modified"] == "Sat, 01 Jun 2024 12:01:00 GMT"


async def test_copying_onto_itself_again_and_again_keeps_the_bytes(hello: OssClient) -> None:
    for _ in range(20):
        assert (await copy(hello, "/examplebucket/hello.txt", "hello.txt")).status == 200
    assert (await hello.get("hello.txt")).body == b"hello"


# --- Objects of other types -----------------------------------------------------------------------------------------


async def test_copy_of_a_growing_object_is_normal_and_stays_as_it_was(oss: OssClient) -> None:
    await oss.request("POST", "/examplebucket/log?append&position=0", body=b"hello")
    response = await copy(oss, "/examplebucket/log")
    assert (response.headers["etag"], response.headers["x-oss-hash-crc64ecma"]) == (HELLO_ETAG, HELLO_CRC64)
    await oss.request("POST", "/examplebucket/log?append&position=5", body=b" world")
    got = await oss.get("copy")
    assert (got.body, got.headers["x-oss-object-type"]) == (b"hello", "Normal")
    refused = await oss.request("POST", "/examplebucket/copy?append&position=5", body=b"x")
    assert refused.code == "ObjectNotAppendable"


@pytest.mark.guess
async def test_copy_of_an_object_of_parts_keeps_its_etag(oss: OssClient) -> None:
    done = await complete(oss, await example(oss, "whole"), key="whole")
    assert done.status == 200
    response = await copy(oss, "/examplebucket/whole")
    assert response.headers["etag"] == '"8597C2053A954A8092AF72D758BD72AE-2"'
    got = await oss.get("copy")
    assert got.body == MIN_PART + b"bye"
    assert (got.headers["x-oss-object-type"], got.headers["x-oss-hash-crc64ecma"]) == (
        "Multipart",
        "12709646343267744422",
    )


# --- The source -----------------------------------------------------------------------------------------------------

KEYS = [
    "a b",
    "a+b",
    "a%b",
    "a?b",
    "a#b&c=d",
    "dir/a//b",
    "阿里云/加油/:?;@&=+$, /<>{}[]|/",
    "\U0001f600",
    "a%2Fb",
    "a\\b",
]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("safe", ["/", ""], ids=["slashes as they are", "slashes encoded"])
async def test_key_of_the_source_is_decoded_once(key: str, safe: str, oss: OssClient) -> None:
    await oss.put(quote(key, safe="/"), b"hello")
    assert (await copy(oss, f"/examplebucket/{quote(key, safe=safe)}")).status == 200
    assert (await oss.get("copy")).body == b"hello"


@pytest.mark.parametrize(
    ("source", "key"),
    [
        pytest.param("/examplebucket/a+b", "a b", id="plus is a space"),
        pytest.param("/examplebucket/测试&=", "测试&=", id="nothing encoded"),
        pytest.param("/examplebucket%2Fa", "a", id="first slash encoded"),
        pytest.param("/examplebucket/a?versionId=null", "a", id="the version that there is"),
    ],
)
async def test_source_is_read_as_clients_spell_it(source: str, key: str, oss: OssClient) -> None:
    await oss.put(quote(key, safe="/"), b"hello")
    assert (await copy(oss, source)).status == 200


@pytest.mark.parametrize(
    ("source", "status", "code", "ec"),
    [
        pytest.param("", 400, "InvalidArgument", None, id="empty"),
        pytest.param("examplebucket/hello.txt", 400, "InvalidArgument", None, id="no slash before it"),
        pytest.param("/examplebucket", 400, "InvalidArgument", None, id="no key"),
        pytest.param("/examplebucket/", 400, "InvalidArgument", None, id="empty key"),
        pytest.param("//hello.txt", 400, "InvalidArgument", None, id="no bucket"),
        pytest.param("/examplebucket/hello.txt?a=b", 400, "InvalidArgument", "0016-00000304", id="unknown parameter"),
        pytest.param(
            "/examplebucket/hello.txt?versionId=", 400, "InvalidArgument", "0016-00000305", id="empty version id"
        ),
        pytest.param("/examplebucket/hello.txt?versionId=234", 400, "InvalidArgument", None, id="no version id"),
        pytest.param(
            "/examplebucket/hello.txt?versionId=CAEQNRiBgIDyz.6C0BYiIGQ2NWEwNmVhNTA3ZTQ3MzM5ODliYjM1ZTdjYjA4MDE1",
            404,
            "NoSuchVersion",
            None,
            id="unknown version",
        ),
        pytest.param("/examplebucket/missing", 404, "NoSuchKey", "0026-00000001", id="no such object"),
        pytest.param("/missing-bucket/hello.txt", 404, "NoSuchBucket", "0015-00000101", id="no such bucket"),
        pytest.param("/NO_BUCKET/hello.txt", 404, "NoSuchBucket", None, id="no name of a bucket"),
        pytest.param("/examplebucket/%ff", 400, "InvalidObjectName", None, id="not UTF-8"),
    ],
)
async def test_source_that_cannot_be_is_refused(
    source: str, status: int, code: str, ec: str | None, hello: OssClient
) -> None:
    response = await copy(hello, source)
    assert (response.status, response.code) == (status, code)
    assert ec is None or response.headers["x-oss-ec"] == ec
    if code == "InvalidArgument" and "?" not in source:
        assert (response.message, response.texts("ArgumentName")) == (FORM, ["x-oss-copy-source"])
        assert response.texts("ArgumentValue") == [source]
    if code == "NoSuchKey":
        assert response.texts("Key") == ["missing"]
    if code == "NoSuchBucket":
        assert response.texts("BucketName") == [source.split("/")[1]]
    assert (await hello.get("copy")).status == 404


OLD, NEW = "Thu, 01 Jan 2015 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"


@pytest.mark.parametrize(
    ("name", "value", "status", "condition"),
    [
        pytest.param("if-match", HELLO_ETAG, 200, None, id="matches"),
        pytest.param("if-match", HELLO_ETAG.strip('"').lower(), 200, None, id="matches however spelt"),
        pytest.param("if-match", A_ETAG, 412, "If-Match", id="does not match"),
        pytest.param("if-none-match", A_ETAG, 200, None, id="matches none"),
        pytest.param("if-none-match", HELLO_ETAG, 304, None, id="matches one"),
        pytest.param("if-modified-since", OLD, 200, None, id="modified"),
        pytest.param("if-modified-since", NEW, 304, None, id="not modified"),
        pytest.param("if-unmodified-since", NEW, 200, None, id="unmodified"),
        pytest.param("if-unmodified-since", OLD, 412, "If-Unmodified-Since", id="not unmodified"),
        pytest.param("if-modified-since", "yesterday", 200, None, id="no date"),
    ],
)
@pytest.mark.parametrize("query", ["", "?partNumber=1&uploadId={id}"], ids=["CopyObject", "UploadPartCopy"])
async def test_preconditions_are_about_the_source(
    name: str, value: str, status: int, condition: str | None, query: str, hello: OssClient
) -> None:
    upload_id = await initiate(hello, "copy")
    response = await copy(
        hello, "/examplebucket/hello.txt", query=query.format(id=upload_id), **{f"x-oss-copy-source-{name}": value}
    )
    assert response.status == status
    if status == 304:
        assert response.body == b""
    if condition:
        assert response.code == "PreconditionFailed"
        assert response.texts("Condition") == [condition]


async def test_what_ali_oss_sends_beside_it_is_ignored(hello: OssClient) -> None:
    response = await copy(
        hello,
        "/examplebucket/hello.txt",
        If_Match="nonsense",
        If_None_Match=HELLO_ETAG,
        If_Modified_Since=NEW,
        If_Unmodified_Since=OLD,
        x_oss_copy_source_cache_control="no-cache",
    )
    assert response.status == 200


async def test_source_that_is_replaced_or_deleted_meanwhile_is_copied_whole(oss: OssClient) -> None:
    bodies = [bytes([97 + number]) * (100 + 150_000 * (number % 2)) for number in range(8)]
    await oss.put("source", bodies[0])

    async def change() -> None:
        for number in range(24):
            await oss.put("source", bodies[number % 8])
            if number % 5 == 4:
                await oss.request("DELETE", "/examplebucket/source")

    async def take(name: str) -> None:
        for _ in range(24):
            answer = await copy(oss, "/examplebucket/source", name)
            assert (answer.status, answer.code) in ((200, None), (404, "NoSuchKey"))
            if answer.status == 200:
                got = await oss.get(name)
                assert got.body in bodies
                assert got.headers["etag"] == answer.headers["etag"]

    await asyncio.gather(change(), take("one"), take("two"), take("three"))


async def test_copies_and_their_source_go_their_own_ways(hello: OssClient) -> None:
    await copy(hello, "/examplebucket/hello.txt", "one")
    await copy(hello, "/examplebucket/one", "two")
    await hello.request("DELETE", "/examplebucket/hello.txt")
    await hello.put("one", b"new")
    assert ((await hello.get("one")).body, (await hello.get("two")).body) == (b"new", b"hello")


# --- Who may --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source_acl", "target_acl", "is_allowed"),
    [
        (Acl.PUBLIC_READ, Acl.PUBLIC_READ_WRITE, True),
        (Acl.PRIVATE, Acl.PUBLIC_READ_WRITE, False),
        (Acl.PUBLIC_READ, Acl.PUBLIC_READ, False),
    ],
)
@pytest.mark.parametrize("query", ["", "?partNumber=1&uploadId={id}"], ids=["CopyObject", "UploadPartCopy"])
async def test_anonymous_client_must_be_let_read_the_source_and_write_the_copy(
    source_acl: Acl, target_acl: Acl, is_allowed: bool, query: str, make_oss: MakeOss
) -> None:
    owner = await make_oss()
    await owner.request("PUT", "/source-bucket", headers={"x-oss-acl": source_acl})
    await owner.request("PUT", "/target-bucket", headers={"x-oss-acl": target_acl})
    await owner.request("PUT", "/source-bucket/a", body=b"hello")
    begun = await owner.request("POST", "/target-bucket/copy?uploads")
    await owner.emulator.stop()
    stranger = await make_oss(auth=Auth())
    response = await stranger.request(
        "PUT",
        f"/target-bucket/copy{query.format(id=begun.texts('UploadId')[0])}",
        headers={"x-oss-copy-source": "/source-bucket/a"},
    )
    assert (response.status, response.code) == ((200, None) if is_allowed else (403, "AccessDenied"))


# --- UploadPartCopy -------------------------------------------------------------------------------------------------


async def copy_part(oss: OssClient, upload_id: str, source: str, number: object = 1, **headers: str) -> Response:
    return await copy(oss, source, "key", query=f"?partNumber={number}&uploadId={upload_id}", **headers)


async def test_part_is_copied_from_an_object(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock)
    await oss.put("hello.txt", b"hello")
    upload_id = await initiate(oss)
    response = await copy_part(oss, upload_id, "/examplebucket/hello.txt", 3)
    assert (response.status, response.headers["content-type"]) == (200, "application/xml")
    assert response.xml.tag == "CopyPartResult"
    assert [(element.tag, element.text) for element in response.xml] == [
        ("LastModified", "2024-06-01T12:00:00.000Z"),
        ("ETag", HELLO_ETAG),
    ]
    for name, value in {
        "etag": HELLO_ETAG,
        "x-oss-hash-crc64ecma": HELLO_CRC64,
        "x-oss-copied-size": "5",
        "x-oss-ia-retrieve-flow-type": "0",
    }.items():
        assert response.headers[name] == value
    assert "content-range" not in response.headers
    await complete(oss, upload_id, (3, HELLO_ETAG))
    assert (await oss.get("key")).body == b"hello"


@pytest.mark.parametrize(
    ("text", "expected", "content_range"),
    [
        pytest.param("bytes=1-3", b"ell", "bytes 1-3/5", id="from to"),
        pytest.param("bytes=2-", b"llo", "bytes 2-4/5", id="from"),
        pytest.param("bytes=0-4", b"hello", None, id="everything"),
        pytest.param("bytes=9-12", b"hello", None, id="beyond the end"),
        pytest.param("bytes=3-1", b"hello", None, id="backwards"),
        pytest.param("chars=1-3", b"hello", None, id="unknown unit"),
        pytest.param("1-3", b"hello", None, id="no unit"),
    ],
)
async def test_range_that_makes_no_sense_means_everything(
    text: str, expected: bytes, content_range: str | None, hello: OssClient
) -> None:
    upload_id = await initiate(hello)
    response = await copy_part(hello, upload_id, "/examplebucket/hello.txt", x_oss_copy_source_range=text)
    assert (response.status, response.headers.get("content-range")) == (200, content_range)
    assert response.headers["x-oss-copied-size"] == str(len(expected))
    await complete(hello, upload_id)
    assert (await hello.get("key")).body == expected


async def test_parts_of_every_type_of_object_make_a_whole(oss: OssClient) -> None:
    await complete(oss, await example(oss, "whole"), key="whole")
    await oss.request("POST", "/examplebucket/log?append&position=0", body=b"log" * 40_000)
    upload_id = await initiate(oss)
    for number, source in enumerate(("whole", "log", "whole"), 1):
        response = await copy_part(oss, upload_id, f"/examplebucket/{source}", number)
        assert len(response.headers["etag"]) == 34, "a part's ETag is its MD5, whatever its source's is"
    await oss.request("POST", "/examplebucket/log?append&position=120000", body=b"more")
    done = await complete(oss, upload_id)
    assert done.headers["etag"].endswith('-3"')
    assert (await oss.get("key")).body == MIN_PART + b"bye" + b"log" * 40_000 + MIN_PART + b"bye"


@pytest.mark.parametrize(
    ("source", "status", "code", "ec"),
    [
        pytest.param("", 400, "InvalidArgument", "0042-00000302", id="empty"),
        pytest.param("hello.txt", 400, "InvalidArgument", "0042-00000301", id="no bucket"),
        pytest.param("/examplebucket/", 400, "InvalidArgument", "0042-00000301", id="no key"),
        pytest.param("/examplebucket/missing", 404, "NoSuchKey", "0026-00000001", id="no such object"),
        pytest.param("/missing-bucket/hello.txt", 404, "NoSuchBucket", "0015-00000101", id="no such bucket"),
    ],
)
async def test_source_of_a_part_that_cannot_be_is_refused(
    source: str, status: int, code: str, ec: str, hello: OssClient
) -> None:
    response = await copy_part(hello, await initiate(hello), source)
    assert (response.status, response.code, response.headers["x-oss-ec"]) == (status, code, ec)
    if code == "InvalidArgument":
        assert response.texts("ArgumentName") == ["x-oss-copy-source"]


async def test_part_is_copied_into_an_upload_that_is_under_way(hello: OssClient) -> None:
    response = await copy_part(hello, "0" * 32, "/examplebucket/hello.txt")
    assert (response.status, response.code, response.headers["x-oss-ec"]) == (404, "NoSuchUpload", "0042-00000311")
    response = await copy_part(hello, await initiate(hello), "/examplebucket/hello.txt", 10_001)
    assert (response.status, response.headers["x-oss-ec"]) == (400, "0017-00000220")


async def test_part_that_would_be_too_large_is_refused(make_oss: MakeOss) -> None:
    oss = await make_oss(limits=Limits(max_object_bytes=len(MIN_PART)))
    await complete(oss, await example(oss, "whole"), key="whole")
    upload_id = await initiate(oss)
    response = await copy_part(oss, upload_id, "/examplebucket/whole")
    assert (response.status, response.code) == (400, "EntityTooLarge")
    assert (
        await copy_part(oss, upload_id, "/examplebucket/whole", x_oss_copy_source_range="bytes=0-102399")
    ).status == 200
