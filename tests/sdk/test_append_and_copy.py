"""AppendObject and CopyObject through the official SDKs."""

import json

import alibabacloud_oss_v2 as v2
import oss2
import pytest

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import KEY_ID, KEY_SECRET, RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, OssV2Verbs, Verbs, refusal

KEY = "dir/测试 a+b&c.txt"
VERSIONS = [pytest.param(True, id="V4"), pytest.param(False, id="V1")]


def append(client: Verbs, position: int, crc: int, data: bytes) -> tuple[int, int]:
    """Append; where the object ends then, and its CRC. The SDK compares the CRC with its own, `crc` being the last."""
    if isinstance(client, Oss2Verbs):
        done = client.bucket.append_object(KEY, position, data, init_crc=crc)
        return done.next_position, done.crc
    request = v2.AppendObjectRequest(bucket=BUCKET, key=KEY, position=position, body=data, init_hash_crc64=crc)
    result = client.client.append_object(request)
    return result.next_position, int(result.hash_crc64)


def copy(client: Verbs, source: str, target: str, **headers: str) -> str:
    """Copy an object; the ETag."""
    if isinstance(client, Oss2Verbs):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.bucket.copy_object(BUCKET, source, target, headers=named).etag
    request = v2.CopyObjectRequest(
        bucket=BUCKET,
        key=target,
        source_bucket=BUCKET,
        source_key=source,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    return client.client.copy_object(request).etag.strip('"')


def test_lines_are_appended_with_the_crc_checked(client: Verbs) -> None:
    position = crc = 0
    lines = [b"line %d\n" % number for number in range(5)]
    for line in lines:
        position, crc = append(client, position, crc, line)
    assert client.read(KEY) == b"".join(lines)
    assert client.head(KEY).object_type == "Appendable"


def test_wrong_position_is_told_the_right_one(client: Verbs) -> None:
    append(client, 0, 0, b"hello")
    if isinstance(client, Oss2Verbs):
        with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as refused:
            append(client, 3, 0, b"x")
        assert refused.value.next_position == 5
    assert refusal(append, client, 3, 0, b"x") == (409, "PositionNotEqualToLength")
    client.store("plain", b"hello")
    copy(client, "plain", KEY)
    assert refusal(append, client, 5, 0, b"x") == (409, "ObjectNotAppendable")


def test_appending_goes_on_where_it_ended_by_the_sdk_s_own_file_if_it_has_one(client: Verbs) -> None:
    if isinstance(client, Oss2Verbs):
        append(client, *append(client, 0, 0, b"hello "), b"world")
    else:
        for text in (b"hello ", b"world"):
            with client.client.append_file(BUCKET, KEY) as file:
                file.write(text)
    assert client.read(KEY) == b"hello world"


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_v2_seals(version: str, emulator: EmulatorThread) -> None:
    client = OssV2Verbs(emulator.endpoint, KEY_ID, KEY_SECRET, version)
    append(client, 0, 0, b"hello")
    request = v2.SealAppendObjectRequest(bucket=BUCKET, key=KEY, position=5)
    sealed = client.client.seal_append_object(request).sealed_time
    assert sealed
    head = client.client.head_object(v2.HeadObjectRequest(bucket=BUCKET, key=KEY))
    assert head.headers["x-oss-sealed-time"] == client.client.seal_append_object(request).sealed_time == sealed
    assert refusal(append, client, 5, 0, b"x") == (409, "AppendSealedObjectNotAllowed")


def test_copy_has_bytes_and_metadata_of_its_source(client: Verbs) -> None:
    etag = client.store(KEY, b"hello", {"Content-Type": "text/plain", "x-oss-meta-owner": "me"})
    assert copy(client, KEY, "copy/测试 %2F?") == etag
    head = client.head("copy/测试 %2F?")
    assert (head.content_type, head.metadata, client.read("copy/测试 %2F?")) == (
        "text/plain",
        {"owner": "me"},
        b"hello",
    )
    copy(client, KEY, "replaced", x_oss_metadata_directive="REPLACE", Content_Type="image/png")
    head = client.head("replaced")
    assert (head.content_type, head.metadata) == ("image/png", {})


def test_rename_is_a_copy_and_a_deletion(client: Verbs) -> None:
    client.store(KEY, b"hello")
    copy(client, KEY, "renamed")
    client.delete(KEY)
    assert (client.exists(KEY), client.read("renamed")) == (False, b"hello")


def test_conditions_on_the_source_are_the_sdk_s_own_errors(client: Verbs) -> None:
    etag = client.store(KEY, b"hello")
    assert refusal(copy, client, KEY, "copy", x_oss_copy_source_if_match="A" * 32) == (412, "PreconditionFailed")
    assert refusal(copy, client, KEY, "copy", x_oss_copy_source_if_none_match=etag)[0] == 304
    assert refusal(copy, client, "missing", "copy") == (404, "NoSuchKey")
    assert not client.exists("copy")


@pytest.mark.parametrize("v4", VERSIONS)
def test_ali_oss_appends(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        f"""
        const name = {json.dumps(KEY)};
        const first = await client.append(name, Buffer.from("hello "), {{headers: {{"Content-Type": "text/plain"}}}});
        const second = await client.append(name, Buffer.from("world"), {{position: first.nextAppendPosition}});
        const got = await client.get(name);
        let code;
        try {{ await client.append(name, Buffer.from("x"), {{position: 3}}); }} catch (error) {{ code = error.code; }}
        const type = got.res.headers["content-type"];
        return {{next: second.nextAppendPosition, content: got.content.toString(), type, code}};
        """,
    )
    assert result == {"next": "11", "content": "hello world", "type": "text/plain", "code": "PositionNotEqualToLength"}


@pytest.mark.parametrize("v4", VERSIONS)
def test_ali_oss_copies_with_all_that_it_sends_beside(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        f"""
        const name = {json.dumps(KEY)};
        const put = await client.put(name, Buffer.from("hello"), {{meta: {{owner: "me"}}}});
        const copied = await client.copy("copy+1.txt", name);
        const said = {{meta: {{owner: "you"}}, headers: {{"Cache-Control": "no-cache"}}}};
        const changed = await client.copy("copy+1.txt", "copy+1.txt", said);
        const head = await client.head("copy+1.txt");
        const not = await client.copy("other", name, {{headers: {{"If-None-Match": put.res.headers.etag}}}}).then(
          (done) => done.res.status, (error) => error.status);
        return {{same: copied.data.etag === put.res.headers.etag, changed: changed.res.status, meta: head.meta,
                 cache: head.res.headers["cache-control"], not}};
        """,
    )
    assert result == {"same": True, "changed": 200, "meta": {"owner": "you"}, "cache": "no-cache", "not": 304}
