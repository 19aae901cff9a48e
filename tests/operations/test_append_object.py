import asyncio

import pytest

from emulator.config import Limits
from emulator.storage.digest import crc64
from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss

MESSAGE = "Position is not equal to file length"


async def append(oss: OssClient, position: object, body: bytes, key: str = "log", **headers: str) -> Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await oss.request("POST", f"/examplebucket/{key}?append&position={position}", headers=fields, body=body)


async def test_object_grows_and_tells_where_it_ends(oss: OssClient) -> None:
    whole = b""
    etags = set()
    for body in (b"CONTENT", b" and more", b"x" * 300_000, b"!"):
        response = await append(oss, len(whole), body)
        whole += body
        assert (response.status, response.body) == (200, b"")
        assert response.headers["x-oss-next-append-position"] == str(len(whole))
        assert response.headers["x-oss-hash-crc64ecma"] == str(crc64(whole))
        assert "content-md5" not in response.headers
        assert "x-oss-version-id" not in response.headers
        etags.add(response.headers["etag"])
        head = await oss.request("HEAD", "/examplebucket/log")
        assert head.headers["etag"] == response.headers["etag"]
        got = await oss.get("log")
        assert got.body == whole
    assert len(etags) == 4
    assert all(len(etag) == 34 and etag.endswith('00000000"') for etag in etags)
    for name, value in {
        "x-oss-object-type": "Appendable",
        "x-oss-next-append-position": str(len(whole)),
        "x-oss-hash-crc64ecma": str(crc64(whole)),
        "content-length": str(len(whole)),
    }.items():
        assert got.headers[name] == head.headers[name] == value
    assert "content-md5" not in got.headers


async def test_appended_object_is_listed_with_its_type_and_its_time(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock)
    await append(oss, 0, b"a")
    clock.step(60)
    await append(oss, 1, b"b")
    response = await oss.request("GET", "/examplebucket")
    assert response.texts("Contents/Type") == ["Appendable"]
    assert response.texts("Contents/Size") == ["2"]
    assert response.texts("Contents/LastModified") == ["2024-06-01T12:01:00.000Z"]
    assert (await oss.request("GET", "/examplebucket?stat")).texts("Storage") == ["2"]


async def test_range_of_an_appended_object_is_served(oss: OssClient) -> None:
    await append(oss, 0, b"hello ")
    await append(oss, 6, b"world")
    response = await oss.get("log", Range="bytes=4-7")
    assert (response.status, response.body) == (206, b"o wo")
    assert response.headers["content-range"] == "bytes 4-7/11"


async def test_what_is_said_counts_when_the_object_begins_and_is_ignored_later(oss: OssClient) -> None:
    first = await append(
        oss,
        0,
        b"a",
        Content_Type="text/plain",
        Cache_Control="no-cache",
        x_oss_meta_owner="me",
        x_oss_storage_class="IA",
        x_oss_object_acl="public-read",
        x_oss_tagging="a=1",
        x_oss_server_side_encryption="AES256",
    )
    assert (first.status, first.headers["x-oss-server-side-encryption"]) == (200, "AES256")
    later = await append(
        oss,
        1,
        b"b",
        Content_Type="image/png",
        x_oss_meta_owner="you",
        x_oss_storage_class="Attic",
        x_oss_object_acl="secret",
        x_oss_tagging="a=1&a=2",
        x_oss_server_side_encryption="ROT13",
    )
    assert later.status == 200
    response = await oss.get("log")
    for name, value in {
        "content-type": "text/plain",
        "cache-control": "no-cache",
        "x-oss-meta-owner": "me",
        "x-oss-storage-class": "IA",
        "x-oss-tagging-count": "1",
    }.items():
        assert response.headers[name] == value
    assert (await oss.request("GET", "/examplebucket/log?acl")).texts("AccessControlList/Grant") == ["public-read"]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({"x_oss_storage_class": "Attic"}, "InvalidArgument", id="unknown class"),
        pytest.param({"x_oss_storage_class": "Archive"}, "InvalidArgument", id="Archive", marks=pytest.mark.guess),
        pytest.param({"x_oss_object_acl": "secret"}, "InvalidArgument", id="unknown ACL"),
        pytest.param({"x_oss_tagging": "=1"}, "InvalidTag", id="tag without a key"),
        pytest.param(
            {"x_oss_server_side_encryption": "ROT13"}, "InvalidEncryptionAlgorithmError", id="unknown encryption"
        ),
    ],
)
async def test_bad_attributes_are_refused_when_the_object_begins(
    headers: dict[str, str], code: str, oss: OssClient
) -> None:
    response = await append(oss, 0, b"a", **headers)
    assert (response.status, response.code) == (400, code)
    assert (await oss.get("log")).status == 404


