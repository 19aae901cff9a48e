"""Symbolic links through the official SDKs."""

import json
from urllib.parse import quote, unquote

import alibabacloud_oss_v2 as v2
import pytest

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, Verbs, refusal

LINK = "dir/链接 a+b&c"
TARGET = "目标/a b+c%20.txt"


def put_link(client: Verbs, target: str, link: str) -> None:
    if isinstance(client, Oss2Verbs):
        client.bucket.put_symlink(target, link, headers={"x-oss-meta-owner": "me"})
        return
    encoded = quote(target, safe="")  # V2 leaves that to its caller
    request = v2.PutSymlinkRequest(bucket=BUCKET, key=link, symlink_target=encoded, metadata={"owner": "me"})
    client.client.put_symlink(request)


def target(client: Verbs, link: str) -> str:
    if isinstance(client, Oss2Verbs):
        return client.bucket.get_symlink(link).target_key
    return unquote(client.client.get_symlink(v2.GetSymlinkRequest(bucket=BUCKET, key=link)).target)


def test_a_link_is_made_read_and_read_through(client: Verbs) -> None:
    client.store(TARGET, b"hello")
    put_link(client, TARGET, LINK)
    assert target(client, LINK) == TARGET
    assert client.read(LINK) == b"hello"
    head = client.head(LINK)
    assert (head.size, head.object_type, head.metadata) == (5, "Symlink", {"owner": "me"})
    assert client.page().keys == [LINK, TARGET]


def test_refusals_are_the_sdk_s_own_errors(client: Verbs) -> None:
    put_link(client, TARGET, LINK)
    put_link(client, LINK, "second")
    client.store("plain", b"hello")
    assert refusal(client.read, LINK) == (404, "SymlinkTargetNotExist")
    assert refusal(client.head, LINK)[0] == 404
    assert refusal(client.read, "second") == (400, "InvalidTargetType")
    assert refusal(target, client, "plain") == (400, "NotSymlink")
    assert refusal(target, client, "missing") == (404, "NoSuchKey")


@pytest.mark.parametrize("v4", [pytest.param(True, id="V4"), pytest.param(False, id="V1")])
def test_ali_oss_makes_and_reads_links(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        f"""
        const [link, target] = [{json.dumps(LINK)}, {json.dumps(TARGET)}];
        await client.put(target, Buffer.from("hello"));
        const put = await client.putSymlink(link, target, {{storageClass: "IA", meta: {{owner: "me"}}}});
        const got = await client.getSymlink(link);
        const through = await client.get(link);
        const not = await client.getSymlink(target).then(() => "", (error) => error.code);
        return {{put: put.res.status, target: got.targetName, owner: got.res.headers["x-oss-meta-owner"],
                 content: through.content.toString(), not}};
        """,
    )
    assert result == {"put": 200, "target": TARGET, "owner": "me", "content": "hello", "not": "NotSymlink"}
