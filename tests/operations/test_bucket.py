import base64
import hashlib

import pytest

from emulator.config import Server
from tests.client import OssClient
from tests.conftest import HeldClock, MakeOss


def configuration(**elements: str) -> str:
    inside = "".join(f"<{name}>{text}</{name}>" for name, text in elements.items())
    return f"<CreateBucketConfiguration>{inside}</CreateBucketConfiguration>"


async def test_put_bucket_makes_a_private_bucket_of_the_standard_class(oss: OssClient):
    answer = await oss.request("PUT", "/new-bucket")
    assert (answer.status, answer.headers["location"], answer.body) == (200, "/new-bucket", b"")
    info = await oss.request("GET", "/new-bucket?bucketInfo")
    assert info.texts("Bucket/AccessControlList/Grant") == ["private"]
    assert info.texts("Bucket/StorageClass") == ["Standard"]


async def test_put_bucket_takes_acl_class_and_redundancy(oss: OssClient):
    body = configuration(LocationConstraint="oss-cn-hangzhou", StorageClass="IA", DataRedundancyType="ZRS")
    answer = await oss.request("PUT", "/new-bucket", headers={"x-oss-acl": "public-read"}, body=body)
    assert answer.status == 200
    info = await oss.request("GET", "/new-bucket?bucketInfo")
    assert info.texts("Bucket/AccessControlList/Grant") == ["public-read"]
    assert info.texts("Bucket/StorageClass") == ["IA"]
    assert info.texts("Bucket/DataRedundancyType") == ["ZRS"]
    await oss.request("PUT", "/new-bucket/a", body="x")
    assert (await oss.request("HEAD", "/new-bucket/a")).headers["x-oss-storage-class"] == "IA"


@pytest.mark.parametrize(
    ("sent", "rule"),
    [
        pytest.param({"": "SM4"}, {"SSEAlgorithm": "SM4"}, id="SM4"),
        pytest.param({"": "AES256", "-data": "SM4"}, {"SSEAlgorithm": "AES256"}, id="a data encryption beside AES256"),
        pytest.param(
            {"": "KMS", "-key": "key", "-data": "SM4"},
            {"SSEAlgorithm": "KMS", "KMSMasterKeyID": "key", "KMSDataEncryption": "SM4"},
            id="KMS",
        ),
    ],
)
async def test_put_bucket_takes_an_encryption(oss: OssClient, sent: dict[str, str], rule: dict[str, str]):
    names = {
        "": "server-side-encryption",
        "-key": "server-side-encryption-key-id",
        "-data": "server-side-data-encryption",
    }
    headers = {f"x-oss-{names[name]}": value for name, value in sent.items()}
    assert (await oss.request("PUT", "/new-bucket", headers=headers)).status == 200
    for target, path in (
        ("encryption", "ApplyServerSideEncryptionByDefault"),
        ("bucketInfo", "Bucket/ServerSideEncryptionRule"),
    ):
        (found,) = (await oss.request("GET", f"/new-bucket?{target}")).xml.findall(path)
        assert {each.tag: each.text for each in found} == rule


async def test_put_bucket_with_an_encryption_that_there_is_not_makes_none(oss: OssClient):
    answer = await oss.request("PUT", "/new-bucket", headers={"x-oss-server-side-encryption": "DES"})
    assert (answer.status, answer.code) == (400, "InvalidEncryptionAlgorithmError")
    assert (await oss.request("HEAD", "/new-bucket")).status == 404


@pytest.mark.parametrize("body", ["", configuration(), configuration(StorageClass="Standard")])
async def test_put_bucket_again_keeps_what_is_there(oss: OssClient, body: str):
    await oss.put("a", "x")
    assert (await oss.request("PUT", "/examplebucket", body=body)).status == 200
    assert (await oss.get("a")).body == b"x"


async def test_put_bucket_again_changes_the_acl_if_one_is_given(oss: OssClient):
    await oss.request("PUT", "/examplebucket", headers={"x-oss-acl": "public-read"})
    await oss.request("PUT", "/examplebucket")
    assert (await oss.request("GET", "/examplebucket?acl")).texts("AccessControlList/Grant") == ["public-read"]


