"""The settings of a bucket that are documents, a row each (`emulator.operations._setting`).

What a setting does, if it does anything here, is for those to read whom it concerns.
"""

import re
from xml.etree.ElementTree import Element

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
    ResourceGroupIdPreCheckError,
)
from emulator.operations._setting import setting
from emulator.wire.settings import parse_setting, setting_document
from emulator.wire.xml import Content

RESOURCE_GROUP = "resourceGroup"
MAX_OVERWRITE_RULES = 100


# --- What no schema can say -------------------------------------------------------------------------------------------


def _check_logging(ctx: Context, document: Element) -> None:
    target = document.findtext("LoggingEnabled/TargetBucket")
    if target is not None and ctx.store.buckets.find(target) is None:
        raise InvalidTargetBucketForLogging(hint=f"There is no bucket {target!r} to write the log into.")


def _drop_data_encryption(document: Element) -> None:
    """Take out the data encryption where there is none of the kind: OSS takes it in silence."""
    for rule in document:
        element = rule.find("KMSDataEncryption")
        if element is not None and element.text and rule.findtext("SSEAlgorithm", "").strip() != "KMS":
            rule.remove(element)


def encryption_document(ctx: Context, algorithm: str, key_id: str, data_algorithm: str) -> str:
    """The document of a bucket that was made with these encryption headers; `""` stands for one that was not sent.

    Raises: InvalidEncryptionAlgorithmError, InvalidDataEncryptionAlgorithmError, InvalidArgument.
    """
    rule: list[tuple[str, Content]] = [("SSEAlgorithm", algorithm)]
    rule += [("KMSMasterKeyID", key_id)] if key_id else []
    rule += [("KMSDataEncryption", data_algorithm)] if data_algorithm and algorithm == "KMS" else []
    document = setting_document("ServerSideEncryptionRule", [("ApplyServerSideEncryptionByDefault", rule)])
    _check_encryption(ctx, parse_setting(document))
    return document


def _check_encryption(ctx: Context, document: Element) -> None:
    rule = document[0]
    algorithm = rule.findtext("SSEAlgorithm", "")
    if algorithm not in ("AES256", "KMS", "SM4"):
        raise InvalidEncryptionAlgorithmError(hint=f"SSEAlgorithm is {algorithm!r}; OSS knows AES256, KMS and SM4.")
    if algorithm != "KMS" and (key_id := rule.findtext("KMSMasterKeyID")):  # some clients send it empty
        raise InvalidArgument(
            "KMSMasterKeyID is not applicable if the default sse algorithm is not KMS",
            ArgumentName="KMSMasterKeyID",
            ArgumentValue=key_id,
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


def _drop_repeated_versions(document: Element) -> None:
    for tls in document.findall("TLS"):
        versions: set[str] = set()
        for element in tls.findall("TLSVersion"):
            if (version := (element.text or "").strip()) in versions:
                tls.remove(element)
            versions.add(version)


def _check_https(ctx: Context, document: Element) -> None:
    if document.findtext("TLS/Enable") == "true" and document.find("TLS/TLSVersion") is None:
        raise MalformedXML(hint="<TLS> is enabled and has no <TLSVersion>.")


def _check_capacity(ctx: Context, document: Element) -> None:
    capacity = document.findtext("StorageCapacity", "")
    if not re.fullmatch("-1|[0-9]{1,18}", capacity):
        raise InvalidArgument(
            hint=f"StorageCapacity is {capacity!r}; it is a number of gigabytes, or -1 for no limit.",
            ArgumentName="StorageCapacity",
            ArgumentValue=capacity,
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

# Source: "PutBucketEncryption"; the suite of oss2 for a data encryption without KMS. `emulator.wire.attributes` gives
# it to new objects; nothing is encrypted.
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
    tidy=_drop_data_encryption,
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

# Source: "PutBucketHttpsConfig"; the Python SDK V2 for the cipher suites; the suite of oss2 for versions of TLS. Guess:
# what is answered where it is not set.
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
    tidy=_drop_repeated_versions,
    check=_check_https,
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

# Source: the Python SDK V1 and its suite.
setting(
    "PutBucketStorageCapacity GetBucketStorageCapacity",
    "qos",
    """
    BucketUserQos
      StorageCapacity
    """,
    absent=[("StorageCapacity", "-1")],
    check=_check_capacity,
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