@pytest.mark.parametrize("body", [b"", b"x" * 100])
async def test_zero_bytes_are_appended(body: bytes, oss: OssClient) -> None:
    await append(oss, 0, body)
    response = await append(oss, len(body), b"")
    assert (response.status, response.headers["x-oss-next-append-position"]) == (200, str(len(body)))
    assert response.headers["x-oss-hash-crc64ecma"] == str(crc64(body))
    assert (await oss.get("log")).body == body


@pytest.mark.parametrize(
    ("length", "position"), [(None, 1), (5, 0), (5, 4), (5, 6), (0, 1), (5, 9_999_999_999_999_999_999)]
)
async def test_wrong_position_is_told_the_right_one(length: int | None, position: int, oss: OssClient) -> None:
    if length is not None:
        await append(oss, 0, b"x" * length)
    response = await append(oss, position, b"y")
    assert (response.status, response.code) == (409, "PositionNotEqualToLength")
    assert (response.message, response.headers["x-oss-ec"]) == (MESSAGE, "0026-00000016")
    assert response.headers["x-oss-next-append-position"] == str(length or 0)
    assert f"position {length or 0}" in response.headers["x-emulator-hint"]


@pytest.mark.parametrize("position", [0, 5, 99])
async def test_object_made_in_another_way_is_refused_before_the_position(position: int, oss: OssClient) -> None:
    await oss.put("log", b"hello")
    response = await append(oss, position, b"x", Content_MD5="nonsense")
    assert (response.status, response.code) == (409, "ObjectNotAppendable")
    assert (response.message, response.headers["x-oss-ec"]) == ("The object is not appendable", "0026-00000017")
    assert (await oss.get("log")).body == b"hello"


async def test_missing_position_is_refused(oss: OssClient) -> None:
    response = await oss.request("POST", "/examplebucket/log?append", body=b"x")
    assert (response.status, response.code, response.headers["x-oss-ec"]) == (400, "MissingArgument", "0016-00000501")
    assert response.message == "Missing Some Required Arguments."


@pytest.mark.parametrize("position", ["-1", "x", "1.0", "", "%D9%A1", "9" * 20])
async def test_position_that_is_no_number_is_refused(position: str, oss: OssClient) -> None:
    response = await append(oss, position, b"x")
    assert (response.status, response.code, response.headers["x-oss-ec"]) == (400, "InvalidArgument", "0016-00000502")
    assert response.texts("ArgumentName") == ["position"]


