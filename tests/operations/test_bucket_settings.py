"""The settings of a bucket that are documents: what is put comes back, in OSS's order, or is refused."""

from typing import NamedTuple

import pytest

from emulator.wire.attributes import DEFAULT_KMS_KEY_ID
from tests.client import OssClient, Response
from tests.forms import form, post


class Row(NamedTuple):
    """A setting: what GET answers before anybody has set it, a document, and how it comes back."""

    sub_resource: str
    absent: str
    put: str
    got: str


def row(sub_resource: str, absent: str, put: str, got: str = "") -> object:
    """`absent` is a document or a Code; `got` is `put` where it is not given."""
    return pytest.param(Row(sub_resource, absent, put, got or put), id=sub_resource)


def inside(**elements: object) -> str:
    """Elements that hold text; of a list there is one for each."""
    return "".join(
        f"<{name}>{text}</{name}>"
        for name, texts in elements.items()
        for text in (texts if isinstance(texts, list) else [texts])
    )


def element(root: str, **elements: object) -> str:
    return f"<{root}>{inside(**elements)}</{root}>"


def logging_to(bucket: str, **others: str) -> str:
    return element("BucketLoggingStatus", LoggingEnabled=inside(TargetBucket=bucket, **others))


def encryption(**elements: str) -> str:
    return element("ServerSideEncryptionRule", ApplyServerSideEncryptionByDefault=inside(**elements))


def object_worm(retention: str) -> str:
    return (
        "<ObjectWormConfiguration><ObjectWormEnabled>Enabled</ObjectWormEnabled><Rule><DefaultRetention>"
        f"<Mode>COMPLIANCE</Mode>{retention}</DefaultRetention></Rule></ObjectWormConfiguration>"
    )


REFERERS = "<RefererList><Referer>http://*.a.test</Referer><Referer>http://b.test</Referer></RefererList>"
BLACKLIST = "<RefererBlacklist><Referer>http://bad.a.test</Referer></RefererBlacklist>"
RULE = (
    "<Rule><ID>one</ID><Action>forbid</Action><Prefix>a/</Prefix><Suffix>.txt</Suffix>"
    "<Principals><Principal>1234567890123456</Principal></Principals></Rule>"
)

ROWS = [
    row("logging", "<BucketLoggingStatus></BucketLoggingStatus>", logging_to("examplebucket", TargetPrefix="p-")),
    row(
        "userDefinedLogFieldsConfig",
        "NoSuchUserDefinedLogFieldsConfig",
        "<UserDefinedLogFieldsConfiguration><HeaderSet><header>a</header><header>b</header></HeaderSet>"
        "<ParamSet><parameter>c</parameter></ParamSet></UserDefinedLogFieldsConfiguration>",
    ),
    row(
        "referer",
        "<RefererConfiguration><AllowEmptyReferer>true</AllowEmptyReferer>"
        "<AllowTruncateQueryString>true</AllowTruncateQueryString><TruncatePath>false</TruncatePath>"
        "<RefererList></RefererList></RefererConfiguration>",
        f"<RefererConfiguration>{BLACKLIST}{REFERERS}<AllowEmptyReferer>false</AllowEmptyReferer></RefererConfiguration>",
        "<RefererConfiguration><AllowEmptyReferer>false</AllowEmptyReferer>"
        "<AllowTruncateQueryString>true</AllowTruncateQueryString><TruncatePath>false</TruncatePath>"
        f"{REFERERS}{BLACKLIST}</RefererConfiguration>",
    ),
    row(
        "encryption",
        "NoSuchServerSideEncryptionRule",
        encryption(SSEAlgorithm="KMS", KMSMasterKeyID="key", KMSDataEncryption="SM4"),
    ),
    row(
        "requestPayment",
        element("RequestPaymentConfiguration", Payer="BucketOwner"),
        element("RequestPaymentConfiguration", Payer="Requester"),
    ),
    row(
        "transferAcceleration",
        "NoSuchTransferAccelerationConfiguration",
        element("TransferAccelerationConfiguration", Enabled="True"),
        element("TransferAccelerationConfiguration", Enabled="true"),
    ),
    row(
        "accessmonitor",
        element("AccessMonitorConfiguration", Status="Disabled"),
        element("AccessMonitorConfiguration", Status="Enabled"),
    ),
    row(
        "publicAccessBlock",
        element("PublicAccessBlockConfiguration", BlockPublicAccess="false"),
        element("PublicAccessBlockConfiguration", BlockPublicAccess="true"),
    ),
    row(
        "resourceGroup",
        element("BucketResourceGroupConfiguration", ResourceGroupId=""),
        element("BucketResourceGroupConfiguration", ResourceGroupId="rg-aek27tc"),
    ),
    row(
        "httpsConfig",
        element("HttpsConfiguration", TLS="<Enable>false</Enable>"),
        element(
            "HttpsConfiguration",
            TLS="<Enable>true</Enable><TLSVersion>TLSv1.2</TLSVersion><TLSVersion>TLSv1.3</TLSVersion>",
            CipherSuite="<Enable>true</Enable><StrongCipherSuite>false</StrongCipherSuite>"
            "<CustomCipherSuite>ECDHE-RSA-AES128-SHA256</CustomCipherSuite>"
            "<TLS13CustomCipherSuite>TLS_AES_128_GCM_SHA256</TLS13CustomCipherSuite>",
        ),
    ),
    row(
        "bucketArchiveDirectRead",
        "NoSuchArchiveDirectReadConfiguration",
        element("ArchiveDirectReadConfiguration", Enabled="true"),
    ),
    row(
        "overwriteConfig",
        "NoSuchBucketOverwriteConfig",
        f"<OverwriteConfiguration>{RULE}<Rule><Action>forbid</Action></Rule></OverwriteConfiguration>",
    ),
    row("objectWorm", "NoSuchWORMConfiguration", object_worm("<Days>7</Days>")),
    row(
        "qosInfo",
        "NoSuchBucketQosInfo",
        element("QoSConfiguration", TotalQps=100, TotalUploadBandwidth=-1),
        element(
            "QoSConfiguration",
            **{
                f"{side}{way}Bandwidth": -1
                for way in ("Upload", "Download")
                for side in ("Total", "Intranet", "Extranet")
            },
            TotalQps=100,
            IntranetQps=-1,
            ExtranetQps=-1,
        ),
    ),
    row("qos", element("BucketUserQos", StorageCapacity=-1), element("BucketUserQos", StorageCapacity=100)),
    row(
        "quota",
        "NoSuchBucketStorageQuota",
        element("QuotaConfiguration", StorageQuota=1048576, Mode="Strict"),
    ),
]
DELETABLE = {
    *("logging", "userDefinedLogFieldsConfig", "encryption", "publicAccessBlock", "overwriteConfig", "qosInfo"),
    "quota",
}


