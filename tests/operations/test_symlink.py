from pathlib import Path

import pytest

from emulator import Config
from emulator.config import Auth
from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss
from tests.operations.test_versioning import set_versioning
from tests.operations.uploads import initiate

LINK = "/examplebucket/link?symlink"
OF_TARGET_TXT = '"4D6F333D2BC24FFDDCCA34414A0CB12D"'  # the MD5 of `target.txt`


async def put_link(oss: OssClient, target: str = "target.txt", link: str = "link", **headers: str) -> Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await oss.request(
        "PUT", f"/examplebucket/{link}?symlink", headers={"x-oss-symlink-target": target, **fields}, body=b""
    )


async def test_a_link_says_where_it_leads_and_what_it_is(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock=clock)
    answer = await put_link(oss, x_oss_meta_owner="me", Content_Type="text/plain", x_oss_storage_class="IA")
    assert (answer.status, answer.body) == (200, b"")
    got = await oss.request("GET", LINK)
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "0")
    expected = {
        "x-oss-symlink-target": "target.txt",
        "etag": answer.headers["etag"],
        "last-modified": "Sat, 01 Jun 2024 12:00:00 GMT",
        "content-type": "text/plain",
        "x-oss-meta-owner": "me",
    }
    assert expected.items() <= got.headers.items()


@pytest.mark.guess
async def test_the_etag_of_a_link_is_that_of_its_target_s_name(oss: OssClient) -> None:
    assert (await put_link(oss)).headers["etag"] == OF_TARGET_TXT


@pytest.mark.parametrize(
    ("sent", "key", "said"),
    [
        pytest.param("dir/a.txt", "dir/a.txt", "dir/a.txt", id="plain"),
        pytest.param("dir%2Fa.txt", "dir/a.txt", "dir/a.txt", id="slash encoded"),
        pytest.param("100%25%2Bb", "100%25%2Bb", "100%25%2Bb", id="percent and plus"),
        pytest.param("%E6%B5%8B%E8%AF%95%20x", "%E6%B5%8B%E8%AF%95%20x", "%E6%B5%8B%E8%AF%95%20x", id="Chinese"),
    ],
)
async def test_a_target_is_percent_encoded_once(oss: OssClient, sent: str, key: str, said: str) -> None:
    await oss.put(key, b"hello")
    await put_link(oss, sent)
    assert (await oss.request("GET", LINK)).headers["x-oss-symlink-target"] == said
    assert (await oss.get("link")).body == b"hello"


async def test_reading_a_link_gives_the_bytes_of_its_target_and_the_headers_of_the_link(
    make_oss: MakeOss, clock: HeldClock
) -> None:
    oss = await make_oss(clock=clock)
    await put_link(oss, x_oss_meta_owner="link", Content_Type="text/css", x_oss_tagging="k=v")
    clock.step(60)
    await oss.put("target.txt", b"hello", x_oss_meta_owner="target", Cache_Control="no-cache")
    clock.step(60)
    got = await oss.get("link")
    assert (got.status, got.body) == (200, b"hello")
    expected = {
        "content-length": "5",
        "etag": '"5D41402ABC4B2A76B9719D911017C592"',
        "content-md5": "XUFAKrxLKna5cZ2REBfFkg==",
        "x-oss-hash-crc64ecma": "11177612005948864433",
        "last-modified": "Sat, 01 Jun 2024 12:01:00 GMT",
        "x-oss-object-type": "Symlink",
        "x-oss-meta-owner": "link",
        "content-type": "text/css",
        "x-oss-tagging-count": "1",
    }
    assert expected.items() <= got.headers.items()
    assert "cache-control" not in got.headers
    head = await oss.request("HEAD", "/examplebucket/link")
    assert expected.items() <= head.headers.items()
    part = await oss.get("link", Range="bytes=1-3")
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"ell", "bytes 1-3/5")
    assert (await oss.get("link", If_None_Match='"5D41402ABC4B2A76B9719D911017C592"')).status == 304


async def test_last_modified_of_what_is_read_is_the_later_of_link_and_target(
    make_oss: MakeOss, clock: HeldClock
) -> None:
    oss = await make_oss(clock=clock)
    await oss.put("target.txt", b"hello")
    clock.step(60)
    await put_link(oss)
    assert (await oss.get("link")).headers["last-modified"] == "Sat, 01 Jun 2024 12:01:00 GMT"


async def test_a_link_follows_its_target_as_that_changes(oss: OssClient) -> None:
    await put_link(oss)
    for body in (b"one", b"two"):
        await oss.put("target.txt", body)
        assert (await oss.get("link")).body == body
    await oss.request("DELETE", "/examplebucket/target.txt")
    assert (await oss.get("link")).code == "SymlinkTargetNotExist"