@pytest.mark.parametrize(
    ("headers", "code", "ec"),
    [
        pytest.param({"Content_MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, "InvalidDigest", "0017-00000503", id="MD5"),
        pytest.param({"x_oss_hash_crc64ecma": "1"}, "InvalidCRC64", None, id="CRC of the body"),
    ],
)
async def test_body_that_is_not_what_was_sent_changes_nothing(
    headers: dict[str, str], code: str, ec: str | None, oss: OssClient
) -> None:
    for position, expected in ((0, 404), (4, 200)):
        response = await append(oss, position, b"tail", **headers)
        assert (response.status, response.code) == (400, code)
        assert ec is None or response.headers["x-oss-ec"] == ec
        assert (await oss.get("log")).status == expected
        if expected == 404:
            await append(oss, 0, b"head")
    assert (await oss.get("log")).body == b"head"


async def test_errors_of_names_and_lengths_are_those_of_every_upload(oss: OssClient) -> None:
    missing = await oss.request("POST", "/missing-bucket/log?append&position=0", body=b"x")
    assert (missing.status, missing.code) == (404, "NoSuchBucket")
    bad_key = await append(oss, 0, b"x", key="/log")
    assert (bad_key.status, bad_key.code) == (400, "InvalidObjectName")
    no_length = await oss.request("POST", "/examplebucket/log?append&position=0")
    assert (no_length.status, no_length.code) == (411, "MissingContentLength")
    chunked = await oss.request(
        "POST",
        "/examplebucket/log?append&position=0",
        headers={"Transfer-Encoding": "chunked"},
        body=b"5\r\nhello\r\n0\r\n\r\n",
    )
    assert chunked.headers["x-oss-next-append-position"] == "5"


async def test_object_does_not_grow_beyond_what_an_object_may_have(make_oss: MakeOss) -> None:
    oss = await make_oss(limits=Limits(max_object_bytes=1000))
    await append(oss, 0, b"x" * 999)
    too_long = await append(oss, 999, b"yy")
    assert (too_long.status, too_long.code) == (400, "EntityTooLarge")
    assert (await append(oss, 999, b"y")).status == 200
    full = await append(oss, 1000, b"z")
    assert (full.status, full.code) == (400, "EntityTooLarge")
    assert (await oss.get("log")).body == b"x" * 999 + b"y"


async def test_deleted_object_begins_anew(oss: OssClient) -> None:
    await append(oss, 0, b"old", x_oss_meta_owner="me")
    await oss.request("DELETE", "/examplebucket/log")
    assert (await append(oss, 3, b"x")).headers["x-oss-next-append-position"] == "0"
    assert (await append(oss, 0, b"new")).status == 200
    response = await oss.get("log")
    assert response.body == b"new"
    assert "x-oss-meta-owner" not in response.headers


async def test_overwritten_object_is_no_longer_appendable(oss: OssClient) -> None:
    await append(oss, 0, b"old")
    await oss.put("log", b"put")
    assert (await append(oss, 3, b"x")).code == "ObjectNotAppendable"
    assert (await oss.get("log")).headers["x-oss-object-type"] == "Normal"


async def test_one_of_sixteen_clients_wins_every_position(oss: OssClient) -> None:
    whole = b""
    for turn in range(5):
        bodies = [b"%02d-%02d;" % (turn, client) * (1 + 20_000 * (turn % 2)) for client in range(16)]
        answers = await asyncio.gather(*(append(oss, len(whole), body) for body in bodies))
        assert sorted(answer.status for answer in answers) == [200] + [409] * 15
        (winner,) = [client for client, answer in enumerate(answers) if answer.status == 200]
        whole += bodies[winner]
        assert {answer.headers["x-oss-next-append-position"] for answer in answers} == {str(len(whole))}
    assert (await oss.get("log")).body == whole


async def test_lines_of_many_clients_that_try_again_are_all_there_once(oss: OssClient) -> None:
    async def write(client: int) -> None:
        for line in range(10):
            position = "0"
            while True:
                response = await append(oss, position, b"%02d %02d\n" % (client, line))
                position = response.headers["x-oss-next-append-position"]
                if response.status == 200:
                    break
                assert response.code == "PositionNotEqualToLength"

    await asyncio.gather(*(write(client) for client in range(8)))
    lines = (await oss.get("log")).body.splitlines()
    assert sorted(lines) == [b"%02d %02d" % (client, line) for client in range(8) for line in range(10)]


@pytest.mark.parametrize("size", [10, 100_000])
async def test_append_that_races_with_overwriting_and_deleting_is_whole_or_refused(size: int, oss: OssClient) -> None:
    for turn in range(12):
        await append(oss, 0, b"head")
        change = oss.request("DELETE", "/examplebucket/log") if turn % 2 else oss.put("log", b"put")
        _, answer = await asyncio.gather(change, append(oss, 4, b"x" * size))
        assert (answer.status, answer.code) in (
            (200, None),
            (409, "PositionNotEqualToLength"),
            (409, "ObjectNotAppendable"),
        )
        assert (await oss.get("log")).body == b"put" if turn % 2 == 0 else True
        await oss.request("DELETE", "/examplebucket/log")


async def test_reader_among_many_appends_sees_whole_lines_that_only_grow(oss: OssClient) -> None:
    done = asyncio.Event()

    async def write() -> None:
        for line in range(200):
            assert (await append(oss, line * 100, b"%098d\r\n" % line)).status == 200
        done.set()

    async def read() -> None:
        seen = 0
        while not done.is_set():
            response = await oss.get("log")
            if response.status == 404:
                assert seen == 0
                continue
            count, rest = divmod(len(response.body), 100)
            assert (rest, response.headers["x-oss-hash-crc64ecma"]) == (0, str(crc64(response.body)))
            assert response.body == b"".join(b"%098d\r\n" % line for line in range(count))
            assert count >= seen
            seen = count

    await asyncio.gather(write(), read(), read())
    assert len((await oss.get("log")).body) == 20_000


async def seal(oss: OssClient, position: object, key: str = "log") -> Response:
    return await oss.request("POST", f"/examplebucket/{key}?seal&position={position}")


async def test_a_sealed_object_says_when_it_was_sealed_and_grows_no_more(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock=clock)
    await append(oss, 0, b"hello")
    assert "x-oss-sealed-time" not in (await oss.get("log")).headers
    before = (await oss.get("log")).headers
    clock.step(60)
    sealed = await seal(oss, 5)
    assert (sealed.status, sealed.body) == (200, b"")
    assert sealed.headers["x-oss-sealed-time"] == "Sat, 01 Jun 2024 12:01:00 GMT"
    clock.step(60)
    assert (await seal(oss, 5)).headers["x-oss-sealed-time"] == "Sat, 01 Jun 2024 12:01:00 GMT"
    refused = await append(oss, 5, b" you")
    assert (refused.status, refused.code) == (409, "AppendSealedObjectNotAllowed")
    got = await oss.get("log")
    assert got.body == b"hello"
    assert got.headers["x-oss-sealed-time"] == "Sat, 01 Jun 2024 12:01:00 GMT"
    for name in ("etag", "last-modified", "x-oss-object-type"):
        assert got.headers[name] == before[name]
    head = await oss.request("HEAD", "/examplebucket/log")
    assert head.headers["x-oss-sealed-time"] == "Sat, 01 Jun 2024 12:01:00 GMT"


async def test_an_object_is_sealed_where_it_ends(oss: OssClient) -> None:
    await append(oss, 0, b"hello")
    refused = await seal(oss, 4)
    assert (refused.status, refused.code) == (409, "PositionNotEqualToLength")
    assert refused.headers["x-oss-next-append-position"] == "5"
    assert (await append(oss, 5, b" you")).status == 200


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        pytest.param("/examplebucket/log?seal", 400, "MissingArgument", id="no position"),
        pytest.param("/examplebucket/log?seal&position=x", 400, "InvalidArgument", id="no number"),
        pytest.param("/examplebucket/missing?seal&position=0", 404, "NoSuchKey", id="missing key"),
        pytest.param(
            "/examplebucket/plain?seal&position=5", 409, "ObjectNotAppendable", id="plain", marks=pytest.mark.guess
        ),
    ],
)
async def test_what_cannot_be_sealed(target: str, status: int, code: str, oss: OssClient) -> None:
    await append(oss, 0, b"hello")
    await oss.put("plain", b"hello")
    answer = await oss.request("POST", target)
    assert (answer.status, answer.code) == (status, code)


