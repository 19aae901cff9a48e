"""The settings of a bucket that are documents: checked, kept, and given back in the form that OSS gives them.

Each is a row: its operations' name, its sub-resource, what it may hold (`emulator.wire.schema`), and what is answered
where nobody has set it. What a setting does, if it does anything here, is for those to read whom it concerns.
"""

import re
from collections.abc import Callable
from functools import partial
from xml.etree.ElementTree import Element

import msgspec
from msgspec import structs

from emulator.context import Context
from emulator.errors import (
    InvalidArgument,
    InvalidDataEncryptionAlgorithmError,
    InvalidEncryptionAlgorithmError,
    InvalidTargetBucketForLogging,
    MalformedXML,
    NoSuchArchiveDirectReadConfiguration,
    NoSuchBucketOverwriteConfig,
    NoSuchBucketQosInfo,
    NoSuchBucketStorageQuota,
    NoSuchServerSideEncryptionRule,
    NoSuchTransferAccelerationConfiguration,
    NoSuchUserDefinedLogFieldsConfig,
    NoSuchWORMConfiguration,
    OssError,
    ResourceGroupIdPreCheckError,
)
from emulator.model import Bucket
from emulator.operations._document import document_response, kept_response, read_setting
from emulator.operations._table import operation
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.schema import Node, parse_schema
from emulator.wire.settings import parse_setting
from emulator.wire.xml import Elements

RESOURCE_GROUP = "resourceGroup"
MAX_OVERWRITE_RULES = 100


class Setting(msgspec.Struct, frozen=True):
    """A row: a document of a bucket, and the operations that put, give back and delete it.

    `absent` is the error where nobody has set it, or what the document says then. `check` raises what the schema cannot
    say of a document that fits it.
    """

    sub_resource: str
    schema: Node
    absent: type[OssError] | Elements
    check: Callable[[Context, Element], None] | None

    async def put(self, ctx: Context, request: OssRequest) -> OssResponse:
        """Replace the document.

        Raises:
            InvalidDigest, MalformedXML, and what `check` raises.
        """
        document = await read_setting(request, self.schema)
        if self.check:
            self.check(ctx, parse_setting(document))
        await ctx.store.buckets.update(request.bucket, partial(with_document, self.sub_resource, document))
        return OssResponse(200)

    async def get(self, ctx: Context, request: OssRequest) -> OssResponse:
        """The document.

        Raises:
            OssError: there is none.
        """
        document = ctx.store.buckets.get(request.bucket).documents.get(self.sub_resource)
        if document is not None:
            return kept_response(document)
        if isinstance(self.absent, type):
            raise self.absent(BucketName=request.bucket)
        return document_response(self.schema.name, self.absent)

    async def delete(self, ctx: Context, request: OssRequest) -> OssResponse:
        """Forget the document, if there is one."""
        await ctx.store.buckets.update(request.bucket, partial(with_document, self.sub_resource, None))
        return OssResponse(204)


def with_document(name: str, document: str | None, bucket: Bucket) -> Bucket:
    """`bucket` with `document` under `name`; `None` takes away what is there."""
    documents = {other: text for other, text in bucket.documents.items() if other != name}
    return structs.replace(bucket, documents=documents if document is None else {**documents, name: document})


def setting(
    operations: str,
    sub_resource: str,
    schema: str,
    *,
    absent: type[OssError] | Elements,
    check: Callable[[Context, Element], None] | None = None,
    is_stored_only: bool = True,
    actions: str = "",
) -> None:
    """Put the `operations` on a setting into the table: `PutBucketLogging GetBucketLogging DeleteBucketLogging`.

    `actions` are their permissions, where those have other names.
    """
    row = Setting(sub_resource, parse_schema(schema), absent, check)
    for name, action in zip(operations.split(), (actions or operations).split(), strict=True):
        method = next(method for method in ("PUT", "GET", "DELETE") if name.upper().startswith(method))
        handler = {"PUT": row.put, "GET": row.get, "DELETE": row.delete}[method]
        route = f"{method} /{{bucket}}?{sub_resource}"
        operation(name, route, action=action, is_stored_only=is_stored_only)(handler)


# --- What no schema can say -------------------------------------------------------------------------------------------


def _check_logging(ctx: Context, document: Element) -> None:
    target = document.findtext("LoggingEnabled/TargetBucket")
    if target is not None and ctx.store.buckets.find(target) is None:
        raise InvalidTargetBucketForLogging(hint=f"There is no bucket {target!r} to write the log into.")


