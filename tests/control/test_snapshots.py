"""Snapshots of the whole state, from outside."""

import asyncio
import json
from typing import Any

import pytest

from emulator import Emulator
from emulator.clock import Clock
from tests.client import OssClient, Response
from tests.conftest import MakeOss


async def snapshot(oss: OssClient, method: str, name: str = "s", status: int | None = None) -> Any:
    response = await oss.request(method, f"/_emulator/snapshots/{name}")
    assert response.status == (status or {"PUT": 201, "DELETE": 204}.get(method, 200)), response.body
    return json.loads(response.body) if response.body else None


async def keys(oss: OssClient, bucket: str = "examplebucket") -> list[str]:
    return (await oss.request("GET", f"/{bucket}")).texts("Contents/Key")


async def begin_upload(oss: OssClient, key: str) -> str:
    (upload_id,) = (await oss.request("POST", f"/examplebucket/{key}?uploads")).texts("UploadId")
    return upload_id


async def put_part(oss: OssClient, key: str, upload_id: str, number: int, body: bytes) -> Response:
    return await oss.request("PUT", f"/examplebucket/{key}?partNumber={number}&uploadId={upload_id}", body=body)


async def complete(oss: OssClient, key: str, upload_id: str, etags: list[str]) -> Response:
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in enumerate(etags, 1)
    )
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
    return await oss.request("POST", f"/examplebucket/{key}?uploadId={upload_id}", body=body)


async def test_restore_brings_everything_back_as_it_was(make_oss: MakeOss, clock: Clock) -> None:
    oss = await make_oss(clock)
    await oss.put("kept", "1", Content_Type="text/plain", x_oss_meta_a="b")
    await oss.put("changed", "old")
    await oss.request("PUT", "/otherbucket", headers={"x-oss-acl": "public-read"})
    before = await oss.get("changed")
    info = await snapshot(oss, "PUT")
    assert info == {"name": "s", "taken": "2024-06-01T12:00:00.000Z", "buckets": 2, "objects": 2}

    clock.step(60)
    await oss.put("changed", "newer")
    await oss.put("new", "1")
    await oss.request("DELETE", "/examplebucket/kept")
    await oss.request("DELETE", "/otherbucket")
    await oss.request("PUT", "/laterbucket")

    assert await snapshot(oss, "POST") == info
    assert await keys(oss) == ["changed", "kept"]
    kept, changed = await oss.get("kept"), await oss.get("changed")
    assert (kept.body, kept.headers["content-type"], kept.headers["x-oss-meta-a"]) == (b"1", "text/plain", "b")
    assert changed.body == b"old"
    for name in ("etag", "last-modified", "x-oss-hash-crc64ecma"):
        assert changed.headers[name] == before.headers[name]
    assert (await oss.request("GET", "/")).texts(".//Bucket/Name") == ["examplebucket", "otherbucket"]
    assert (await oss.request("GET", "/otherbucket?acl")).texts(".//Grant") == ["public-read"]
    assert (await oss.request("GET", "/examplebucket?stat")).texts("ObjectCount") == ["2"]


async def test_a_snapshot_can_be_restored_again_and_again(oss: OssClient) -> None:
    await oss.put("a", "1")
    await snapshot(oss, "PUT")
    for _ in range(3):
        await oss.put("a", "2")
        await oss.put("b", "2")
        await snapshot(oss, "POST")
        assert await keys(oss) == ["a"]
        assert (await oss.get("a")).body == b"1"


async def test_reset_leaves_the_snapshots(oss: OssClient) -> None:
    await oss.put("a", "1")
    await snapshot(oss, "PUT")
    await oss.request("POST", "/_emulator/reset")
    assert await keys(oss) == []
    await snapshot(oss, "POST")
    assert (await oss.get("a")).body == b"1"


async def test_uploads_in_parts_come_back_with_their_parts(oss: OssClient) -> None:
    upload_id = await begin_upload(oss, "a")
    first, second = b"x" * 102_400, b"y"
    etags = [(await put_part(oss, "a", upload_id, 1, first)).headers["etag"]]
    await snapshot(oss, "PUT")
    assert (await oss.request("DELETE", f"/examplebucket/a?uploadId={upload_id}")).status == 204
    await snapshot(oss, "POST")
    etags.append((await put_part(oss, "a", upload_id, 2, second)).headers["etag"])
    assert (await complete(oss, "a", upload_id, etags)).status == 200
    assert (await oss.get("a")).body == first + second


async def test_appendable_objects_come_back_as_long_as_they_were_and_grow_again(oss: OssClient) -> None:
    async def append(position: int, body: str) -> Response:
        return await oss.request("POST", f"/examplebucket/log?append&position={position}", body=body)

    await append(0, "one")
    await snapshot(oss, "PUT")
    for word in ("two", "2"):
        assert (await append(3, word)).status == 200
        assert (await oss.get("log")).body == b"one" + word.encode()
        await snapshot(oss, "POST")
        assert (await oss.get("log")).body == b"one"


async def test_the_tree_shows_what_was_restored(oss: OssClient) -> None:
    folder = oss.emulator.data_dir / "buckets" / "examplebucket"
    await oss.put("dir/a", "1")
    await snapshot(oss, "PUT")
    await oss.put("b", "2")
    await oss.request("DELETE", "/examplebucket/dir/a")
    await snapshot(oss, "POST")
    assert (folder / "dir/a").read_text() == "1"
    assert not (folder / "b").exists()


