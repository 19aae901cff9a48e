import pytest

from emulator.config import Auth, Server
from tests.client import OssClient
from tests.conftest import HeldClock, MakeOss


async def test_list_buckets_gives_the_address_at_which_the_emulator_was_spoken_to(make_oss: MakeOss, clock: HeldClock):
    oss = await make_oss(clock=clock)
    answer = await oss.request("GET", "/", headers={"Host": "oss.localhost:9000"})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert answer.body.decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<ListAllMyBucketsResult>\n"
        "  <Prefix></Prefix>\n"
        "  <Marker></Marker>\n"
        "  <MaxKeys>100</MaxKeys>\n"
        "  <IsTruncated>false</IsTruncated>\n"
        "  <Owner>\n"
        "    <ID>1234567890123456</ID>\n"
        "    <DisplayName>1234567890123456</DisplayName>\n"
        "  </Owner>\n"
        "  <Buckets>\n"
        "    <Bucket>\n"
        "      <CreationDate>2024-06-01T12:00:00.000Z</CreationDate>\n"
        "      <ExtranetEndpoint>oss.localhost:9000</ExtranetEndpoint>\n"
        "      <IntranetEndpoint>oss.localhost:9000</IntranetEndpoint>\n"
        "      <Location>oss-cn-hangzhou</Location>\n"
        "      <Name>examplebucket</Name>\n"
        "      <Region>cn-hangzhou</Region>\n"
        "      <ResourceGroupId></ResourceGroupId>\n"
        "      <StorageClass>Standard</StorageClass>\n"
        "    </Bucket>\n"
        "  </Buckets>\n"
        "</ListAllMyBucketsResult>\n"
    )


async def test_list_buckets_gives_the_configured_endpoint_if_there_is_one(make_oss: MakeOss):
    server = Server(host="127.0.0.1", port=0, public_endpoint="https://oss.test:8443")
    oss = await make_oss(server=server, auth=Auth(mode="off", region="any"))
    answer = await oss.request("GET", "/")
    assert answer.texts("Buckets/Bucket/ExtranetEndpoint") == ["oss.test:8443"]
    assert answer.texts("Buckets/Bucket/Location") == ["oss-cn-hangzhou"]


async def test_list_buckets_of_an_account_without_any(make_oss: MakeOss):
    oss = await make_oss(buckets=())
    assert b"<Buckets></Buckets>" in (await oss.request("GET", "/")).body


async def test_list_buckets_goes_by_prefix_marker_and_page(make_oss: MakeOss):
    oss = await make_oss(buckets=("my-1", "my-2", "my-3", "other"))
    first = await oss.request("GET", "/?prefix=my&max-keys=2")
    assert (first.texts("Buckets/Bucket/Name"), first.texts("IsTruncated")) == (["my-1", "my-2"], ["true"])
    assert first.texts("NextMarker") == ["my-2"]
    last = await oss.request("GET", "/?prefix=my&max-keys=2&marker=my-2")
    assert (last.texts("Buckets/Bucket/Name"), last.texts("IsTruncated")) == (["my-3"], ["false"])
    assert last.texts("NextMarker") == []


@pytest.mark.parametrize("value", ["0", "1001", "many", ""])
async def test_list_buckets_with_a_bad_page_size_is_refused(oss: OssClient, value: str):
    answer = await oss.request("GET", f"/?max-keys={value}")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert answer.message == "Argument max-keys must be an integer between 1 and 1000."
    assert answer.texts("EC") == ["0017-00000289"]