def _check_encryption(ctx: Context, document: Element) -> None:
    rule = document[0]
    algorithm = rule.findtext("SSEAlgorithm", "")
    if algorithm not in ("AES256", "KMS", "SM4"):
        raise InvalidEncryptionAlgorithmError(hint=f"SSEAlgorithm is {algorithm!r}; OSS knows AES256, KMS and SM4.")
    for name in ("KMSMasterKeyID", "KMSDataEncryption"):  # some clients send them empty beside AES256
        if algorithm != "KMS" and (value := rule.findtext(name)):
            raise InvalidArgument(
                f"{name} is not applicable if the default sse algorithm is not KMS",
                ArgumentName=name,
                ArgumentValue=value,
            )
    data_algorithm = rule.findtext("KMSDataEncryption", "")
    if data_algorithm not in ("", "SM4"):
        raise InvalidDataEncryptionAlgorithmError(hint=f"KMSDataEncryption is {data_algorithm!r}; OSS knows SM4.")


def _check_resource_group(ctx: Context, document: Element) -> None:
    check_resource_group(document.findtext("ResourceGroupId", ""))


def check_resource_group(name: str) -> None:
    """Raise `ResourceGroupIdPreCheckError` unless there can be such a resource group; `""` is the account's own.

    Guess: the emulator knows no groups, so it judges by the form.
    """
    if name and not re.fullmatch(r"rg-[0-9A-Za-z]+", name):
        raise ResourceGroupIdPreCheckError(
            hint=f"The resource group is {name!r}; its id is rg- with letters and digits."
        )


def _check_object_worm(ctx: Context, document: Element) -> None:
    retention = document.find("Rule/DefaultRetention")
    if retention is not None and (retention.find("Days") is None) == (retention.find("Years") is None):
        raise MalformedXML(hint="<DefaultRetention> has either <Days> or <Years>.")


def _check_overwriting(ctx: Context, document: Element) -> None:
    names = [name for rule in document if (name := rule.findtext("ID"))]
    if len(document) > MAX_OVERWRITE_RULES or len(names) != len(set(names)):
        raise MalformedXML(hint=f"There are {MAX_OVERWRITE_RULES} rules at most, each with an ID of its own.")


# --- The settings -----------------------------------------------------------------------------------------------------

# Source: "PutBucketLogging". No log is written.
setting(
    "PutBucketLogging GetBucketLogging DeleteBucketLogging",
    "logging",
    """
    BucketLoggingStatus
      LoggingEnabled?
        TargetBucket
        TargetPrefix?
        LoggingRole?
    """,
    absent=[],
    check=_check_logging,
)

# Source: "PutUserDefinedLogFieldsConfig".
setting(
    "PutUserDefinedLogFieldsConfig GetUserDefinedLogFieldsConfig DeleteUserDefinedLogFieldsConfig",
    "userDefinedLogFieldsConfig",
    """
    UserDefinedLogFieldsConfiguration
      HeaderSet?
        header*
      ParamSet?
        parameter*
    """,
    absent=NoSuchUserDefinedLogFieldsConfig,
)

# Source: "PutBucketReferer". `emulator.auth.restrictions` turns away whom it does not let in.
setting(
    "PutBucketReferer GetBucketReferer",
    "referer",
    """
    RefererConfiguration
      AllowEmptyReferer: bool
      AllowTruncateQueryString?: bool = true
      TruncatePath?: bool = false
      RefererList
        Referer*
      RefererBlacklist?
        Referer*
    """,
    absent=[
        ("AllowEmptyReferer", True),
        ("AllowTruncateQueryString", True),
        ("TruncatePath", False),
        ("RefererList", []),
    ],
    is_stored_only=False,
)

# Source: "PutBucketEncryption". `emulator.wire.attributes` gives it to new objects; nothing is encrypted.
setting(
    "PutBucketEncryption GetBucketEncryption DeleteBucketEncryption",
    "encryption",
    """
    ServerSideEncryptionRule
      ApplyServerSideEncryptionByDefault
        SSEAlgorithm
        KMSMasterKeyID?
        KMSDataEncryption?
    """,
    absent=NoSuchServerSideEncryptionRule,
    check=_check_encryption,
    is_stored_only=False,
)

# Source: "PutBucketRequestPayment". `emulator.auth.restrictions` turns away who cannot be made to pay.
setting(
    "PutBucketRequestPayment GetBucketRequestPayment",
    "requestPayment",
    """
    RequestPaymentConfiguration
      Payer: BucketOwner|Requester
    """,
    absent=[("Payer", "BucketOwner")],
    is_stored_only=False,
)

# Source: "PutBucketTransferAcceleration".
setting(
    "PutBucketTransferAcceleration GetBucketTransferAcceleration",
    "transferAcceleration",
    """
    TransferAccelerationConfiguration
      Enabled: bool
    """,
    absent=NoSuchTransferAccelerationConfiguration,
)