async def test_files_dropped_into_the_tree_are_in_the_snapshot(oss: OssClient) -> None:
    folder = oss.emulator.data_dir / "buckets" / "examplebucket"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dropped").write_text("1")
    await snapshot(oss, "PUT")
    (folder / "dropped").unlink()
    (folder / "later").write_text("1")
    await snapshot(oss, "POST")
    assert await keys(oss) == ["dropped"]
    assert (await oss.get("later")).status == 404


async def test_snapshots_survive_a_restart(config: Any) -> None:
    async with Emulator(config) as emulator:
        oss = OssClient(emulator)
        await oss.put("a", "1")
        await snapshot(oss, "PUT")
        await oss.put("a", "2")
    async with Emulator(config) as emulator:
        oss = OssClient(emulator)
        assert (await oss.get("a")).body == b"2"
        await snapshot(oss, "POST")
        assert (await oss.get("a")).body == b"1"
    async with Emulator(config) as emulator:
        assert (await OssClient(emulator).get("a")).body == b"1"


async def test_snapshots_are_listed_shown_replaced_and_dropped(oss: OssClient) -> None:
    for name in ("b", "a", "b"):
        await snapshot(oss, "PUT", name)
        await oss.put(name, "1")
    listed = json.loads((await oss.request("GET", "/_emulator/snapshots")).body)["snapshots"]
    assert [(each["name"], each["objects"]) for each in listed] == [("a", 1), ("b", 2)]
    assert (await snapshot(oss, "GET", "b"))["objects"] == 2
    await snapshot(oss, "DELETE", "b")
    for method in ("GET", "POST", "DELETE"):
        assert "a" in (await snapshot(oss, method, "b", 404))["hint"]
    assert await snapshot(oss, "PUT", "a") == await snapshot(oss, "GET", "a")


@pytest.mark.parametrize("name", ["..", ".a", "-a", "a%2Fb", "%2e%2e", "a" * 65, "a%00", "%C3%A4"])
async def test_a_name_is_a_name(oss: OssClient, name: str) -> None:
    assert "no name for a snapshot" in (await snapshot(oss, "PUT", name, 400))["error"]


async def test_there_are_at_most_a_hundred_snapshots(oss: OssClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.storage.snapshots.MAX_SNAPSHOTS", 2)
    for name in "ab":
        await snapshot(oss, "PUT", name)
    assert "there are 2 snapshots already" in (await snapshot(oss, "PUT", "c", 400))["error"]
    await snapshot(oss, "PUT", "b")


async def test_what_was_recorded_stays(oss: OssClient) -> None:
    from tests.callback.application import encode

    await snapshot(oss, "PUT")
    url = f"{oss.endpoint}/_emulator/receiver"
    await oss.put("a", "1", x_oss_callback=encode({"callbackUrl": url, "callbackBody": "a"}))
    await snapshot(oss, "POST")
    assert len(json.loads((await oss.request("GET", "/_emulator/callbacks")).body)["callbacks"]) == 1


async def test_a_reader_sees_the_old_state_or_the_new_one_and_nothing_between(oss: OssClient) -> None:
    names = [f"{number:03}" for number in range(40)]

    async def fill(content: str) -> None:
        await asyncio.gather(*(oss.put(name, content) for name in names))

    await fill("first")
    await snapshot(oss, "PUT", "first")
    await fill("second one")
    await snapshot(oss, "PUT", "second")
    is_over = False
    pages = 0

    async def read() -> None:
        nonlocal pages
        while not is_over:
            sizes = set((await oss.request("GET", "/examplebucket?max-keys=1000")).texts("Contents/Size"))
            assert sizes in ({"5"}, {"10"})
            for name in names[::13]:
                assert (await oss.get(name)).body in (b"first", b"second one")
            pages += 1

    readers = [asyncio.create_task(read()) for _ in range(4)]
    for name in ("first", "second") * 5:
        await snapshot(oss, "POST", name)
    is_over = True
    await asyncio.gather(*readers)
    assert pages > 4


async def test_uploads_under_way_are_not_disturbed(oss: OssClient) -> None:
    await snapshot(oss, "PUT")
    body = b"x" * 300_000
    async with await oss.connect() as connection:
        head = f"PUT /examplebucket/a HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        await connection.send(head.encode() + body[:150_000])
        await snapshot(oss, "POST")
        await connection.send(body[150_000:])
        assert (await connection.receive("PUT")).status == 200
    assert (await oss.get("a")).body == body


async def test_nothing_is_left_of_what_was_replaced(config: Any) -> None:
    async with Emulator(config) as emulator:
        oss = OssClient(emulator)
        for number in range(5):
            await oss.put(str(number), "1")
        await snapshot(oss, "PUT")
        for _ in range(3):
            await snapshot(oss, "POST")
    blobs = [path for path in (config.storage.data_dir / "blobs").rglob("*") if path.is_file()]
    assert len(blobs) == 5
    assert {blob.stat().st_nlink for blob in blobs} == {3}  # the blob, the tree, the snapshot
    assert list((config.storage.data_dir / "staging").iterdir()) == []