async def test_a_link_to_a_growing_object_is_read_to_its_end(oss: OssClient) -> None:
    await oss.request("POST", "/examplebucket/target.txt?append&position=0", body=b"hello")
    await put_link(oss)
    await oss.request("POST", "/examplebucket/target.txt?append&position=5", body=b" you")
    got = await oss.get("link")
    assert (got.body, got.headers["x-oss-object-type"]) == (b"hello you", "Symlink")
    assert "x-oss-next-append-position" not in got.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("target", "status", "code", "ec"),
    [
        pytest.param("missing", 404, "SymlinkTargetNotExist", "0026-00000012", id="missing"),
        pytest.param("other", 400, "InvalidTargetType", "0026-00000011", id="a link"),
        pytest.param("link", 400, "InvalidTargetType", "0026-00000011", id="itself"),
    ],
)
async def test_a_link_that_leads_to_no_object_cannot_be_read(
    method: str, target: str, status: int, code: str, ec: str, oss: OssClient
) -> None:
    await put_link(oss, "target.txt", "other")
    await put_link(oss, target)
    answer = await oss.request(method, "/examplebucket/link")
    assert (answer.status, answer.headers["x-oss-ec"]) == (status, ec)
    if method == "GET":
        assert answer.code == code
    assert (await oss.request("GET", LINK)).headers["x-oss-symlink-target"] == target
    meta = await oss.request("HEAD", "/examplebucket/link?objectMeta")
    assert (meta.status, meta.headers["content-length"]) == (200, "0")


async def test_object_meta_is_the_link_s_own(oss: OssClient) -> None:
    await oss.put("target.txt", b"hello")
    await put_link(oss)
    meta = await oss.request("HEAD", "/examplebucket/link?objectMeta")
    assert (meta.headers["content-length"], meta.headers["etag"]) == ("0", OF_TARGET_TXT)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({}, "InvalidArgument", id="no target"),
        pytest.param({"x-oss-symlink-target": ""}, "InvalidArgument", id="empty target"),
        pytest.param({"x-oss-symlink-target": "/a"}, "InvalidObjectName", id="leading slash"),
        pytest.param({"x-oss-symlink-target": "%FF"}, "InvalidObjectName", id="not UTF-8"),
        pytest.param({"x-oss-symlink-target": "a" * 1024}, "InvalidObjectName", id="too long"),
        pytest.param({"x-oss-symlink-target": "a", "x-oss-storage-class": "x"}, "InvalidArgument", id="class"),
        pytest.param({"x-oss-symlink-target": "a", "x-oss-forbid-overwrite": "x"}, "InvalidArgument", id="switch"),
    ],
)
async def test_bad_links_are_refused(headers: dict[str, str], code: str, oss: OssClient) -> None:
    answer = await oss.request("PUT", LINK, headers=headers, body=b"")
    assert (answer.status, answer.code) == (400, code)
    assert (await oss.request("GET", LINK)).code == "NoSuchKey"


async def test_get_symlink_of_something_else_is_refused(oss: OssClient) -> None:
    await oss.put("link", b"hello")
    answer = await oss.request("GET", LINK)
    assert (answer.status, answer.code, answer.message) == (400, "NotSymlink", "The object is not symlink")
    assert answer.xml.findtext("EC") == "0043-00000101"


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        pytest.param("/missing-bucket/a?symlink", 404, "NoSuchBucket", id="missing bucket"),
        pytest.param("/examplebucket//a?symlink", 400, "InvalidObjectName", id="leading slash"),
    ],
)
async def test_links_nowhere(oss: OssClient, method: str, target: str, status: int, code: str) -> None:
    answer = await oss.request(method, target, headers={"x-oss-symlink-target": "a"})
    assert (answer.status, answer.code) == (status, code)


async def test_a_link_replaces_what_was_there_unless_that_is_forbidden(oss: OssClient) -> None:
    await oss.put("link", b"old", x_oss_tagging="k=v", x_oss_object_acl="public-read")
    refused = await put_link(oss, x_oss_forbid_overwrite="true")
    assert (refused.status, refused.code) == (409, "FileAlreadyExists")
    assert (await oss.get("link")).body == b"old"
    assert (await put_link(oss, x_oss_forbid_overwrite="false")).status == 200
    assert "x-oss-tagging-count" not in (await oss.request("GET", LINK)).headers
    assert (await oss.request("GET", "/examplebucket/link?acl")).texts("AccessControlList/Grant") == ["default"]


async def test_an_upload_replaces_a_link_and_leaves_its_target_alone(oss: OssClient) -> None:
    await oss.put("target.txt", b"target")
    await put_link(oss)
    await oss.put("link", b"hello")
    got = await oss.get("link")
    assert (got.body, got.headers["x-oss-object-type"]) == (b"hello", "Normal")
    assert (await oss.get("target.txt")).body == b"target"


async def test_deleting_a_link_leaves_its_target_alone(oss: OssClient) -> None:
    await oss.put("target.txt", b"hello")
    await put_link(oss)
    assert (await oss.request("DELETE", "/examplebucket/link")).status == 204
    assert (await oss.get("link")).code == "NoSuchKey"
    assert (await oss.get("target.txt")).body == b"hello"


