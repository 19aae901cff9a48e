"""Listings through the official SDKs: what they page through, and how they read it."""

import alibabacloud_oss_v2 as v2
import oss2
import pytest

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import RunNode, ali_oss
from tests.sdk.verbs import Oss2Verbs, OssV2Verbs, Page, Verbs, refusal

KEYS = ["dir/a", "dir/b", "dir/sub/c", "file", "other/d", "z & <é> +%"]


@pytest.fixture
def filled(client: Verbs) -> Verbs:
    for key in KEYS:
        client.store(key, key.encode())
    return client


def test_pages_have_the_keys_and_groups_asked_for(filled: Verbs) -> None:
    assert filled.page() == Page(KEYS, [], "")
    assert filled.page(delimiter="/") == Page(["file", "z & <é> +%"], ["dir/", "other/"], "")
    assert filled.page(prefix="dir/", delimiter="/") == Page(["dir/a", "dir/b"], ["dir/sub/"], "")
    assert filled.page(prefix="nothing") == Page([], [], "")


def test_pages_of_the_first_version(filled: Verbs) -> None:
    assert filled.page(delimiter="/", limit=2) == Page(["file"], ["dir/"], "file")
    assert filled.page(delimiter="/", limit=2, after="file") == Page(["z & <é> +%"], ["other/"], "")
    assert filled.page(after="dir/b/between") == Page(KEYS[2:], [], "")


def test_pages_of_the_second_version(filled: Verbs) -> None:
    page = filled.page_v2(delimiter="/", limit=3)
    assert page[:2] == (["file"], ["dir/", "other/"])
    assert filled.page_v2(delimiter="/", limit=3, token=page.next)[:2] == (["z & <é> +%"], [])
    assert filled.page_v2(start="file")[:2] == (["other/d", "z & <é> +%"], [])


def test_every_key_is_paged_through_once(client: Verbs) -> None:
    keys = sorted((f"键 {number}+%" for number in range(25)), key=str.encode)
    for key in keys:
        client.store(key, b"")
    if isinstance(client, Oss2Verbs):
        assert [entry.key for entry in oss2.ObjectIterator(client.bucket, max_keys=4)] == keys
        assert [entry.key for entry in oss2.ObjectIteratorV2(client.bucket, max_keys=4)] == keys
        return
    first = client.client.list_objects_paginator(limit=4)
    pages = list(first.iter_page(v2.ListObjectsRequest(bucket=BUCKET, encoding_type="url")))
    assert [entry.key for page in pages for entry in page.contents or ()] == keys
    second = client.client.list_objects_v2_paginator(limit=4)
    pages = list(second.iter_page(v2.ListObjectsV2Request(bucket=BUCKET, encoding_type="url")))
    assert [entry.key for page in pages for entry in page.contents or ()] == keys


def test_entry_says_what_the_object_is(client: Verbs) -> None:
    client.store("a", b"hello", {"x-oss-storage-class": "IA"})
    if isinstance(client, Oss2Verbs):
        (entry,) = client.bucket.list_objects().object_list
        (bare,) = client.bucket.list_objects_v2().object_list
        (owned,) = client.bucket.list_objects_v2(fetch_owner=True).object_list
        owners = (entry.owner.id, bare.owner, owned.owner.id)
    else:
        (entry,) = client.client.list_objects(v2.ListObjectsRequest(bucket=BUCKET)).contents
        (bare,) = client.client.list_objects_v2(v2.ListObjectsV2Request(bucket=BUCKET)).contents
        (owned,) = client.client.list_objects_v2(v2.ListObjectsV2Request(bucket=BUCKET, fetch_owner=True)).contents
        owners = (entry.owner.id, bare.owner, owned.owner.id)
    assert (entry.key, entry.etag.strip('"'), entry.size) == ("a", "5D41402ABC4B2A76B9719D911017C592", 5)
    assert (entry.storage_class, entry.object_type if isinstance(client, OssV2Verbs) else entry.type) == (
        "IA",
        "Normal",
    )
    assert owners == ("1234567890123456", None, "1234567890123456")


@pytest.mark.parametrize("limit", [0, 1001])
def test_page_size_out_of_bounds_is_refused(limit: int, client: Verbs) -> None:
    assert refusal(client.page, limit=limit) == (400, "InvalidArgument")
    assert refusal(client.page_v2, limit=limit) == (400, "InvalidArgument")


def test_made_up_token_is_refused(client: Verbs) -> None:
    assert refusal(client.page_v2, token="none-exist-continue-token") == (400, "InvalidArgument")


def test_delimiter_of_two_characters_is_refused(client: Verbs) -> None:
    assert refusal(client.page, delimiter="//") == (400, "InvalidArgument")


def test_key_with_a_control_character_is_read_because_the_sdks_ask_for_encoding(client: Verbs) -> None:
    client.store("a\x01\x1fb", b"")
    assert client.page().keys == client.page_v2().keys == ["a\x01\x1fb"]


# --- ali-oss ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("v4", [pytest.param(False, id="V1"), pytest.param(True, id="V4")])
def test_ali_oss_pages_through_keys_and_groups(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=v4),
        """
        for (const key of ["dir/a", "dir/b", "dir/sub/c", "file", "other/d", "z & <é> +%"])
          await client.put(key, Buffer.from(key));
        const names = (page) => (page.objects || []).map((object) => object.name);
        const first = await client.list({delimiter: "/", "max-keys": 2});
        const second = await client.list({delimiter: "/", "max-keys": 2, marker: first.nextMarker});
        const v2 = await client.listV2({delimiter: "/", "max-keys": 3});
        const token = v2.nextContinuationToken;
        const next = await client.listV2({delimiter: "/", "max-keys": 3, "continuation-token": token});
        const later = await client.listV2({delimiter: "/", "start-after": "file"});
        return {
          first: [names(first), first.prefixes, first.nextMarker, first.isTruncated],
          second: [names(second), second.prefixes, second.isTruncated],
          v2: [names(v2), v2.prefixes, v2.keyCount, v2.isTruncated],
          next: [names(next), next.keyCount, next.isTruncated],
          later: [names(later), later.prefixes],
          owner: first.objects[0].owner.id, size: first.objects[0].size, type: first.objects[0].type,
        };
        """,
    )
    assert result == {
        "first": [["file"], ["dir/"], "file", True],
        "second": [["z & <é> +%"], ["other/"], False],
        "v2": [["file"], ["dir/", "other/"], 3, True],
        "next": [["z & <é> +%"], 1, False],
        "later": [["z & <é> +%"], ["other/"]],
        "owner": "1234567890123456",
        "size": 4,
        "type": "Normal",
    }