async def ask(oss: OssClient, method: str, sub_resource: str, body: str = "") -> Response:
    return await oss.request(method, f"/examplebucket?{sub_resource}", body=body)


def bare(document: bytes) -> str:
    """A document without its declaration and its indentation."""
    declaration, *lines = document.decode().split("\n")
    assert declaration == '<?xml version="1.0" encoding="UTF-8"?>'
    return "".join(line.strip() for line in lines)


async def is_absent(oss: OssClient, setting: Row) -> bool:
    answer = await ask(oss, "GET", setting.sub_resource)
    if setting.absent.startswith("<"):
        return (answer.status, bare(answer.body)) == (200, setting.absent)
    return (answer.status, answer.code, answer.texts("BucketName")) == (404, setting.absent, ["examplebucket"])


@pytest.mark.parametrize("setting", ROWS)
async def test_a_setting_comes_back_as_it_was_put(oss: OssClient, setting: Row):
    assert await is_absent(oss, setting)
    answer = await ask(oss, "PUT", setting.sub_resource, setting.put)
    assert (answer.status, answer.body) == (200, b"")
    answer = await ask(oss, "GET", setting.sub_resource)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert bare(answer.body) == setting.got
    assert (await ask(oss, "PUT", setting.sub_resource, bare(answer.body))).status == 200
    assert (await ask(oss, "GET", setting.sub_resource)).body == answer.body


@pytest.mark.parametrize("setting", ROWS)
async def test_a_setting_is_deleted_where_oss_deletes_it(oss: OssClient, setting: Row):
    await ask(oss, "PUT", setting.sub_resource, setting.put)
    expected = 204 if setting.sub_resource in DELETABLE else 501
    assert (await ask(oss, "DELETE", setting.sub_resource)).status == expected
    assert await is_absent(oss, setting) == (setting.sub_resource in DELETABLE)
    assert (await ask(oss, "DELETE", setting.sub_resource)).status == expected


@pytest.mark.parametrize("setting", ROWS)
async def test_what_is_no_such_document_is_refused_and_changes_nothing(oss: OssClient, setting: Row):
    root = setting.put[1 : setting.put.index(">")]
    for body in ("", "{}", "<Other></Other>", setting.put + "x", f"<{root}><Unknown>1</Unknown></{root}>"):
        answer = await ask(oss, "PUT", setting.sub_resource, body)
        assert (answer.status, answer.code) == (400, "MalformedXML"), body
    assert await is_absent(oss, setting)


@pytest.mark.parametrize("setting", ROWS)
async def test_a_setting_of_a_bucket_that_does_not_exist(oss: OssClient, setting: Row):
    for method in ("GET", "PUT"):
        answer = await oss.request(method, f"/missing-bucket?{setting.sub_resource}", body=setting.put)
        assert (answer.status, answer.code) == (404, "NoSuchBucket")