async def test_a_link_is_listed_as_one_without_bytes(oss: OssClient) -> None:
    await oss.put("target.txt", b"hello")
    await put_link(oss)
    page = await oss.request("GET", "/examplebucket?prefix=link")
    assert [page.texts(f"Contents/{name}") for name in ("Key", "Type", "Size", "ETag")] == [
        ["link"],
        ["Symlink"],
        ["0"],
        [OF_TARGET_TXT],
    ]


async def test_nothing_can_be_appended_to_a_link(oss: OssClient) -> None:
    await oss.request("POST", "/examplebucket/target.txt?append&position=0", body=b"hello")
    await put_link(oss)
    answer = await oss.request("POST", "/examplebucket/link?append&position=0", body=b"x")
    assert (answer.status, answer.code) == (409, "ObjectNotAppendable")


@pytest.mark.parametrize("directive", ["COPY", "REPLACE"])
async def test_a_copy_of_a_link_is_a_link(directive: str, oss: OssClient) -> None:
    await oss.put("target.txt", b"hello")
    await put_link(oss, x_oss_meta_owner="me")
    headers = {"x-oss-copy-source": "/examplebucket/link", "x-oss-metadata-directive": directive}
    assert (await oss.request("PUT", "/examplebucket/copy", headers=headers)).status == 200
    copy = await oss.request("GET", "/examplebucket/copy?symlink")
    assert copy.headers["x-oss-symlink-target"] == "target.txt"
    assert copy.headers.get("x-oss-meta-owner") == ("me" if directive == "COPY" else None)
    assert (await oss.get("copy")).body == b"hello"


@pytest.mark.guess
async def test_a_part_copied_from_a_link_has_the_bytes_of_its_target(oss: OssClient) -> None:
    await oss.put("target.txt", b"hello")
    await put_link(oss)
    upload_id = await initiate(oss)
    answer = await oss.request(
        "PUT",
        f"/examplebucket/key?partNumber=1&uploadId={upload_id}",
        headers={"x-oss-copy-source": "/examplebucket/link"},
    )
    assert answer.texts("ETag") == ['"5D41402ABC4B2A76B9719D911017C592"']


async def test_the_acl_that_counts_is_the_link_s(make_oss: MakeOss) -> None:
    trusting = await make_oss()
    await trusting.put("target.txt", b"hello", x_oss_object_acl="private")
    await put_link(trusting, x_oss_object_acl="public-read")
    await put_link(trusting, link="closed")
    await trusting.emulator.stop()
    oss = await make_oss(auth=Auth())
    assert (await oss.get("link")).body == b"hello"
    assert (await oss.request("GET", LINK)).headers["x-oss-symlink-target"] == "target.txt"
    assert (await oss.get("closed")).status == 403
    assert (await put_link(oss)).status == 403


async def test_links_outlive_a_restart_and_lead_nowhere_in_the_file_system(make_oss: MakeOss, config: Config) -> None:
    oss = await make_oss()
    await oss.put("target.txt", b"hello")
    await put_link(oss)
    file = config.storage.data_dir / "buckets/examplebucket/link"
    assert (file.is_symlink(), file.read_bytes()) == (False, b"")
    await oss.emulator.stop()
    oss = await make_oss()
    assert (await oss.get("link")).body == b"hello"
    assert (await oss.request("POST", "/_emulator/adopt", body=b"")).body == b'{"adopted":0}'


async def test_a_file_put_in_the_place_of_a_link_is_an_object_like_any_other(
    make_oss: MakeOss, config: Config, tmp_path: Path
) -> None:
    oss = await make_oss()
    await put_link(oss, x_oss_meta_owner="me")
    (tmp_path / "new").write_bytes(b"dropped")
    (tmp_path / "new").rename(config.storage.data_dir / "buckets/examplebucket/link")
    got = await oss.get("link")
    assert (got.body, got.headers["x-oss-object-type"]) == (b"dropped", "Normal")
    assert (await oss.request("GET", LINK)).code == "NotSymlink"


async def test_links_have_versions_and_lead_to_the_current_one_of_their_target(oss: OssClient) -> None:
    await set_versioning(oss, "Enabled")
    ids = [(await put_link(oss, target)).headers["x-oss-version-id"] for target in ("one", "two")]
    await oss.put("one", b"old")
    await oss.put("one", b"new")
    old = await oss.request("GET", f"{LINK}&versionId={ids[0]}")
    assert (old.headers["x-oss-symlink-target"], old.headers["x-oss-version-id"]) == ("one", ids[0])
    now = await oss.request("GET", LINK)
    assert (now.headers["x-oss-symlink-target"], now.headers["x-oss-version-id"]) == ("two", ids[1])
    got = await oss.request("GET", f"/examplebucket/link?versionId={ids[0]}")
    assert (got.body, got.headers["x-oss-version-id"]) == (b"new", ids[0])
    assert (await oss.get("link")).code == "SymlinkTargetNotExist"
    assert (await oss.request("GET", f"{LINK}&versionId=234")).code == "InvalidArgument"