@pytest.mark.parametrize(
    ("element", "value", "message"),
    [
        ("StorageClass", "IA", "Cannot modify existing bucket's storage class."),
        ("DataRedundancyType", "ZRS", "Bucket already exists CAN'T modify data redundancy type."),
    ],
)
async def test_put_bucket_again_with_another_nature_is_refused(oss: OssClient, element: str, value: str, message: str):
    answer = await oss.request("PUT", "/examplebucket", body=configuration(**{element: value}))
    assert (answer.status, answer.code, answer.message) == (409, "BucketAlreadyExists", message)
    assert answer.texts("BucketName") == ["examplebucket"]


@pytest.mark.parametrize("name", ["ab", "-abc", "abc-", "Abc", "a_b", "a.b", "a" * 64, "%E5%9F%8E%E5%9F%8E%E5%9F%8E"])
async def test_put_bucket_with_a_bad_name_is_refused(oss: OssClient, name: str):
    answer = await oss.request("PUT", f"/{name}")
    assert (answer.status, answer.code, answer.texts("EC")) == (400, "InvalidBucketName", ["0015-00000001"])


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        pytest.param({"x-oss-acl": "default"}, "", "InvalidArgument", id="ACL for objects"),
        pytest.param({"x-oss-acl": ""}, "", "InvalidArgument", id="empty ACL"),
        pytest.param({}, configuration(StorageClass="Cold"), "InvalidArgument", id="class"),
        pytest.param({}, configuration(DataRedundancyType="XRS"), "MalformedXML", id="redundancy"),
        pytest.param({}, configuration(LocationConstraint="oss-mars"), "InvalidLocationConstraint", id="location"),
        pytest.param({}, "<Bucket/>", "MalformedXML", id="another root"),
        pytest.param({}, "{}", "MalformedXML", id="no XML"),
        pytest.param({}, "<!--" + "x" * 2_100_000 + "-->", "MalformedXML", id="too long"),
        pytest.param({"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, configuration(), "InvalidDigest", id="digest"),
        pytest.param({"x-oss-hns-status": "enabled"}, "", "NotImplemented", id="hierarchical namespace"),
    ],
)
async def test_put_bucket_that_is_refused_makes_no_bucket(
    oss: OssClient, headers: dict[str, str], body: str, code: str
):
    answer = await oss.request("PUT", "/new-bucket", headers=headers, body=body)
    assert answer.code == code
    assert (await oss.request("HEAD", "/new-bucket")).status == 404


async def test_put_bucket_with_a_digest_that_fits(oss: OssClient):
    body = configuration(StorageClass="IA")
    digest = base64.b64encode(hashlib.md5(body.encode()).digest()).decode()
    assert (await oss.request("PUT", "/new-bucket", headers={"Content-MD5": digest}, body=body)).status == 200


async def test_delete_bucket_deletes_an_empty_bucket_alone(oss: OssClient):
    await oss.put("a")
    full = await oss.request("DELETE", "/examplebucket")
    assert (full.status, full.code, full.texts("BucketName")) == (409, "BucketNotEmpty", ["examplebucket"])
    await oss.request("DELETE", "/examplebucket/a")
    assert (await oss.request("DELETE", "/examplebucket")).status == 204
    gone = await oss.request("DELETE", "/examplebucket")
    assert (gone.status, gone.code, gone.texts("EC")) == (404, "NoSuchBucket", ["0015-00000101"])


async def test_head_bucket_says_where_it_is(oss: OssClient):
    answer = await oss.request("HEAD", "/examplebucket")
    assert (answer.status, answer.headers["x-oss-bucket-region"]) == (200, "oss-cn-hangzhou")
    missing = await oss.request("HEAD", "/missing-bucket")
    assert missing.status == 404
    assert b"<Code>NoSuchBucket</Code>" in base64.b64decode(missing.headers["x-oss-err"])