@pytest.mark.parametrize(
    ("sub_resource", "put", "got"),
    [
        *(
            pytest.param(
                "encryption",
                encryption(SSEAlgorithm=algorithm, KMSDataEncryption="SM4"),
                encryption(SSEAlgorithm=algorithm),
                id=f"a data encryption beside {algorithm}",
            )
            for algorithm in ("AES256", "SM4")
        ),
        pytest.param(
            "httpsConfig",
            element("HttpsConfiguration", TLS=inside(Enable="true", TLSVersion=["TLSv1.3", "TLSv1.2", "TLSv1.3"])),
            element("HttpsConfiguration", TLS=inside(Enable="true", TLSVersion=["TLSv1.3", "TLSv1.2"])),
            id="a version of TLS twice",
        ),
    ],
)
async def test_what_oss_takes_and_does_not_keep(oss: OssClient, sub_resource: str, put: str, got: str):
    assert (await ask(oss, "PUT", sub_resource, put)).status == 200
    assert bare((await ask(oss, "GET", sub_resource)).body) == got


async def test_settings_do_not_disturb_each_other(oss: OssClient):
    for setting in ROWS:
        await ask(oss, "PUT", setting.values[0].sub_resource, setting.values[0].put)
    for setting in ROWS:
        assert bare((await ask(oss, "GET", setting.values[0].sub_resource)).body) == setting.values[0].got


# --- What no schema can say -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sub_resource", "document", "code", "message"),
    [
        pytest.param(
            "logging",
            logging_to("missing-bucket"),
            "InvalidTargetBucketForLogging",
            "put bucket log requester is not target bucket owner.",
            id="a log into a bucket that does not exist",
        ),
        pytest.param(
            "encryption",
            encryption(SSEAlgorithm="DES"),
            "InvalidEncryptionAlgorithmError",
            "The Encryption request you specified is not valid. Supported value: AES256/SM4/KMS.",
            id="an algorithm that OSS does not have",
        ),
        pytest.param(
            "encryption",
            encryption(SSEAlgorithm="AES256", KMSMasterKeyID="key"),
            "InvalidArgument",
            "KMSMasterKeyID is not applicable if the default sse algorithm is not KMS",
            id="a key without KMS",
        ),
        pytest.param(
            "encryption",
            encryption(SSEAlgorithm="KMS", KMSDataEncryption="AES256"),
            "InvalidDataEncryptionAlgorithmError",
            "The KMS Data Encryption request you specified is not valid. Supported value:SM4",
            id="a data algorithm that OSS does not have",
        ),
        *(
            pytest.param(
                "qos",
                element("BucketUserQos", StorageCapacity=capacity),
                "InvalidArgument",
                "Invalid Argument.",
                id=f"a capacity of {capacity}",
            )
            for capacity in (-2, "much")
        ),
        pytest.param(
            "httpsConfig",
            element("HttpsConfiguration", TLS=inside(Enable="true")),
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema.",
            id="TLS of no version",
        ),
        pytest.param(
            "resourceGroup",
            element("BucketResourceGroupConfiguration", ResourceGroupId="group 1"),
            "ResourceGroupIdPreCheckError",
            "The resource group id precheck error",
            id="no id of a resource group",
        ),
        *(
            pytest.param("objectWorm", object_worm(retention), "MalformedXML", "", id=f"object WORM: {case}")
            for case, retention in {"no time": "", "two times": "<Days>1</Days><Years>1</Years>"}.items()
        ),
        pytest.param(
            "overwriteConfig",
            f"<OverwriteConfiguration>{RULE}{RULE}</OverwriteConfiguration>",
            "MalformedXML",
            "",
            id="two rules of one id",
        ),
        pytest.param(
            "overwriteConfig",
            element("OverwriteConfiguration", Rule=["<Action>forbid</Action>"] * 101),
            "MalformedXML",
            "",
            id="too many rules",
        ),
    ],
)
async def test_a_document_that_fits_its_schema_may_yet_be_refused(
    oss: OssClient, sub_resource: str, document: str, code: str, message: str
):
    answer = await ask(oss, "PUT", sub_resource, document)
    assert (answer.status, answer.code) == (400, code)
    assert message in (answer.message or "")


async def test_what_is_empty_beside_aes256_is_taken(oss: OssClient):
    document = encryption(SSEAlgorithm="AES256", KMSMasterKeyID="", KMSDataEncryption="")
    assert (await ask(oss, "PUT", "encryption", document)).status == 200
    assert bare((await ask(oss, "GET", "encryption")).body) == document


# --- What the settings do ---------------------------------------------------------------------------------------------

SSE = "x-oss-server-side-encryption"