def tagging(**tags: str) -> str:
    inside = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in tags.items())
    return f"<Tagging><TagSet>{inside}</TagSet></Tagging>"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("tag-key=a", ["my-1", "my-2"]),
        ("tag-key=a&tag-value=1", ["my-1"]),
        ("tag-key=a&tag-value=", []),
        ("tag-key=missing", []),
        ("tagging=%22a%22:%222%22,%22b%22:%22%E6%9D%AD%E5%B7%9E%22", ["my-2"]),
        ("tagging=%22a%22:%221%22,%22b%22:%22%E6%9D%AD%E5%B7%9E%22", []),
        ("tagging=", ["my-1", "my-2", "my-3"]),
        ("tag-key=a&prefix=my-2", ["my-2"]),
        ("tag-key=a&max-keys=1", ["my-1"]),
        ("tag-key=a&marker=my-1", ["my-2"]),
    ],
)
async def test_list_buckets_with_tags(make_oss: MakeOss, query: str, names: list[str]):
    oss = await make_oss(buckets=("my-1", "my-2", "my-3"))
    await oss.request("PUT", "/my-1?tagging", body=tagging(a="1"))
    await oss.request("PUT", "/my-2?tagging", body=tagging(a="2", b="杭州"))
    answer = await oss.request("GET", f"/?{query}")
    assert answer.texts("Buckets/Bucket/Name") == names
    assert answer.texts("IsTruncated") == ["true" if "max-keys=1" in query else "false"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("tag-value=1", "tag-value"),
        ("tag-key=a&tagging=%22a%22:%221%22", "tagging"),
        ("tagging=a:1", "tagging"),
        ("tagging=%22a%22:1", "tagging"),
    ],
)
async def test_list_buckets_with_tags_that_are_not_asked_for_as_they_must_be(oss: OssClient, query: str, name: str):
    answer = await oss.request("GET", f"/?{query}")
    assert (answer.status, answer.code, answer.texts("ArgumentName")) == (400, "InvalidArgument", [name])


async def test_list_buckets_of_a_resource_group(make_oss: MakeOss):
    oss = await make_oss(buckets=("my-1", "my-2"))
    group = {"x-oss-resource-group-id": "rg-one"}
    assert (await oss.request("PUT", "/my-3", headers=group)).status == 200
    body = (
        "<BucketResourceGroupConfiguration><ResourceGroupId>rg-one</ResourceGroupId></BucketResourceGroupConfiguration>"
    )
    assert (await oss.request("PUT", "/my-1?resourceGroup", body=body)).status == 200
    answer = await oss.request("GET", "/", headers=group)
    assert answer.texts("Buckets/Bucket/Name") == ["my-1", "my-3"]
    assert answer.texts("Buckets/Bucket/ResourceGroupId") == ["rg-one", "rg-one"]
    refused = await oss.request("PUT", "/my-4", headers={"x-oss-resource-group-id": "one"})
    assert (refused.status, refused.code) == (400, "ResourceGroupIdPreCheckError")


# --- DescribeRegions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["regions", "regions=", "regions=oss-cn-hangzhou"])
async def test_describe_regions_tells_the_endpoints_of_the_one_region(oss: OssClient, query: str):
    answer = await oss.request("GET", f"/?{query}")
    assert (answer.status, answer.xml.tag) == (200, "RegionInfoList")
    assert [(child.tag, child.text) for child in answer.xml.findall("RegionInfo/*")] == [
        ("Region", "oss-cn-hangzhou"),
        ("InternetEndpoint", "oss-cn-hangzhou.aliyuncs.com"),
        ("InternalEndpoint", "oss-cn-hangzhou-internal.aliyuncs.com"),
        ("AccelerateEndpoint", "oss-accelerate.aliyuncs.com"),
    ]


async def test_describe_regions_follows_the_configuration(make_oss: MakeOss):
    server = Server(host="127.0.0.1", port=0, public_endpoint="http://oss.test:8280")
    oss = await make_oss(server=server, auth=Auth(mode="off", region="cn-beijing"))
    answer = await oss.request("GET", "/?regions")
    assert answer.texts("RegionInfo/Region") == ["oss-cn-beijing"]
    assert (
        answer.texts("RegionInfo/InternetEndpoint") == answer.texts("RegionInfo/InternalEndpoint") == ["oss.test:8280"]
    )


async def test_describe_regions_knows_no_other(oss: OssClient):
    answer = await oss.request("GET", "/?regions=oss-cn-beijing")
    assert (answer.status, answer.code) == (404, "NoSuchRegion")


# --- Who may ----------------------------------------------------------------------------------------------------------


async def test_list_buckets_is_not_for_anonymous_clients(make_oss: MakeOss):
    oss = await make_oss(auth=Auth())
    answer = await oss.request("GET", "/")
    assert (answer.status, answer.code) == (403, "AccessDenied")