async def test_get_bucket_info_answers_the_whole_document(make_oss: MakeOss, clock: HeldClock):
    oss = await make_oss(clock=clock)
    answer = await oss.request("GET", "/examplebucket?bucketInfo")
    assert answer.status == 200
    bucket = answer.xml.find("Bucket")
    assert bucket is not None
    assert {child.tag: child.text or "" for child in bucket if not len(child)} == {
        "AccessMonitor": "Disabled",
        "BlockPublicAccess": "true",
        "Comment": "",
        "CreationDate": "2024-06-01T12:00:00.000Z",
        "CrossRegionReplication": "Disabled",
        "DataRedundancyType": "LRS",
        "ExtranetEndpoint": "oss-cn-hangzhou.aliyuncs.com",
        "IntranetEndpoint": "oss-cn-hangzhou-internal.aliyuncs.com",
        "Location": "oss-cn-hangzhou",
        "Name": "examplebucket",
        "ResourceGroupId": "",
        "StorageClass": "Standard",
        "TransferAcceleration": "Disabled",
    }
    assert [child.tag for child in bucket.findall("Owner/*")] == ["DisplayName", "ID"]
    assert answer.texts("Bucket/ServerSideEncryptionRule/SSEAlgorithm") == ["None"]


@pytest.mark.parametrize(
    ("sub_resource", "document", "told"),
    [
        pytest.param(
            "logging",
            "<BucketLoggingStatus><LoggingEnabled><TargetBucket>examplebucket</TargetBucket>"
            "<TargetPrefix>p-</TargetPrefix></LoggingEnabled></BucketLoggingStatus>",
            {"BucketPolicy/LogBucket": "examplebucket", "BucketPolicy/LogPrefix": "p-"},
            id="logging",
        ),
        pytest.param(
            "encryption",
            "<ServerSideEncryptionRule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>KMS</SSEAlgorithm>"
            "<KMSMasterKeyID>key</KMSMasterKeyID><KMSDataEncryption>SM4</KMSDataEncryption>"
            "</ApplyServerSideEncryptionByDefault></ServerSideEncryptionRule>",
            {
                "ServerSideEncryptionRule/SSEAlgorithm": "KMS",
                "ServerSideEncryptionRule/KMSMasterKeyID": "key",
                "ServerSideEncryptionRule/KMSDataEncryption": "SM4",
            },
            id="encryption",
        ),
        pytest.param(
            "accessmonitor",
            "<AccessMonitorConfiguration><Status>Enabled</Status></AccessMonitorConfiguration>",
            {"AccessMonitor": "Enabled"},
            id="access monitor",
        ),
        pytest.param(
            "transferAcceleration",
            "<TransferAccelerationConfiguration><Enabled>true</Enabled></TransferAccelerationConfiguration>",
            {"TransferAcceleration": "Enabled"},
            id="transfer acceleration",
        ),
        pytest.param(
            "publicAccessBlock",
            "<PublicAccessBlockConfiguration><BlockPublicAccess>false</BlockPublicAccess></PublicAccessBlockConfiguration>",
            {"BlockPublicAccess": "false"},
            id="public access block",
        ),
        pytest.param(
            "resourceGroup",
            "<BucketResourceGroupConfiguration><ResourceGroupId>rg-one</ResourceGroupId>"
            "</BucketResourceGroupConfiguration>",
            {"ResourceGroupId": "rg-one"},
            id="resource group",
        ),
    ],
)
async def test_get_bucket_info_tells_the_settings(
    oss: OssClient, sub_resource: str, document: str, told: dict[str, str]
):
    assert (await oss.request("PUT", f"/examplebucket?{sub_resource}", body=document)).status == 200
    answer = await oss.request("GET", "/examplebucket?bucketInfo")
    assert {path: answer.xml.findtext(f"Bucket/{path}") for path in told} == told


async def test_get_bucket_info_with_a_public_endpoint(make_oss: MakeOss):
    oss = await make_oss(server=Server(host="127.0.0.1", port=0, public_endpoint="http://oss.test"))
    answer = await oss.request("GET", "/examplebucket?bucketInfo")
    assert answer.texts("Bucket/ExtranetEndpoint") == answer.texts("Bucket/IntranetEndpoint") == ["oss.test"]


async def test_get_bucket_location_is_the_root_s_text(oss: OssClient):
    answer = await oss.request("GET", "/examplebucket?location")
    assert (answer.xml.tag, answer.xml.text) == ("LocationConstraint", "oss-cn-hangzhou")


