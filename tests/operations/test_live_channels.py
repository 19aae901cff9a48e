from tests.client import OssClient


async def test_a_bucket_has_no_live_channels(oss: OssClient):
    answer = await oss.request("GET", "/examplebucket?live&prefix=a&marker=b&max-keys=7")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert [(each.tag, each.text or "") for each in answer.xml] == [
        ("Prefix", "a"),
        ("Marker", "b"),
        ("MaxKeys", "7"),
        ("IsTruncated", "false"),
        ("NextMarker", ""),
    ]
    assert (await oss.request("GET", "/examplebucket?live")).texts("MaxKeys") == ["100"]


async def test_live_channels_that_cannot_be_listed(oss: OssClient):
    assert (await oss.request("GET", "/missing-bucket?live")).code == "NoSuchBucket"
    assert (await oss.request("GET", "/examplebucket?live&max-keys=0")).code == "InvalidArgument"


async def test_a_live_channel_cannot_be_made(oss: OssClient):
    answer = await oss.request("PUT", "/examplebucket/channel?live", body="<LiveChannelConfiguration/>")
    assert (answer.status, answer.code) == (501, "NotImplemented")
