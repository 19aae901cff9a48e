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


@pytest.mark.parametrize("query", ["tag-key=a", "tag-value=b", "tagging=%22a%22:%22b%22"])
async def test_list_buckets_by_tag_is_not_emulated(oss: OssClient, query: str):
    answer = await oss.request("GET", f"/?{query}")
    assert (answer.status, answer.code) == (501, "NotImplemented")


async def test_list_buckets_is_not_for_anonymous_clients(make_oss: MakeOss):
    oss = await make_oss(auth=Auth())
    answer = await oss.request("GET", "/")
    assert (answer.status, answer.code) == (403, "AccessDenied")