@pytest.mark.parametrize(
    ("rule", "headers"),
    [
        pytest.param({"SSEAlgorithm": "AES256", "KMSMasterKeyID": ""}, {SSE: "AES256"}, id="AES256"),
        pytest.param({"SSEAlgorithm": "SM4"}, {SSE: "SM4"}, id="SM4"),
        pytest.param({"SSEAlgorithm": "KMS"}, {SSE: "KMS", f"{SSE}-key-id": DEFAULT_KMS_KEY_ID}, id="KMS"),
        pytest.param(
            {"SSEAlgorithm": "KMS", "KMSMasterKeyID": "key", "KMSDataEncryption": "SM4"},
            {SSE: "KMS", f"{SSE}-key-id": "key", "x-oss-server-side-data-encryption": "SM4"},
            id="KMS with all it can say",
        ),
    ],
)
async def test_new_objects_have_the_encryption_of_their_bucket(
    oss: OssClient, rule: dict[str, str], headers: dict[str, str]
):
    def of(answer: Response) -> dict[str, str]:
        return {name: value for name, value in answer.headers.items() if name.startswith("x-oss-server-side-")}

    await oss.put("before", "x")
    await ask(oss, "PUT", "encryption", encryption(**rule))
    assert of(await oss.put("after", "x")) == headers
    assert of(await oss.get("after")) == headers
    assert of(await oss.get("before")) == {}
    copied = await oss.request("PUT", "/examplebucket/copy", headers={"x-oss-copy-source": "/examplebucket/before"})
    assert of(copied) == headers
    assert of(await oss.request("POST", "/examplebucket/parts?uploads")) == headers
    assert of(await oss.put("own", "x", x_oss_server_side_encryption="SM4")) == {SSE: "SM4"}
    await ask(oss, "DELETE", "encryption")
    assert of(await oss.put("after", "x")) == {}


def forbid(**elements: str) -> str:
    return element("OverwriteConfiguration", Rule=inside(Action="forbid", **elements))


def principals(*names: str) -> str:
    return inside(Principal=list(names))


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        pytest.param({}, ["a/1.txt", "a/2.jpg", "b/1.txt"], id="everything"),
        pytest.param({"Prefix": "a/"}, ["a/1.txt", "a/2.jpg"], id="a prefix"),
        pytest.param({"Suffix": ".txt"}, ["a/1.txt", "b/1.txt"], id="a suffix"),
        pytest.param({"Prefix": "a/", "Suffix": ".txt"}, ["a/1.txt"], id="both"),
        pytest.param({"Suffix": ".jpg", "Principals": principals("1234567890123456")}, ["a/2.jpg"], id="for us"),
        pytest.param({"Prefix": "b/", "Principals": principals("x", "*")}, ["b/1.txt"], id="for everybody"),
        pytest.param({"Principals": principals("x")}, [], id="for somebody else"),
    ],
)
async def test_what_a_rule_protects_is_not_overwritten(oss: OssClient, rule: dict[str, str], kept: list[str]):
    keys = ["a/1.txt", "a/2.jpg", "b/1.txt"]
    assert (await ask(oss, "PUT", "overwriteConfig", forbid(**rule))).status == 200
    for key in keys:
        assert (await oss.put(key, "old")).status == 200
    answers = {key: await oss.put(key, "new") for key in keys}
    assert [
        key for key, answer in answers.items() if (answer.status, answer.code) == (409, "FileAlreadyExists")
    ] == kept
    assert [key for key in keys if (await oss.get(key)).body == b"old"] == kept
    await ask(oss, "DELETE", "overwriteConfig")
    assert (await oss.put("a/1.txt", "new")).status == 200


async def test_no_upload_overwrites_what_a_rule_protects(oss: OssClient):
    await oss.put("source", "new")
    await oss.put("kept", "old")
    parts = (await oss.request("POST", "/examplebucket/kept?uploads")).texts("UploadId")[0]
    await oss.request("PUT", f"/examplebucket/kept?partNumber=1&uploadId={parts}", body="new")
    await ask(oss, "PUT", "overwriteConfig", forbid(Prefix="kept"))
    copy, whole = {"x-oss-copy-source": "/examplebucket/source"}, {"x-oss-complete-all": "yes"}
    for answer in (
        await oss.request("PUT", "/examplebucket/kept", headers=copy),
        await post(oss, form({"key": "kept"})),
        await oss.request("PUT", "/examplebucket/kept?symlink", headers={"x-oss-symlink-target": "source"}),
        await oss.request("POST", "/examplebucket/kept?uploads"),
        await oss.request("POST", f"/examplebucket/kept?uploadId={parts}", headers=whole),
    ):
        assert (answer.status, answer.code) == (409, "FileAlreadyExists")
    assert (await oss.get("kept")).body == b"old"