async def test_get_bucket_stat_counts_by_class(make_oss: MakeOss, clock: HeldClock):
    oss = await make_oss(clock=clock)
    empty = await oss.request("GET", "/examplebucket?stat")
    assert {child.text for child in empty.xml} == {"0"}
    await oss.put("a", "12345")
    await oss.put("b", "123", x_oss_storage_class="IA")
    await oss.put("c", "1", x_oss_storage_class="DeepColdArchive")
    await oss.put("a", "12")
    stat = {child.tag: int(child.text or "") for child in (await oss.request("GET", "/examplebucket?stat")).xml}
    assert {name: number for name, number in stat.items() if number} == {
        "Storage": 6,
        "ObjectCount": 3,
        "LastModifiedTime": 1717243200,
        "StandardStorage": 2,
        "StandardObjectCount": 1,
        "InfrequentAccessStorage": 3,
        "InfrequentAccessRealStorage": 3,
        "InfrequentAccessObjectCount": 1,
        "DeepColdArchiveStorage": 1,
        "DeepColdArchiveRealStorage": 1,
        "DeepColdArchiveObjectCount": 1,
    }
    assert list(stat)[:7] == [
        "Storage",
        "ObjectCount",
        "MultipartUploadCount",
        "LiveChannelCount",
        "LastModifiedTime",
        "StandardStorage",
        "StandardObjectCount",
    ]


@pytest.mark.parametrize("versioning", ["", "Enabled", "Suspended"])
async def test_get_bucket_stat_is_what_the_listing_of_versions_adds_up_to(oss: OssClient, versioning: str):
    async def check() -> None:
        listed = await oss.request("GET", "/examplebucket?versions&max-keys=1000")
        stat = await oss.request("GET", "/examplebucket?stat")
        sizes = [int(size) for size in listed.texts("Version/Size")]
        ia = [size for size, name in zip(sizes, listed.texts("Version/StorageClass"), strict=True) if name == "IA"]
        found = [
            *("Storage", "ObjectCount", "StandardStorage", "StandardObjectCount"),
            *("InfrequentAccessStorage", "InfrequentAccessObjectCount", "DeleteMarkerCount"),
        ]
        assert [int(stat.texts(name)[0]) for name in found] == [
            *(sum(sizes), len(sizes), sum(sizes) - sum(ia), len(sizes) - len(ia)),
            *(sum(ia), len(ia), len(listed.texts("DeleteMarker/Key"))),
        ]

    await oss.put("a", "before")
    if versioning:
        body = f"<VersioningConfiguration><Status>{versioning}</Status></VersioningConfiguration>"
        await oss.request("PUT", "/examplebucket?versioning", body=body)
    for size in (10, 5, 0, 20):
        await oss.put("a", "x" * size)
        await oss.put("b", "x" * size, x_oss_storage_class="IA" if size > 5 else "Standard")
        await check()
    onto_itself = {"x-oss-copy-source": "/examplebucket/b", "x-oss-storage-class": "Standard"}
    await oss.request("PUT", "/examplebucket/b", headers=onto_itself)
    for position in (0, 5):
        await oss.request("POST", f"/examplebucket/grows?append&position={position}", body="hello")
    (upload_id,) = (await oss.request("POST", "/examplebucket/parts?uploads")).texts("UploadId")
    await oss.request("PUT", f"/examplebucket/parts?partNumber=1&uploadId={upload_id}", body="part")
    await check()
    whole = {"x-oss-complete-all": "yes"}
    await oss.request("POST", f"/examplebucket/parts?uploadId={upload_id}", headers=whole)
    await check()
    for key in ("a", "b", "a", "grows"):
        await oss.request("DELETE", f"/examplebucket/{key}")
        await check()
    versions = await oss.request("GET", "/examplebucket?versions&max-keys=1000")
    for kind in ("Version", "DeleteMarker"):
        for key, version_id in zip(versions.texts(f"{kind}/Key"), versions.texts(f"{kind}/VersionId"), strict=True):
            await oss.request("DELETE", f"/examplebucket/{key}?versionId={version_id}")
            await check()
    assert (await oss.request("GET", "/examplebucket?stat")).texts("ObjectCount") == ["0"]


@pytest.mark.parametrize("sub_resource", ["bucketInfo", "location", "stat", "acl"])
async def test_questions_about_a_missing_bucket(oss: OssClient, sub_resource: str):
    answer = await oss.request("GET", f"/missing-bucket?{sub_resource}")
    assert (answer.status, answer.code, answer.texts("BucketName")) == (404, "NoSuchBucket", ["missing-bucket"])
