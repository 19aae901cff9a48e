from urllib.parse import quote

import pytest

from emulator.config import Auth, ConfiguredBucket
from emulator.model import Acl
from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss

HELLO = '"5D41402ABC4B2A76B9719D911017C592"'


async def fill(oss: OssClient, *keys: str) -> None:
    for key in keys:
        assert (await oss.put(quote(key), "hello")).status == 200


async def list_v1(oss: OssClient, query: str = "") -> Response:
    return await oss.request("GET", f"/examplebucket?{query}")


async def list_v2(oss: OssClient, query: str = "") -> Response:
    return await oss.request("GET", f"/examplebucket?list-type=2&{query}")


async def test_list_objects_of_the_documentation(make_oss: MakeOss, clock: HeldClock):
    oss = await make_oss(clock=clock)
    await fill(oss, "fun.txt", "fun/movie/001.avi", "fun/test.jpg", "fun0", "oss.jpg")
    answer = await list_v1(oss, "prefix=fun&delimiter=%2F&max-keys=2")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<ListBucketResult>\n"
        "  <Name>examplebucket</Name>\n"
        "  <Prefix>fun</Prefix>\n"
        "  <Marker></Marker>\n"
        "  <MaxKeys>2</MaxKeys>\n"
        "  <Delimiter>/</Delimiter>\n"
        "  <IsTruncated>true</IsTruncated>\n"
        "  <NextMarker>fun/</NextMarker>\n"
        "  <Contents>\n"
        "    <Key>fun.txt</Key>\n"
        "    <LastModified>2024-06-01T12:00:00.000Z</LastModified>\n"
        f"    <ETag>{HELLO}</ETag>\n"
        "    <Type>Normal</Type>\n"
        "    <Size>5</Size>\n"
        "    <StorageClass>Standard</StorageClass>\n"
        "    <Owner>\n"
        "      <ID>1234567890123456</ID>\n"
        "      <DisplayName>1234567890123456</DisplayName>\n"
        "    </Owner>\n"
        "  </Contents>\n"
        "  <CommonPrefixes>\n"
        "    <Prefix>fun/</Prefix>\n"
        "  </CommonPrefixes>\n"
        "</ListBucketResult>\n"
    )


async def test_list_objects_v2_of_a_page(make_oss: MakeOss, clock: HeldClock):
    oss = await make_oss(clock=clock)
    await fill(oss, "a", "bc", "d/e", "f")
    answer = await list_v2(oss, "max-keys=2&start-after=a&delimiter=/")
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<ListBucketResult>\n"
        "  <Name>examplebucket</Name>\n"
        "  <Prefix></Prefix>\n"
        "  <StartAfter>a</StartAfter>\n"
        "  <MaxKeys>2</MaxKeys>\n"
        "  <Delimiter>/</Delimiter>\n"
        "  <IsTruncated>true</IsTruncated>\n"
        "  <NextContinuationToken>CgJkLw--</NextContinuationToken>\n"
        "  <Contents>\n"
        "    <Key>bc</Key>\n"
        "    <LastModified>2024-06-01T12:00:00.000Z</LastModified>\n"
        f"    <ETag>{HELLO}</ETag>\n"
        "    <Type>Normal</Type>\n"
        "    <Size>5</Size>\n"
        "    <StorageClass>Standard</StorageClass>\n"
        "  </Contents>\n"
        "  <CommonPrefixes>\n"
        "    <Prefix>d/</Prefix>\n"
        "  </CommonPrefixes>\n"
        "  <KeyCount>2</KeyCount>\n"
        "</ListBucketResult>\n"
    )


async def test_an_empty_bucket_lists_as_nothing(oss: OssClient):
    assert (await list_v1(oss)).texts("IsTruncated") == ["false"]
    answer = await list_v2(oss)
    assert (answer.texts("KeyCount"), answer.texts("Contents"), answer.texts("NextContinuationToken")) == (
        ["0"],
        [],
        [],
    )


async def test_list_objects_v2_names_the_owner_only_if_asked(oss: OssClient):
    await fill(oss, "a")
    assert (await list_v2(oss)).texts("Contents/Owner") == []
    assert (await list_v2(oss, "fetch-owner=junk")).texts("Contents/Owner") == []
    assert (await list_v2(oss, "fetch-owner=True")).texts("Contents/Owner/ID") == ["1234567890123456"]


