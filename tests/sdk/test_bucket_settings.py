"""The settings of a bucket through the official SDKs: each has its table of what is put, and how it is read."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import alibabacloud_oss_v2 as v2
import oss2
import pytest
from alibabacloud_oss_v2 import serde

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET
from tests.sdk.conftest import KEY_ID, KEY_SECRET, RunNode, ali_oss
from tests.sdk.verbs import REFUSALS, Oss2Verbs, OssV2Verbs, reason, refusal

MODELS = oss2.models


def found(read: Callable[[], object]) -> object:
    """What `read` gives, or the status and Code with which it is refused."""
    try:
        return read()
    except REFUSALS as error:
        return reason(error)


# --- oss2 -------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["v1", "v4"])
def bucket(request: pytest.FixtureRequest, emulator: EmulatorThread) -> oss2.Bucket:
    return Oss2Verbs(emulator.endpoint, KEY_ID, KEY_SECRET, request.param).bucket


class Oss2Setting(NamedTuple):
    """A setting in oss2: `read` makes a value of what `get` gives; `absent` is one, or a status and a Code."""

    put: Callable[[oss2.Bucket], Any]
    get: Callable[[oss2.Bucket], Any]
    read: Callable[[Any], object]
    absent: object
    present: object
    delete: Callable[[oss2.Bucket], Any] | None = None


def fields(*names: str) -> Callable[[Any], object]:
    return lambda result: tuple(getattr(result, name) for name in names)


def oss2_tags(**tags: str) -> MODELS.Tagging:
    rule = MODELS.TaggingRule()
    for key, value in tags.items():
        rule.add(key, value)
    return MODELS.Tagging(rule)


OSS2 = {
    "logging": Oss2Setting(
        lambda bucket: bucket.put_bucket_logging(MODELS.BucketLogging(BUCKET, "p-")),
        lambda bucket: bucket.get_bucket_logging(),
        fields("target_bucket", "target_prefix"),
        ("", ""),
        (BUCKET, "p-"),
        lambda bucket: bucket.delete_bucket_logging(),
    ),
    "referer": Oss2Setting(
        lambda bucket: bucket.put_bucket_referer(
            MODELS.BucketReferer(False, ["http://a.test"], False, ["http://b.test"])
        ),
        lambda bucket: bucket.get_bucket_referer(),
        fields("allow_empty_referer", "referers", "allow_truncate_query_string", "black_referers"),
        (True, [], True, []),
        (False, ["http://a.test"], False, ["http://b.test"]),
        lambda bucket: bucket.put_bucket_referer(MODELS.BucketReferer(True, [])),
    ),
    "encryption": Oss2Setting(
        lambda bucket: bucket.put_bucket_encryption(MODELS.ServerSideEncryptionRule("KMS", "key", "SM4")),
        lambda bucket: bucket.get_bucket_encryption(),
        fields("sse_algorithm", "kms_master_keyid", "kms_data_encryption"),
        (404, "NoSuchServerSideEncryptionRule"),
        ("KMS", "key", "SM4"),
        lambda bucket: bucket.delete_bucket_encryption(),
    ),
    "tags": Oss2Setting(
        lambda bucket: bucket.put_bucket_tagging(oss2_tags(a="1", b="2")),
        lambda bucket: bucket.get_bucket_tagging(),
        lambda result: dict(result.tag_set.tagging_rule),
        {},
        {"a": "1", "b": "2"},
        lambda bucket: bucket.delete_bucket_tagging(),
    ),
    "request payment": Oss2Setting(
        lambda bucket: bucket.put_bucket_request_payment("Requester"),
        lambda bucket: bucket.get_bucket_request_payment(),
        fields("payer"),
        ("BucketOwner",),
        ("Requester",),
    ),
    "transfer acceleration": Oss2Setting(
        lambda bucket: bucket.put_bucket_transfer_acceleration("true"),
        lambda bucket: bucket.get_bucket_transfer_acceleration(),
        fields("enabled"),
        (404, "NoSuchTransferAccelerationConfiguration"),
        ("true",),
    ),
    "access monitor": Oss2Setting(
        lambda bucket: bucket.put_bucket_access_monitor("Enabled"),
        lambda bucket: bucket.get_bucket_access_monitor(),
        lambda result: result.access_monitor.status,
        "Disabled",
        "Enabled",
    ),
    "public access block": Oss2Setting(
        lambda bucket: bucket.put_bucket_public_access_block(True),
        lambda bucket: bucket.get_bucket_public_access_block(),
        fields("block_public_access"),
        (False,),
        (True,),
        lambda bucket: bucket.delete_bucket_public_access_block(),
    ),
    "resource group": Oss2Setting(
        lambda bucket: bucket.put_bucket_resource_group("rg-one"),
        lambda bucket: bucket.get_bucket_resource_group(),
        fields("resource_group_id"),
        ("",),
        ("rg-one",),
    ),
    "HTTPS": Oss2Setting(
        lambda bucket: bucket.put_bucket_https_config(MODELS.BucketTlsVersion(True, ["TLSv1.2", "TLSv1.3"])),
        lambda bucket: bucket.get_bucket_https_config(),
        fields("tls_enabled", "tls_version"),
        (False, []),
        (True, ["TLSv1.2", "TLSv1.3"]),
    ),
    "archive direct read": Oss2Setting(
        lambda bucket: bucket.put_bucket_archive_direct_read(True),
        lambda bucket: bucket.get_bucket_archive_direct_read(),
        fields("enabled"),
        (404, "NoSuchArchiveDirectReadConfiguration"),
        (True,),
    ),
    "QoS": Oss2Setting(
        lambda bucket: bucket.put_bucket_qos_info(MODELS.BucketQosInfo(total_upload_bw=10, total_qps=20)),
        lambda bucket: bucket.get_bucket_qos_info(),
        fields("total_upload_bw", "total_qps", "extranet_qps"),
        (404, "NoSuchBucketQosInfo"),
        (10, 20, -1),
        lambda bucket: bucket.delete_bucket_qos_info(),
    ),
    "storage capacity": Oss2Setting(
        lambda bucket: bucket.set_bucket_storage_capacity(MODELS.BucketUserQos(100)),
        lambda bucket: bucket.get_bucket_storage_capacity(),
        fields("storage_capacity"),
        (-1,),
        (100,),
    ),
}


@pytest.mark.parametrize("setting", OSS2.values(), ids=OSS2)
def test_oss2_puts_reads_and_deletes_a_setting(bucket: oss2.Bucket, setting: Oss2Setting) -> None:
    def now() -> object:
        return found(lambda: setting.read(setting.get(bucket)))

    assert now() == setting.absent
    assert setting.put(bucket).status == 200
    assert now() == setting.present
    if setting.delete:
        assert setting.delete(bucket).status in (200, 204)
        assert now() == setting.absent


OSS2_REFUSALS = {
    "InvalidTargetBucketForLogging": lambda bucket: bucket.put_bucket_logging(
        MODELS.BucketLogging("missing-bucket", "")
    ),
    "InvalidEncryptionAlgorithmError": lambda bucket: bucket.put_bucket_encryption(
        MODELS.ServerSideEncryptionRule("DES")
    ),
    "InvalidArgument": lambda bucket: bucket.put_bucket_encryption(MODELS.ServerSideEncryptionRule("AES256", "key")),
    "TooManyTags": lambda bucket: bucket.put_bucket_tagging(oss2_tags(**{f"key{number}": "" for number in range(21)})),
    "InvalidTaggingKey": lambda bucket: bucket.put_bucket_tagging(oss2_tags(Aliyun="")),
    "MalformedXML": lambda bucket: bucket.put_bucket_request_payment("Nobody"),
    "ResourceGroupIdPreCheckError": lambda bucket: bucket.put_bucket_resource_group("one"),
    "InvalidWORMConfiguration": lambda bucket: bucket.init_bucket_worm(0),
}


@pytest.mark.parametrize(("code", "put"), OSS2_REFUSALS.items(), ids=OSS2_REFUSALS)
def test_oss2_is_refused_what_is_no_setting(bucket: oss2.Bucket, code: str, put: Callable[[oss2.Bucket], Any]) -> None:
    assert refusal(put, bucket) == (400, code)


def test_oss2_cannot_change_what_a_retention_keeps(bucket: oss2.Bucket) -> None:
    bucket.put_object("a.txt", b"hello")
    bucket.complete_bucket_worm(bucket.init_bucket_worm(1).worm_id)
    assert refusal(bucket.put_object, "a.txt", b"other") == (409, "FileImmutable")
    assert refusal(bucket.delete_object, "a.txt") == (409, "FileImmutable")


def test_oss2_reads_the_bucket_s_encryption_in_its_new_objects(bucket: oss2.Bucket) -> None:
    bucket.put_bucket_encryption(MODELS.ServerSideEncryptionRule("AES256"))
    bucket.put_object("a.txt", b"hello")
    assert bucket.head_object("a.txt").headers["x-oss-server-side-encryption"] == "AES256"
    assert bucket.get_bucket_info().bucket_encryption_rule.sse_algorithm == "AES256"


def test_oss2_keeps_inventories(bucket: oss2.Bucket) -> None:
    assert refusal(bucket.list_bucket_inventory_configurations) == (404, "NoSuchInventory")
    assert refusal(bucket.get_bucket_inventory_configuration, "one") == (404, "NoSuchInventory")
    destination = MODELS.InventoryBucketDestination(
        account_id="1234567890123456",
        role_arn="acs:ram::1234567890123456:role/role",
        bucket=BUCKET,
        inventory_format=MODELS.INVENTORY_FORMAT_CSV,
        prefix="p",
        sse_kms_encryption=MODELS.InventoryServerSideEncryptionKMS("key"),
    )
    inventory = MODELS.InventoryConfiguration(
        inventory_id="one",
        is_enabled=True,
        inventory_schedule=MODELS.InventorySchedule(frequency=MODELS.INVENTORY_FREQUENCY_WEEKLY),
        included_object_versions=MODELS.INVENTORY_INCLUDED_OBJECT_VERSIONS_CURRENT,
        inventory_filter=MODELS.InventoryFilter(prefix="a/"),
        optional_fields=[MODELS.FIELD_SIZE, MODELS.FIELD_ETAG],
        inventory_destination=MODELS.InventoryDestination(bucket_destination=destination),
    )
    bucket.put_bucket_inventory_configuration(inventory)
    assert refusal(bucket.put_bucket_inventory_configuration, inventory) == (409, "InventoryConfigurationAlreadyExists")
    for read in (
        bucket.get_bucket_inventory_configuration("one"),
        bucket.list_bucket_inventory_configurations().inventory_configurations[0],
    ):
        assert (read.inventory_id, read.is_enabled, read.included_object_versions) == ("one", True, "Current")
        assert (read.inventory_filter.prefix, read.inventory_schedule.frequency) == ("a/", "Weekly")
        assert read.optional_fields == ["Size", "ETag"]
        to = read.inventory_destination.bucket_destination
        assert (to.bucket, to.prefix, to.inventory_format, to.sse_kms_encryption.key_id) == (BUCKET, "p", "CSV", "key")
    bucket.delete_bucket_inventory_configuration("one")
    assert refusal(bucket.get_bucket_inventory_configuration, "one") == (404, "NoSuchInventory")


def test_oss2_keeps_styles(bucket: oss2.Bucket) -> None:
    assert refusal(bucket.get_bucket_style, "small") == (404, "NoSuchStyle")
    bucket.put_bucket_style("small", "image/resize,p_10")
    style = bucket.get_bucket_style("small")
    assert (style.name, style.content, style.create_time) == ("small", "image/resize,p_10", style.last_modify_time)
    assert [(style.name, style.content) for style in bucket.list_bucket_style().styles] == [
        ("small", "image/resize,p_10")
    ]
    assert bucket.delete_bucket_style("small").status == 204
    assert bucket.list_bucket_style().styles == []


def test_oss2_begins_locks_and_extends_a_retention(bucket: oss2.Bucket) -> None:
    assert refusal(bucket.get_bucket_worm) == (404, "NoSuchWORMConfiguration")
    bucket.init_bucket_worm(1)
    bucket.abort_bucket_worm()
    worm_id = bucket.init_bucket_worm(1).worm_id
    assert fields("worm_id", "state", "retention_period_days")(bucket.get_bucket_worm()) == (worm_id, "InProgress", 1)
    bucket.complete_bucket_worm(worm_id)
    bucket.extend_bucket_worm(worm_id, 2)
    assert fields("worm_id", "state", "retention_period_days")(bucket.get_bucket_worm()) == (worm_id, "Locked", 2)
    assert refusal(bucket.abort_bucket_worm) == (403, "WORMConfigurationLocked")
    assert refusal(bucket.init_bucket_worm, 1) == (409, "WORMConfigurationAlreadyExists")


def test_oss2_gives_a_bucket_a_domain(bucket: oss2.Bucket) -> None:
    request = MODELS.PutBucketCnameRequest("www.a.test", MODELS.CertInfo(cert_id="493-cn-hangzhou"))
    assert refusal(bucket.put_bucket_cname, request) == (403, "NeedVerifyDomainOwnership")
    assert refusal(bucket.get_bucket_cname_token, "www.a.test") == (404, "CnameTokenNotFound")
    made = bucket.create_bucket_cname_token("www.a.test")
    read = bucket.get_bucket_cname_token("www.a.test")
    names = ("bucket", "cname", "token", "expire_time")
    assert fields(*names)(made) == fields(*names)(read)
    assert (made.bucket, made.cname) == (BUCKET, "www.a.test")
    bucket.put_bucket_cname(request)
    listed = bucket.list_bucket_cname()
    assert (listed.bucket, listed.owner) == (BUCKET, "1234567890123456")
    (cname,) = listed.cname
    assert (cname.domain, cname.status, cname.certificate.cert_id) == ("www.a.test", "Enabled", "493-cn-hangzhou")
    bucket.delete_bucket_cname("www.a.test")
    assert bucket.list_bucket_cname().cname == []


def test_oss2_speaks_to_a_bucket_by_its_domain(bucket: oss2.Bucket, emulator: EmulatorThread) -> None:
    bucket.create_bucket_cname_token("www.a.test")
    bucket.put_bucket_cname(MODELS.PutBucketCnameRequest("www.a.test"))
    proxies = {"http": emulator.endpoint}  # instead of a DNS that knows the domain
    own = oss2.Bucket(bucket.auth, "http://www.a.test", BUCKET, is_cname=True, region="cn-hangzhou", proxies=proxies)
    own.put_object("dir/a.txt", b"hello")
    assert own.get_object("dir/a.txt").read() == b"hello"
    assert bucket.get_object("dir/a.txt").read() == b"hello"
    assert [entry.key for entry in own.list_objects().object_list] == ["dir/a.txt"]


def test_oss2_deletes_single_tags_and_lists_buckets_by_the_others(bucket: oss2.Bucket) -> None:
    bucket.put_bucket_tagging(oss2_tags(a="1", b="2", c="3"))
    bucket.delete_bucket_tagging(params={"tagging": "a,b"})
    assert dict(bucket.get_bucket_tagging().tag_set.tagging_rule) == {"c": "3"}
    service = oss2.Service(bucket.auth, bucket.endpoint, region="cn-hangzhou")

    def names(**asked: str) -> list[str]:
        parameters = {name.replace("_", "-"): value for name, value in asked.items()}
        return [bucket.name for bucket in service.list_buckets(params=parameters).buckets]

    assert names(tag_key="c", tag_value="3") == [BUCKET]
    assert names(tag_key="a") == []
    assert refusal(names, tag_value="3") == (400, "InvalidArgument")
    (region,) = service.describe_regions("oss-cn-hangzhou").regions
    assert (region.region, region.internet_endpoint) == ("oss-cn-hangzhou", "oss-cn-hangzhou.aliyuncs.com")
    assert refusal(service.describe_regions, "oss-cn-beijing") == (404, "NoSuchRegion")


def test_a_link_is_served_where_the_referer_rules_let_it(bucket: oss2.Bucket) -> None:
    bucket.put_object("a.txt", b"hello")
    bucket.put_bucket_referer(MODELS.BucketReferer(False, ["http://*.a.test"]))
    assert bucket.get_object("a.txt").read() == b"hello"
    url = bucket.sign_url("GET", "a.txt", 60)
    link = oss2.Session()

    def get(**headers: str) -> tuple[int, bytes]:
        answer = link.do_request(oss2.http.Request("GET", url, headers=headers), 10)
        return answer.status, answer.read()

    assert get(Referer="http://www.a.test/page") == (200, b"hello")
    for headers in ({}, {"Referer": "http://b.test/"}):
        status, body = get(**headers)
        assert status == 403
        assert b"<Message>You are denied by bucket referer policy.</Message>" in body


def test_who_does_not_sign_cannot_be_made_to_pay(bucket: oss2.Bucket, emulator: EmulatorThread) -> None:
    bucket.put_object("a.txt", b"hello")
    bucket.put_bucket_acl("public-read")
    anonymous = Oss2Verbs(emulator.endpoint, "", "", "v1").bucket
    assert anonymous.get_object("a.txt").read() == b"hello"
    bucket.put_bucket_request_payment("Requester")
    with pytest.raises(oss2.exceptions.AccessDenied) as caught:
        anonymous.get_object("a.txt")
    assert caught.value.details["Message"] == "Access denied for requester pay bucket"
    assert bucket.get_object("a.txt").read() == b"hello"


# --- alibabacloud-oss-v2 ----------------------------------------------------------------------------------------------


@pytest.fixture(params=["v1", "v4"])
def client(request: pytest.FixtureRequest, emulator: EmulatorThread) -> v2.Client:
    return OssV2Verbs(emulator.endpoint, KEY_ID, KEY_SECRET, request.param).client


class V2Setting(NamedTuple):
    """A setting in alibabacloud-oss-v2: the field that holds the document, the document, and what is there before.

    `absent` is a document, or a status and a Code.
    """

    field: str
    document: serde.Model
    absent: serde.Model | tuple[int, str]


V2 = {
    "BucketLogging": V2Setting(
        "bucket_logging_status",
        v2.BucketLoggingStatus(logging_enabled=v2.LoggingEnabled(target_bucket=BUCKET, target_prefix="p-")),
        v2.BucketLoggingStatus(),
    ),
    "UserDefinedLogFieldsConfig": V2Setting(
        "user_defined_log_fields_configuration",
        v2.UserDefinedLogFieldsConfiguration(
            header_set=v2.LoggingHeaderSet(headers=["a", "b"]), param_set=v2.LoggingParamSet(parameters=["c"])
        ),
        (404, "NoSuchUserDefinedLogFieldsConfig"),
    ),
    "BucketReferer": V2Setting(
        "referer_configuration",
        v2.RefererConfiguration(
            allow_empty_referer=False,
            allow_truncate_query_string=False,
            truncate_path=True,
            referer_list=v2.RefererList(referers=["http://a.test", "http://b.test"]),
            referer_blacklist=v2.RefererBlacklist(referers=["http://c.test"]),
        ),
        v2.RefererConfiguration(
            allow_empty_referer=True,
            allow_truncate_query_string=True,
            truncate_path=False,
            referer_list=v2.RefererList(),
        ),
    ),
    "BucketEncryption": V2Setting(
        "server_side_encryption_rule",
        v2.ServerSideEncryptionRule(
            apply_server_side_encryption_by_default=v2.ApplyServerSideEncryptionByDefault(
                sse_algorithm="KMS", kms_master_key_id="key", kms_data_encryption="SM4"
            )
        ),
        (404, "NoSuchServerSideEncryptionRule"),
    ),
    "BucketTags": V2Setting(
        "tagging",
        v2.Tagging(tag_set=v2.TagSet(tags=[v2.Tag(key="a", value="1"), v2.Tag(key="b", value="2")])),
        v2.Tagging(tag_set=v2.TagSet()),
    ),
    "BucketRequestPayment": V2Setting(
        "request_payment_configuration",
        v2.RequestPaymentConfiguration(payer="Requester"),
        v2.RequestPaymentConfiguration(payer="BucketOwner"),
    ),
    "BucketTransferAcceleration": V2Setting(
        "transfer_acceleration_configuration",
        v2.TransferAccelerationConfiguration(enabled=True),
        (404, "NoSuchTransferAccelerationConfiguration"),
    ),
    "BucketAccessMonitor": V2Setting(
        "access_monitor_configuration",
        v2.AccessMonitorConfiguration(status="Enabled"),
        v2.AccessMonitorConfiguration(status="Disabled"),
    ),
    "BucketPublicAccessBlock": V2Setting(
        "public_access_block_configuration",
        v2.PublicAccessBlockConfiguration(block_public_access=True),
        v2.PublicAccessBlockConfiguration(block_public_access=False),
    ),
    "BucketResourceGroup": V2Setting(
        "bucket_resource_group_configuration",
        v2.BucketResourceGroupConfiguration(resource_group_id="rg-one"),
        v2.BucketResourceGroupConfiguration(),
    ),
    "BucketHttpsConfig": V2Setting(
        "https_configuration",
        v2.HttpsConfiguration(
            tls=v2.TLS(enable=True, tls_versions=["TLSv1.2", "TLSv1.3"]),
            cipher_suite=v2.CipherSuite(
                enable=True,
                strong_cipher_suite=False,
                custom_cipher_suites=["ECDHE-RSA-AES128-SHA256"],
                tls13_custom_cipher_suites=["TLS_AES_128_GCM_SHA256"],
            ),
        ),
        v2.HttpsConfiguration(tls=v2.TLS(enable=False)),
    ),
    "BucketArchiveDirectRead": V2Setting(
        "archive_direct_read_configuration",
        v2.ArchiveDirectReadConfiguration(enabled=True),
        (404, "NoSuchArchiveDirectReadConfiguration"),
    ),
    "BucketOverwriteConfig": V2Setting(
        "overwrite_configuration",
        v2.OverwriteConfiguration(
            rules=[
                v2.OverwriteRule(
                    id="one",
                    action="forbid",
                    prefix="a/",
                    suffix=".txt",
                    principals=v2.OverwritePrincipals(principals=["1234567890123456"]),
                ),
                v2.OverwriteRule(id="two", action="forbid"),
            ]
        ),
        (404, "NoSuchBucketOverwriteConfig"),
    ),
    "BucketObjectWormConfiguration": V2Setting(
        "object_worm_configuration",
        v2.ObjectWormConfiguration(
            object_worm_enabled="Enabled",
            rule=v2.ObjectWormConfigurationRule(
                default_retention=v2.ObjectWormConfigurationRuleDefaultRetention(mode="COMPLIANCE", days=7)
            ),
        ),
        (404, "NoSuchWORMConfiguration"),
    ),
    "BucketStorageQuota": V2Setting(
        "quota_configuration",
        v2.QuotaConfiguration(storage_quota=1048576, mode="Strict"),
        (404, "NoSuchBucketStorageQuota"),
    ),
}


def plain(value: object) -> object:
    """A model as a dictionary of what it holds, all the way down; what is `None`, or empty, is left out."""
    if isinstance(value, serde.Model):
        held = {name: plain(each) for name, each in vars(value).items() if not name.startswith("_")}
        return {name: each for name, each in held.items() if each not in (None, "")}
    return [plain(each) for each in value] if isinstance(value, list) else value


def call(client: v2.Client, operation: str, **arguments: object) -> Any:
    """The result of `operation`, named as the API reference names it."""
    method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]
    return getattr(client, method)(getattr(v2, f"{operation}Request")(bucket=BUCKET, **arguments))


@pytest.mark.parametrize(("name", "setting"), V2.items(), ids=V2)
def test_alibabacloud_oss_v2_puts_reads_and_deletes_a_setting(client: v2.Client, name: str, setting: V2Setting) -> None:
    def now() -> object:
        return found(lambda: plain(getattr(call(client, f"Get{name}"), setting.field)))

    absent = setting.absent if isinstance(setting.absent, tuple) else plain(setting.absent)
    assert now() == absent
    assert call(client, f"Put{name}", **{setting.field: setting.document}).status_code == 200
    assert now() == plain(setting.document)
    if hasattr(v2, f"Delete{name}Request"):
        assert call(client, f"Delete{name}").status_code == 204
        assert now() == absent


def v2_encryption(algorithm: str, key: str = "") -> v2.ServerSideEncryptionRule:
    by_default = v2.ApplyServerSideEncryptionByDefault(sse_algorithm=algorithm, kms_master_key_id=key)
    return v2.ServerSideEncryptionRule(apply_server_side_encryption_by_default=by_default)


def v2_tags(*keys: str) -> v2.Tagging:
    return v2.Tagging(tag_set=v2.TagSet(tags=[v2.Tag(key=key, value="") for key in keys]))


V2_REFUSALS = {
    "InvalidTargetBucketForLogging": (
        "BucketLogging",
        v2.BucketLoggingStatus(logging_enabled=v2.LoggingEnabled(target_bucket="missing-bucket")),
    ),
    "InvalidEncryptionAlgorithmError": ("BucketEncryption", v2_encryption("DES")),
    "InvalidArgument": ("BucketEncryption", v2_encryption("AES256", "key")),
    "TooManyTags": ("BucketTags", v2_tags(*map(str, range(21)))),
    "RepeatedTags": ("BucketTags", v2_tags("a", "a")),
    "MalformedXML": ("BucketRequestPayment", v2.RequestPaymentConfiguration(payer="Nobody")),
    "ResourceGroupIdPreCheckError": (
        "BucketResourceGroup",
        v2.BucketResourceGroupConfiguration(resource_group_id="one"),
    ),
}


@pytest.mark.parametrize(("code", "put"), V2_REFUSALS.items(), ids=V2_REFUSALS)
def test_alibabacloud_oss_v2_is_refused_what_is_no_setting(
    client: v2.Client, code: str, put: tuple[str, serde.Model]
) -> None:
    name, document = put
    assert refusal(call, client, f"Put{name}", **{V2[name].field: document}) == (400, code)


def test_alibabacloud_oss_v2_cannot_overwrite_what_a_rule_protects(client: v2.Client) -> None:
    name = "BucketOverwriteConfig"
    call(client, f"Put{name}", **{V2[name].field: V2[name].document})
    call(client, "PutObject", key="a/1.txt", body=b"hello")
    assert refusal(call, client, "PutObject", key="a/1.txt", body=b"other") == (409, "FileAlreadyExists")


def test_alibabacloud_oss_v2_keeps_inventories(client: v2.Client) -> None:
    inventory = v2.InventoryConfiguration(
        id="one",
        is_enabled=True,
        included_object_versions="All",
        optional_fields=v2.OptionalFields(fields=["Size", "ETag"]),
        schedule=v2.InventorySchedule(frequency="Daily"),
        filter=v2.InventoryFilter(prefix="a/", lower_size_bound=1, storage_class="Standard"),
        destination=v2.InventoryDestination(
            oss_bucket_destination=v2.InventoryOSSBucketDestination(
                format="CSV",
                account_id="1234567890123456",
                role_arn="acs:ram::1234567890123456:role/role",
                bucket="acs:oss:::examplebucket",
                prefix="p",
                encryption=v2.InventoryEncryption(sse_kms=v2.SSEKMS(key_id="key")),
            )
        ),
    )
    assert refusal(call, client, "GetBucketInventory", inventory_id="one") == (404, "NoSuchInventory")
    call(client, "PutBucketInventory", inventory_id="one", inventory_configuration=inventory)
    read = call(client, "GetBucketInventory", inventory_id="one").inventory_configuration
    assert plain(read) == plain(inventory)
    listed = call(client, "ListBucketInventory").list_inventory_configurations_result
    assert (plain(listed.inventory_configurations), listed.is_truncated) == ([plain(inventory)], False)
    assert call(client, "DeleteBucketInventory", inventory_id="one").status_code == 204
    assert refusal(call, client, "GetBucketInventory", inventory_id="one") == (404, "NoSuchInventory")


def test_alibabacloud_oss_v2_keeps_styles(client: v2.Client) -> None:
    assert refusal(call, client, "GetStyle", style_name="small") == (404, "NoSuchStyle")
    call(client, "PutStyle", style_name="small", style=v2.StyleContent(content="image/resize,p_10"), category="image")
    style = call(client, "GetStyle", style_name="small").style
    assert (style.name, style.content, style.category) == ("small", "image/resize,p_10", "image")
    assert plain(call(client, "ListStyle").style_list.styles) == [plain(style)]
    assert call(client, "DeleteStyle", style_name="small").status_code == 204
    assert call(client, "ListStyle").style_list.styles in (None, [])


def test_alibabacloud_oss_v2_begins_locks_and_extends_a_retention(client: v2.Client) -> None:
    assert refusal(call, client, "GetBucketWorm") == (404, "NoSuchWORMConfiguration")
    begin = v2.InitiateWormConfiguration(retention_period_in_days=1)
    call(client, "InitiateBucketWorm", initiate_worm_configuration=begin)
    assert call(client, "AbortBucketWorm").status_code == 204
    worm_id = call(client, "InitiateBucketWorm", initiate_worm_configuration=begin).worm_id
    call(client, "CompleteBucketWorm", worm_id=worm_id)
    longer = v2.ExtendWormConfiguration(retention_period_in_days=2)
    call(client, "ExtendBucketWorm", worm_id=worm_id, extend_worm_configuration=longer)
    worm = call(client, "GetBucketWorm").worm_configuration
    assert (worm.worm_id, worm.state, worm.retention_period_in_days) == (worm_id, "Locked", 2)
    assert refusal(call, client, "AbortBucketWorm") == (403, "WORMConfigurationLocked")


def test_alibabacloud_oss_v2_gives_a_bucket_a_domain(client: v2.Client) -> None:
    domain = v2.BucketCnameConfiguration(cname=v2.Cname(domain="www.a.test"))
    assert refusal(call, client, "PutCname", bucket_cname_configuration=domain) == (403, "NeedVerifyDomainOwnership")
    assert refusal(call, client, "GetCnameToken", cname="www.a.test") == (404, "CnameTokenNotFound")
    token = call(client, "CreateCnameToken", bucket_cname_configuration=domain).cname_token
    assert plain(call(client, "GetCnameToken", cname="www.a.test").cname_token) == plain(token)
    call(client, "PutCname", bucket_cname_configuration=domain)
    listed = call(client, "ListCname")
    assert (listed.bucket, listed.owner) == (BUCKET, "1234567890123456")
    assert [(cname.domain, cname.status) for cname in listed.cnames] == [("www.a.test", "Enabled")]
    call(client, "DeleteCname", bucket_cname_configuration=domain)
    assert call(client, "ListCname").cnames in (None, [])


def test_alibabacloud_oss_v2_lists_buckets_by_tag_and_resource_group(client: v2.Client) -> None:
    tagging = v2.Tagging(tag_set=v2.TagSet(tags=[v2.Tag(key="a", value="1")]))
    call(client, "PutBucketTags", tagging=tagging)
    group = v2.BucketResourceGroupConfiguration(resource_group_id="rg-one")
    call(client, "PutBucketResourceGroup", bucket_resource_group_configuration=group)

    def names(**asked: str) -> list[str]:
        return [bucket.name for bucket in client.list_buckets(v2.ListBucketsRequest(**asked)).buckets or ()]

    assert names(tagging='"a":"1"') == names(tag_key="a") == names(resource_group_id="rg-one") == [BUCKET]
    assert names(tagging='"a":"2"') == names(tag_key="b") == names(resource_group_id="rg-two") == []
    regions = client.describe_regions(v2.DescribeRegionsRequest()).region_info
    assert [(region.region, region.internal_endpoint) for region in regions] == [
        ("oss-cn-hangzhou", "oss-cn-hangzhou-internal.aliyuncs.com")
    ]
    assert refusal(client.describe_regions, v2.DescribeRegionsRequest(regions="oss-x")) == (404, "NoSuchRegion")


def test_alibabacloud_oss_v2_reads_the_settings_in_the_bucket_s_info(client: v2.Client) -> None:
    for name in ("BucketLogging", "BucketEncryption", "BucketAccessMonitor", "BucketTransferAcceleration"):
        call(client, f"Put{name}", **{V2[name].field: V2[name].document})
    info = call(client, "GetBucketInfo").bucket_info
    assert (info.access_monitor, info.transfer_acceleration) == ("Enabled", "Enabled")
    assert (info.bucket_policy.log_bucket, info.bucket_policy.log_prefix) == (BUCKET, "p-")
    assert plain(info.sse_rule) == {
        "sse_algorithm": "KMS",
        "kms_master_key_id": "key",
        "kms_data_encryption": "SM4",
    }


# --- ali-oss ----------------------------------------------------------------------------------------------------------


class AliSetting(NamedTuple):
    """A setting in ali-oss: calls of `client`, what of the answer counts, and what that is before and after."""

    put: str
    get: str
    absent: object
    present: object
    delete: str = ""


INVENTORY = {
    "id": "one",
    "isEnabled": True,
    "prefix": "a/",
    "OSSBucketDestination": {
        "format": "CSV",
        "accountId": "1234567890123456",
        "rolename": "role",
        "bucket": BUCKET,
        "prefix": "p",
        "encryption": {"SSE-KMS": {"keyId": "key"}},
    },
    "frequency": "Daily",
    "includedObjectVersions": "All",
    "optionalFields": {"field": ["Size", "ETag"]},
}
ALI = {
    "logging": AliSetting(
        'putBucketLogging("examplebucket", "p-")',
        '(({enable, prefix}) => [enable, prefix])(await client.getBucketLogging("examplebucket"))',
        [False, None],
        [True, "p-"],
        'deleteBucketLogging("examplebucket")',
    ),
    "referer": AliSetting(
        'putBucketReferer("examplebucket", false, ["http://a.test", "http://b.test"])',
        '(({allowEmpty, referers}) => [allowEmpty, referers])(await client.getBucketReferer("examplebucket"))',
        [True, None],
        [False, ["http://a.test", "http://b.test"]],
        'deleteBucketReferer("examplebucket")',
    ),
    "encryption": AliSetting(
        'putBucketEncryption("examplebucket", {SSEAlgorithm: "KMS", KMSMasterKeyID: "key"})',
        '(await client.getBucketEncryption("examplebucket")).encryption',
        [404, "NoSuchServerSideEncryptionRule"],
        {"SSEAlgorithm": "KMS", "KMSMasterKeyID": "key"},
        'deleteBucketEncryption("examplebucket")',
    ),
    "tags": AliSetting(
        'putBucketTags("examplebucket", {a: "1", b: "2"})',
        '(await client.getBucketTags("examplebucket")).tag',
        {},
        {"a": "1", "b": "2"},
        'deleteBucketTags("examplebucket")',
    ),
    "request payment": AliSetting(
        'putBucketRequestPayment("examplebucket", "Requester")',
        '(await client.getBucketRequestPayment("examplebucket")).payer',
        "BucketOwner",
        "Requester",
    ),
    "inventory": AliSetting(
        f'putBucketInventory("examplebucket", {json.dumps(INVENTORY)})',
        '(await client.getBucketInventory("examplebucket", "one")).inventory',
        [404, "NoSuchInventory"],
        {**INVENTORY, "schedule": {}},
        'deleteBucketInventory("examplebucket", "one")',
    ),
}


@pytest.mark.parametrize("v4", [pytest.param(False, id="V1"), pytest.param(True, id="V4")])
def test_ali_oss_puts_reads_and_deletes_settings(v4: bool, emulator: EmulatorThread, run_node: RunNode) -> None:
    def step(setting: AliSetting) -> str:
        delete = f"await client.{setting.delete}; found.push(await now());" if setting.delete else ""
        return f"""{{
          const found = [];
          const now = async () => {{
            try {{ return {setting.get}; }} catch (error) {{ return [error.status, error.code]; }}
          }};
          found.push(await now());
          await client.{setting.put};
          found.push(await now());
          {delete}
          results.push(found);
        }}"""

    script = f"const results = [];{''.join(map(step, ALI.values()))} return results;"
    results = dict(zip(ALI, run_node("run.js", ali_oss(emulator, authorizationV4=v4), script), strict=True))
    assert results == {
        name: [setting.absent, setting.present, *([setting.absent] if setting.delete else [])]
        for name, setting in ALI.items()
    }


def test_ali_oss_is_refused_what_is_no_setting_and_lists_buckets_by_tag(
    emulator: EmulatorThread, run_node: RunNode
) -> None:
    script = """
        const name = "examplebucket";
        const refusal = (call) => call.then(() => null, (error) => [error.status, error.code]);
        const listed = async (query) => ((await client.listBuckets(query)).buckets ?? []).map((bucket) => bucket.name);
        await client.putBucketTags(name, {a: "1"});
        return [
          await refusal(client.putBucketEncryption(name, {SSEAlgorithm: "DES"})),
          await refusal(client.putBucketEncryption(name, {SSEAlgorithm: "AES256", KMSMasterKeyID: "key"})),
          await refusal(client.initiateBucketWorm(name, "0")),
          await refusal(client.getBucketLogging("missing-bucket")),
          await listed({"tag-key": "a", "tag-value": "1"}),
          await listed({"tag-key": "b"}),
        ];
    """
    assert run_node("run.js", ali_oss(emulator), script) == [
        [400, "InvalidEncryptionAlgorithmError"],
        [400, "InvalidArgument"],
        [400, "InvalidWORMConfiguration"],
        [404, "NoSuchBucket"],
        [BUCKET],
        [],
    ]


def test_ali_oss_begins_locks_and_extends_a_retention(emulator: EmulatorThread, run_node: RunNode) -> None:
    script = """
        const name = "examplebucket";
        const code = (call) => call.then(() => "", (error) => error.code);
        const before = await code(client.getBucketWorm(name));
        await client.initiateBucketWorm(name, "1");
        await client.abortBucketWorm(name);
        const {wormId} = await client.initiateBucketWorm(name, "1");
        await client.completeBucketWorm(name, wormId);
        await client.extendBucketWorm(name, wormId, 2);
        const worm = await client.getBucketWorm(name);
        const {status} = await client.abortBucketWorm(name);  // it throws nothing here
        return [before, worm.wormId === wormId, worm.state, worm.days, status];
    """
    assert run_node("run.js", ali_oss(emulator), script) == [
        "NoSuchWORMConfiguration",
        True,
        "Locked",
        "2",
        403,
    ]


def test_ali_oss_lists_inventories(emulator: EmulatorThread, run_node: RunNode) -> None:
    script = f"""
        await client.putBucketInventory("examplebucket", {json.dumps(INVENTORY)});
        const {{isTruncated, inventoryList}} = await client.listBucketInventory("examplebucket");
        return [isTruncated, inventoryList];
    """
    assert run_node("run.js", ali_oss(emulator), script) == [False, [{**INVENTORY, "schedule": {}}]]
