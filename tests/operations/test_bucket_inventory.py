import asyncio

import pytest

from tests.client import OssClient, Response


def inventory(name: str, **changed: str) -> str:
    """An InventoryConfiguration as GetBucketInventory writes it, but for the indentation."""
    elements = {
        "Id": name,
        "IsEnabled": "true",
        "Filter": "<Prefix>a/</Prefix><LowerSizeBound>1</LowerSizeBound>",
        "Destination": "<OSSBucketDestination><Format>CSV</Format><AccountId>1234567890123456</AccountId>"
        "<RoleArn>acs:ram::1234567890123456:role/role</RoleArn><Bucket>acs:oss:::examplebucket</Bucket><Prefix>p</Prefix>"
        "<Encryption><SSE-KMS><KeyId>key</KeyId></SSE-KMS></Encryption></OSSBucketDestination>",
        "Schedule": "<Frequency>Daily</Frequency>",
        "IncludedObjectVersions": "All",
        "OptionalFields": "<Field>Size</Field><Field>ETag</Field>",
        **changed,
    }
    inside = "".join(f"<{name}>{text}</{name}>" for name, text in elements.items() if text)
    return f"<InventoryConfiguration>{inside}</InventoryConfiguration>"


async def put(oss: OssClient, name: str, body: str = "") -> Response:
    return await oss.request("PUT", f"/examplebucket?inventory&inventoryId={name}", body=body or inventory(name))


def bare(document: bytes) -> str:
    return "".join(line.strip() for line in document.decode().splitlines()[1:])


async def test_an_inventory_is_put_read_and_deleted(oss: OssClient):
    answer = await put(oss, "one")
    assert (answer.status, answer.body) == (200, b"")
    answer = await oss.request("GET", "/examplebucket?inventory&inventoryId=one")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert bare(answer.body) == inventory("one")
    for _ in range(2):
        assert (await oss.request("DELETE", "/examplebucket?inventory&inventoryId=one")).status == 204
        answer = await oss.request("GET", "/examplebucket?inventory&inventoryId=one")
        assert (answer.status, answer.code) == (404, "NoSuchInventory")
        assert answer.message == "No Row found in Inventory Table."


async def test_an_inventory_is_not_replaced(oss: OssClient):
    await put(oss, "one")
    answer = await put(oss, "one", inventory("one", IsEnabled="false"))
    assert (answer.status, answer.code) == (409, "InventoryConfigurationAlreadyExists")
    answer = await oss.request("GET", "/examplebucket?inventory&inventoryId=one")
    assert answer.texts("IsEnabled") == ["true"]


async def test_inventories_are_listed_by_id_a_hundred_a_page(oss: OssClient):
    answer = await oss.request("GET", "/examplebucket?inventory")
    assert (answer.status, answer.code) == (404, "NoSuchInventory")
    names = [f"{number:03}" for number in range(101)]
    await asyncio.gather(*(put(oss, name) for name in reversed(names)))
    page = await oss.request("GET", "/examplebucket?inventory")
    assert page.texts("InventoryConfiguration/Id") == names[:100]
    assert page.texts("IsTruncated") == ["true"]
    assert (
        page.texts("InventoryConfiguration/Destination/OSSBucketDestination/Encryption/SSE-KMS/KeyId") == ["key"] * 100
    )
    (token,) = page.texts("NextContinuationToken")
    page = await oss.request("GET", f"/examplebucket?inventory&continuation-token={token}")
    assert (page.texts("InventoryConfiguration/Id"), page.texts("IsTruncated")) == (names[100:], ["false"])
    assert page.texts("ContinuationToken") == [token]
    assert page.texts("NextContinuationToken") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(inventory("two"), "InvalidArgument", id="the id of another"),
        pytest.param(inventory(""), "MalformedXML", id="no id"),
        pytest.param(inventory("one", Destination=""), "MalformedXML", id="no destination"),
        pytest.param(inventory("one", Schedule="<Frequency>Hourly</Frequency>"), "MalformedXML", id="too often"),
        pytest.param(inventory("one", IsEnabled="yes"), "MalformedXML", id="no boolean"),
        pytest.param("<Inventory/>", "MalformedXML", id="another root"),
    ],
)
async def test_what_is_no_inventory_is_refused(oss: OssClient, body: str, code: str):
    answer = await put(oss, "one", body)
    assert (answer.status, answer.code) == (400, code)
    assert (await oss.request("GET", "/examplebucket?inventory")).texts("InventoryConfiguration/Id") == []
