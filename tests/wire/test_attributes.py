import base64
from datetime import UTC, datetime

import pytest

from emulator.errors import (
    InvalidArgument,
    InvalidDataEncryptionAlgorithmError,
    InvalidEncryptionAlgorithmError,
    InvalidTag,
    OssError,
)
from emulator.model import Acl, Bucket, ObjectAttributes, StorageClass
from emulator.wire.attributes import DEFAULT_KMS_KEY_ID, attribute_headers, parse_forbid_overwrite, read_attributes

BUCKET = Bucket("examplebucket", datetime(2024, 6, 1, tzinfo=UTC), storage_class=StorageClass.IA)
SSE = "x-oss-server-side-encryption"
SSE_KEY_ID = "x-oss-server-side-encryption-key-id"
SSE_DATA = "x-oss-server-side-data-encryption"


def read(**headers: str) -> ObjectAttributes:
    return read_attributes({name.replace("_", "-"): value for name, value in headers.items()}, BUCKET)


def persistent(**headers: str) -> str:
    return ",".join(f"{name}:{base64.b64encode(value.encode()).decode()}" for name, value in headers.items())


def test_a_bare_upload_has_the_default_type_and_the_class_of_its_bucket():
    attributes = read(host="examplebucket.localhost", content_length="5")
    assert attributes == ObjectAttributes(
        headers={"content-type": "application/octet-stream"}, storage_class=StorageClass.IA
    )
    assert attribute_headers(attributes) == {"Content-Type": "application/octet-stream"}


def test_everything_that_is_kept_comes_back_unchanged():
    attributes = read(
        content_type="text/plain; charset=utf-8",
        cache_control="no-cache",
        content_disposition='attachment; filename="a.txt"',
        content_encoding="gzip",
        content_language="zh-CN",
        expires="2015-10-01 00:00:00",
        x_oss_meta_owner="城\tme",
        x_oss_meta_empty="",
        x_oss_tagging="a=1&b",
        x_oss_server_side_encryption="AES256",
        x_oss_object_acl="public-read",
        x_oss_storage_class="Archive",
        x_oss_persistent_headers=persistent(**{"X-Frame-Options": "DENY", "p3p": "CP"}),
        authorization="not kept",
    )
    assert attributes.acl is Acl.PUBLIC_READ
    assert attributes.storage_class is StorageClass.ARCHIVE
    assert attributes.tags == {"a": "1", "b": ""}
    assert attribute_headers(attributes) == {
        "Content-Type": "text/plain; charset=utf-8",
        "Cache-Control": "no-cache",
        "Content-Disposition": 'attachment; filename="a.txt"',
        "Content-Encoding": "gzip",
        "Content-Language": "zh-CN",
        "Expires": "2015-10-01 00:00:00",
        "X-Frame-Options": "DENY",
        "P3P": "CP",
        "x-oss-meta-owner": "城\tme",
        "x-oss-meta-empty": "",
        "x-oss-tagging-count": "2",
        "x-oss-server-side-encryption": "AES256",
    }