async def test_what_takes_the_place_of_a_sealed_object_is_not_sealed(oss: OssClient) -> None:
    await append(oss, 0, b"hello")
    await seal(oss, 5)
    headers = {"x-oss-copy-source": "/examplebucket/log"}
    assert (await oss.request("PUT", "/examplebucket/copy", headers=headers)).status == 200
    assert "x-oss-sealed-time" not in (await oss.get("copy")).headers
    await oss.request("DELETE", "/examplebucket/log")
    await append(oss, 0, b"hello")
    assert (await append(oss, 5, b" you")).status == 200


@pytest.mark.guess
async def test_nothing_is_appended_to_what_a_rule_has_archived(make_oss: MakeOss, clock: HeldClock) -> None:
    oss = await make_oss(clock=clock)
    assert (await append(oss, 0, b"CONTENT")).status == 200
    rule = (
        "<Rule><ID>r</ID><Prefix>log</Prefix><Status>Enabled</Status>"
        "<Transition><Days>1</Days><StorageClass>Archive</StorageClass></Transition></Rule>"
    )
    body = f"<LifecycleConfiguration>{rule}</LifecycleConfiguration>"
    assert (await oss.request("PUT", "/examplebucket?lifecycle", body=body)).status == 200
    clock.step(3 * 24 * 3600)
    assert (await oss.request("POST", "/_emulator/lifecycle/apply")).status == 200
    answer = await append(oss, 7, b"more")
    assert (answer.status, answer.code) == (403, "InvalidObjectState")
    assert (await oss.request("HEAD", "/examplebucket/log")).headers["content-length"] == "7"