# Source: "PutBucketAccessMonitor".
setting(
    "PutBucketAccessMonitor GetBucketAccessMonitor",
    "accessmonitor",
    """
    AccessMonitorConfiguration
      Status: Enabled|Disabled
    """,
    absent=[("Status", "Disabled")],
)

# Source: "PutBucketPublicAccessBlock". `emulator.auth.public_access` keeps closed what it closes.
setting(
    "PutBucketPublicAccessBlock GetBucketPublicAccessBlock DeleteBucketPublicAccessBlock",
    "publicAccessBlock",
    """
    PublicAccessBlockConfiguration
      BlockPublicAccess: bool
    """,
    absent=[("BlockPublicAccess", False)],
    is_stored_only=False,
)

# Source: "PutBucketResourceGroup". ListBuckets lists those of a group. Guess: the account's own group has no name here.
setting(
    "PutBucketResourceGroup GetBucketResourceGroup",
    RESOURCE_GROUP,
    """
    BucketResourceGroupConfiguration
      ResourceGroupId?
    """,
    absent=[("ResourceGroupId", "")],
    check=_check_resource_group,
    is_stored_only=False,
)

# Source: "PutBucketHttpsConfig"; the Python SDK V2 for the cipher suites. Guess: what is answered where it is not set.
setting(
    "PutBucketHttpsConfig GetBucketHttpsConfig",
    "httpsConfig",
    """
    HttpsConfiguration
      TLS?
        Enable: bool
        TLSVersion*: TLSv1.0|TLSv1.1|TLSv1.2|TLSv1.3
      CipherSuite?
        Enable: bool
        StrongCipherSuite?: bool
        CustomCipherSuite*
        TLS13CustomCipherSuite*
    """,
    absent=[("TLS", [("Enable", False)])],
)

# Source: "PutBucketArchiveDirectRead"; both Python SDKs for the name of the sub-resource.
setting(
    "PutBucketArchiveDirectRead GetBucketArchiveDirectRead",
    "bucketArchiveDirectRead",
    """
    ArchiveDirectReadConfiguration
      Enabled: bool
    """,
    absent=NoSuchArchiveDirectReadConfiguration,
    is_stored_only=False,
)

# Source: "PutBucketOverwriteConfig"; the Python SDK V2. `_overwriting` does what the rules say.
setting(
    "PutBucketOverwriteConfig GetBucketOverwriteConfig DeleteBucketOverwriteConfig",
    "overwriteConfig",
    """
    OverwriteConfiguration
      Rule+
        ID?
        Action: forbid
        Prefix?
        Suffix?
        Principals?
          Principal*
    """,
    absent=NoSuchBucketOverwriteConfig,
    check=_check_overwriting,
    is_stored_only=False,
)

# Source: the Python SDK V2. Guess: the error where it is not set.
setting(
    "PutBucketObjectWormConfiguration GetBucketObjectWormConfiguration",
    "objectWorm",
    """
    ObjectWormConfiguration
      ObjectWormEnabled: Enabled
      Rule?
        DefaultRetention
          Mode: GOVERNANCE|COMPLIANCE
          Days?: 1..36500
          Years?: 1..100
    """,
    absent=NoSuchWORMConfiguration,
    check=_check_object_worm,
)

# Source: the Python SDK V1, which wants all elements in the answer. Guess: the error where it is not set.
setting(
    "PutBucketQoSInfo GetBucketQoSInfo DeleteBucketQoSInfo",
    "qosInfo",
    """
    QoSConfiguration
      TotalUploadBandwidth?: -1.. = -1
      IntranetUploadBandwidth?: -1.. = -1
      ExtranetUploadBandwidth?: -1.. = -1
      TotalDownloadBandwidth?: -1.. = -1
      IntranetDownloadBandwidth?: -1.. = -1
      ExtranetDownloadBandwidth?: -1.. = -1
      TotalQps?: -1.. = -1
      IntranetQps?: -1.. = -1
      ExtranetQps?: -1.. = -1
    """,
    absent=NoSuchBucketQosInfo,
)

# Source: the Python SDK V1.
setting(
    "PutBucketStorageCapacity GetBucketStorageCapacity",
    "qos",
    """
    BucketUserQos
      StorageCapacity: -1..
    """,
    absent=[("StorageCapacity", "-1")],
)

# Source: the Python SDK V2. Differs: CurrentUsage is not told. Guess: the error where it is not set.
setting(
    "PutBucketStorageQuota GetBucketStorageQuota DeleteBucketStorageQuota",
    "quota",
    """
    QuotaConfiguration
      StorageQuota: 1..
      Mode?: Strict|Warning
    """,
    absent=NoSuchBucketStorageQuota,
)