async def test_keys_are_in_the_order_of_their_bytes(oss: OssClient):
    keys = ["A", "B", "a", "a!", "a/", "a/b", "b", "é", "中文", "\uffee", "😀"]
    await fill(oss, *reversed(keys))
    assert (await list_v1(oss)).texts("Contents/Key") == keys


async def test_pages_join_without_gap_or_repetition(oss: OssClient):
    await fill(oss, "d/a", "d/b", "e", "f/a/b", "g")
    for size in (1, 2, 3, 4):
        seen, marker = [], ""
        while True:
            page = await list_v1(oss, f"delimiter=/&max-keys={size}&marker={quote(marker)}")
            seen += sorted(page.texts("Contents/Key") + page.texts("CommonPrefixes/Prefix"))
            if page.texts("IsTruncated") == ["false"]:
                assert page.texts("NextMarker") == []
                break
            [marker] = page.texts("NextMarker")
        assert seen == ["d/", "e", "f/", "g"]


async def test_a_token_continues_and_wins_over_start_after(oss: OssClient):
    await fill(oss, "a", "b", "c/d", "e")
    first = await list_v2(oss, "max-keys=3&delimiter=/")
    [token] = first.texts("NextContinuationToken")
    second = await list_v2(oss, f"delimiter=/&continuation-token={token}&start-after=a")
    assert (second.texts("Contents/Key"), second.texts("CommonPrefixes/Prefix")) == (["e"], [])
    assert (second.texts("ContinuationToken"), second.texts("StartAfter")) == ([token], ["a"])


async def test_a_page_has_a_hundred_keys_unless_it_is_told_otherwise(oss: OssClient):
    await fill(oss, *(f"k{n:03}" for n in range(103)))
    assert len((await list_v1(oss)).texts("Contents/Key")) == 100
    assert (await list_v1(oss, "marker=k099")).texts("Contents/Key") == ["k100", "k101", "k102"]
    assert len((await list_v2(oss, "max-keys=1000")).texts("Contents/Key")) == 103


@pytest.mark.parametrize(
    ("query", "keys", "groups"),
    [
        pytest.param("prefix=d/", ["d/", "d/a", "d/x/y"], [], id="a key that is the prefix"),
        pytest.param("prefix=d/&delimiter=/", ["d/", "d/a"], ["d/x/"], id="a key that is the prefix is no group"),
        pytest.param("delimiter=/", ["f"], ["d/"], id="groups at the top"),
        pytest.param("delimiter=a", ["d/", "d/x/y", "f"], ["d/a"], id="any character delimits"),
        pytest.param("marker=d/a&delimiter=/", ["f"], [], id="a group that the marker is in does not come back"),
        pytest.param("marker=d/b", ["d/x/y", "f"], [], id="a marker that is no key"),
        pytest.param("marker=zzz", [], [], id="a marker past the end"),
        pytest.param("prefix=g", [], [], id="a prefix that no key has"),
        pytest.param("prefix=&marker=&delimiter=&encoding-type=", ["d/", "d/a", "d/x/y", "f"], [], id="all empty"),
    ],
)
async def test_prefix_delimiter_and_marker(oss: OssClient, query: str, keys: list[str], groups: list[str]):
    await fill(oss, "d/", "d/a", "d/x/y", "f")
    answer = await list_v1(oss, query)
    assert (answer.texts("Contents/Key"), answer.texts("CommonPrefixes/Prefix")) == (keys, groups)