@pytest.mark.parametrize(
    ("headers", "name", "ec"),
    [
        pytest.param({"x-oss-object-acl": "public"}, "x-oss-object-acl", "0017-00000104", id="ACL"),
        pytest.param({"x-oss-object-acl": ""}, "x-oss-object-acl", "0017-00000105", id="empty ACL"),
        pytest.param({"x-oss-storage-class": "standard"}, "x-oss-storage-class", "0017-00000132", id="class"),
        pytest.param({"x-oss-storage-class": ""}, "x-oss-storage-class", "0017-00000131", id="empty class"),
        pytest.param({"x-oss-tagging": "a&a"}, "x-oss-tagging", None, id="tagging"),
        pytest.param({"x-oss-meta-a": "x" * 8192}, "x-oss-meta", None, id="one byte of metadata too many"),
        pytest.param({"x-oss-meta-a": "x" * 8189 + "城"}, "x-oss-meta", None, id="metadata counted in bytes"),
        pytest.param({"x-oss-meta-a": "a\udcff"}, "x-oss-meta-a", "0017-00000205", id="metadata not UTF-8"),
        pytest.param({"cache-control": "a\r\nb: c"}, "cache-control", "0017-00000205", id="CR and LF"),
        pytest.param({"content-type": "a\0b"}, "content-type", "0017-00000205", id="NUL"),
        pytest.param({"content-type": "城\x7f"}, "content-type", "0017-00000205", id="DEL"),
        pytest.param({SSE_KEY_ID: "k"}, SSE_KEY_ID, None, id="key id without KMS"),
    ],
)
def test_a_bad_header_is_refused_by_name(headers: dict[str, str], name: str, ec: str | None):
    with pytest.raises(InvalidArgument) as caught:
        read(**headers)
    assert (caught.value.elements["ArgumentName"], caught.value.ec) == (name, ec)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("name", "The format of persistent header is invalid", id="no value"),
        pytest.param("name:not base64", "The format of persistent header is invalid", id="no base64"),
        pytest.param(":YQ==", "The format of persistent header is invalid", id="no name"),
        pytest.param("a b:YQ==", "not valid HTTP token", id="blank in the name"),
        pytest.param("Content-Length:YQ==", "reserved", id="a header of the answer"),
        pytest.param("x-oss-meta-a:YQ==", "reserved", id="a header of OSS"),
        pytest.param(persistent(name="a\r\nb"), "is not valid", id="line end in the value"),
        pytest.param("name:/w==", "is not valid", id="value not UTF-8"),
    ],
)
def test_a_bad_persistent_header_is_refused(text: str, message: str):
    with pytest.raises(InvalidArgument, match=message):
        read(x_oss_persistent_headers=text)


def test_metadata_of_exactly_eight_kilobytes_is_taken():
    assert read(x_oss_meta_a="x" * 8191).metadata == {"a": "x" * 8191}


def test_kms_without_a_key_id_is_given_one():
    assert read(**{SSE: "KMS", SSE_DATA: "SM4"}).encryption == {
        SSE: "KMS",
        SSE_KEY_ID: DEFAULT_KMS_KEY_ID,
        SSE_DATA: "SM4",
    }
    assert read(**{SSE: "KMS", SSE_KEY_ID: "mine"}).encryption[SSE_KEY_ID] == "mine"


def test_an_empty_key_id_beside_aes256_is_nothing():
    assert read(**{SSE: "AES256", SSE_KEY_ID: ""}).encryption == {SSE: "AES256"}


def test_data_encryption_without_kms_is_taken_and_forgotten():
    for algorithm in ("AES256", "SM4"):
        assert read(**{SSE: algorithm, SSE_DATA: "SM4"}).encryption == {SSE: algorithm}
    assert read(**{SSE_DATA: "SM4"}).encryption == {}


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        pytest.param({SSE: "aes256"}, InvalidEncryptionAlgorithmError, id="unknown algorithm"),
        pytest.param({SSE: ""}, InvalidEncryptionAlgorithmError, id="empty algorithm"),
        pytest.param({SSE: "KMS", SSE_DATA: "AES"}, InvalidDataEncryptionAlgorithmError, id="unknown data encryption"),
        pytest.param({"x-oss-tagging": "a%21"}, InvalidTag, id="bad tag"),
    ],
)
def test_encryption_and_tags_have_errors_of_their_own(headers: dict[str, str], error: type[OssError]):
    with pytest.raises(error):
        read(**headers)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"x-oss-forbid-overwrite": "true"}, True),
        ({"x-oss-forbid-overwrite": "TRUE"}, True),
        ({"x-oss-forbid-overwrite": "False"}, False),
    ],
)
def test_forbid_overwrite_is_true_or_false_in_any_case(headers: dict[str, str], expected: bool):
    assert parse_forbid_overwrite(headers) is expected


@pytest.mark.parametrize("text", ["", "yes", "1"])
def test_forbid_overwrite_that_is_neither_is_refused_by_name(text: str):
    with pytest.raises(InvalidArgument) as caught:
        parse_forbid_overwrite({"x-oss-forbid-overwrite": text})
    assert caught.value.ec == "0017-00000279"
    assert caught.value.elements == {"ArgumentName": "x-oss-forbid-overwrite", "ArgumentValue": text}