async def test_names_are_escaped_as_xml_and_on_request_as_url(oss: OssClient):
    await fill(oss, "城 &<>\"'+%/a", "城 &<>\"'+%/b/c")
    plain = await list_v1(oss, f"prefix={quote('城')}&delimiter=%25")
    assert plain.texts("Prefix") == ["城"]
    assert plain.texts("CommonPrefixes/Prefix") == ["城 &<>\"'+%"]
    encoded = await list_v1(oss, f"prefix={quote('城 &')}&marker={quote('城 &')}&delimiter=%25&encoding-type=url")
    assert encoded.texts("EncodingType") == ["url"]
    assert encoded.texts("Prefix") == encoded.texts("Marker") == ["%E5%9F%8E%20%26"]
    assert encoded.texts("Delimiter") == ["%25"]
    assert encoded.texts("CommonPrefixes/Prefix") == ["%E5%9F%8E%20%26%3C%3E%22%27%2B%25"]
    page = await list_v2(oss, "max-keys=1&start-after=%21&encoding-type=url")
    assert page.texts("StartAfter") == ["%21"]
    assert page.texts("Contents/Key") == ["%E5%9F%8E%20%26%3C%3E%22%27%2B%25%2Fa"]
    rest = await list_v2(oss, f"encoding-type=url&continuation-token={page.texts('NextContinuationToken')[0]}")
    assert rest.texts("Contents/Key") == ["%E5%9F%8E%20%26%3C%3E%22%27%2B%25%2Fb%2Fc"]


async def test_a_key_that_xml_cannot_hold_is_written_raw(oss: OssClient):
    await fill(oss, "a\x01\x1fb")
    assert b"<Key>a\x01\x1fb</Key>" in (await list_v1(oss)).body
    assert (await list_v1(oss, "encoding-type=url")).texts("Contents/Key") == ["a%01%1Fb"]


@pytest.mark.parametrize(
    ("query", "name", "ec"),
    [
        pytest.param("max-keys=0", "max-keys", "0015-00000402", id="no keys"),
        pytest.param("max-keys=1001", "max-keys", "0015-00000402", id="too many keys"),
        pytest.param("prefix=" + "a" * 1024, "prefix", "0015-00000403", id="prefix too long"),
        pytest.param("prefix=%FF", "prefix", "0015-00000403", id="prefix not UTF-8"),
        pytest.param("delimiter=ab", "delimiter", "0015-00000406", id="two delimiters"),
        pytest.param("encoding-type=xml", "encoding-type", None, id="encoding type"),
    ],
)
@pytest.mark.parametrize("version", ["", "list-type=2&"], ids=["V1", "V2"])
async def test_a_bad_parameter_is_refused_by_name(oss: OssClient, version: str, query: str, name: str, ec: str | None):
    answer = await oss.request("GET", f"/examplebucket?{version}{query}")
    assert (answer.status, answer.code, answer.texts("ArgumentName")) == (400, "InvalidArgument", [name])
    assert answer.xml.findtext("EC") == ec


@pytest.mark.parametrize(
    ("query", "name", "ec"),
    [
        pytest.param("marker=" + "a" * 1024, "marker", "0015-00000405", id="marker too long"),
        pytest.param("list-type=2&start-after=" + "a" * 1024, "start-after", "0015-00000405", id="start too long"),
        pytest.param(
            "list-type=2&continuation-token=none-exist-continue-token",
            "continuation-token",
            "0015-00000404",
            id="made-up token",
        ),
        pytest.param("list-type=1", "list-type", "0015-00000401", id="list type"),
        pytest.param("list-type", "list-type", "0015-00000401", id="empty list type"),
    ],
)
async def test_a_bad_parameter_of_one_version_is_refused_by_name(oss: OssClient, query: str, name: str, ec: str):
    answer = await oss.request("GET", f"/examplebucket?{query}")
    assert (answer.status, answer.texts("ArgumentName"), answer.texts("EC")) == (400, [name], [ec])


async def test_listing_is_for_the_owner_unless_the_configuration_opens_it(make_oss: MakeOss):
    buckets = (ConfiguredBucket(name="examplebucket", acl=Acl.PUBLIC_READ_WRITE),)
    closed = await make_oss(auth=Auth(), buckets=buckets)
    refused = await list_v2(closed)
    assert (refused.status, refused.code) == (403, "AccessDenied")
    assert refused.message == "The bucket you access does not belong to you."
    await closed.emulator.stop()
    opened = await make_oss(auth=Auth(anonymous_list=True), buckets=buckets)
    assert (await list_v2(opened)).status == 200


async def test_listing_a_missing_bucket(oss: OssClient):
    answer = await oss.request("GET", "/missing-bucket")
    assert (answer.status, answer.code) == (404, "NoSuchBucket")
