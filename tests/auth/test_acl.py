"""What clients who did not sign may do, by action and access control list."""

from datetime import UTC, datetime

import pytest

from emulator.auth.acl import authorize
from emulator.config import Auth
from emulator.errors import AccessDenied
from emulator.model import Acl, Bucket, ObjectAttributes, ObjectRecord, ObjectType, Principal

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
AUTH = Auth()
ANONYMOUS = Principal(None, "none")
PRIVATE, READ, WRITE, DEFAULT = Acl.PRIVATE, Acl.PUBLIC_READ, Acl.PUBLIC_READ_WRITE, Acl.DEFAULT

BUCKET_ACL = "You have no right to access this object because of bucket acl."
NOT_YOURS = "The bucket you access does not belong to you."


def a_bucket(acl: Acl) -> Bucket:
    return Bucket(name="examplebucket", created=NOW, acl=acl)


def a_record(acl: Acl) -> ObjectRecord:
    return ObjectRecord(
        bucket="examplebucket",
        key="a.txt",
        blob="1-1",
        size=0,
        etag="D41D8CD98F00B204E9800998ECF8427E",
        md5=None,
        crc64=0,
        last_modified=NOW,
        type=ObjectType.NORMAL,
        attributes=ObjectAttributes(acl=acl),
    )


def refusal(action: str, bucket: Bucket | None, record: ObjectRecord | None = None, auth: Auth = AUTH) -> AccessDenied:
    with pytest.raises(AccessDenied) as caught:
        authorize(action, ANONYMOUS, bucket, record, auth)
    assert caught.value.hint, "a refusal explains itself"
    return caught.value


@pytest.mark.parametrize("principal", [Principal("emulator", "v4"), Principal(None, "off")], ids=["signed", "mode off"])
@pytest.mark.parametrize("action", ["GetObject", "PutBucketAcl", "ListObjects", "ListBuckets"])
def test_owner_may_do_everything(principal: Principal, action: str) -> None:
    authorize(action, principal, a_bucket(PRIVATE), a_record(PRIVATE), AUTH)
    authorize(action, principal, None, None, AUTH)


@pytest.mark.parametrize(
    ("action", "bucket", "own"),
    [
        pytest.param("GetObject", READ, DEFAULT, id="read in a readable bucket"),
        pytest.param("GetObject", READ, None, id="read of a missing object, which is a 404"),
        pytest.param("GetObject", PRIVATE, READ, id="the object's ACL opens"),
        pytest.param("GetObject", PRIVATE, WRITE, id="a writable object is readable"),
        pytest.param("PutObject", WRITE, None, id="write into a writable bucket"),
        pytest.param("ListParts", WRITE, None, id="parts in a writable bucket"),
        pytest.param("PutObject", PRIVATE, WRITE, id="overwrite a writable object"),
        pytest.param("DeleteObject", READ, WRITE, id="delete a writable object"),
    ],
)
def test_anonymous_may_do_what_the_acl_opens(action: str, bucket: Acl, own: Acl | None) -> None:
    authorize(action, ANONYMOUS, a_bucket(bucket), None if own is None else a_record(own), AUTH)


@pytest.mark.parametrize(
    ("action", "bucket", "own", "message", "ec"),
    [
        pytest.param("GetObject", PRIVATE, DEFAULT, BUCKET_ACL, "0003-00000001", id="private bucket"),
        pytest.param("GetObject", PRIVATE, None, BUCKET_ACL, "0003-00000001", id="private bucket, no object"),
        pytest.param(
            "GetObject", WRITE, PRIVATE, "You do not have read permission on this object.", "0003-00000005", id="object"
        ),
        pytest.param("PutObject", READ, None, BUCKET_ACL, "0003-00000001", id="write into a readable bucket"),
        pytest.param(
            "PutObject", WRITE, READ, "You do not have write permission on this object.", None, id="object forbids"
        ),
        pytest.param("ListObjects", WRITE, None, NOT_YOURS, "0003-00000905", id="list a public bucket"),
        pytest.param("ListObjects", PRIVATE, None, BUCKET_ACL, "0003-00000001", id="list a private bucket"),
        pytest.param("GetBucketAcl", WRITE, None, NOT_YOURS, "0003-00000905", id="bucket ACL"),
        pytest.param("DeleteBucket", WRITE, None, NOT_YOURS, "0003-00000905", id="delete the bucket"),
        pytest.param(
            "GetObjectAcl", WRITE, WRITE, "You do not have read acl permission on this object.", None, id="read ACL"
        ),
        pytest.param(
            "PutObjectAcl", WRITE, WRITE, "You do not have write acl permission on this object.", None, id="write ACL"
        ),
        pytest.param("PutObjectTagging", WRITE, WRITE, "You have no right to access this object.", None, id="tagging"),
        pytest.param(
            "PostProcessTask", WRITE, WRITE, "You have no right to access this object.", None, id="processing"
        ),
    ],
)
def test_anonymous_may_not_do_what_the_acl_does_not_open(
    action: str, bucket: Acl, own: Acl | None, message: str, ec: str | None
) -> None:
    error = refusal(action, a_bucket(bucket), None if own is None else a_record(own))
    assert (error.message, error.ec) == (message, ec)


@pytest.mark.parametrize("action", ["ListBuckets", "PutBucket"])
def test_anonymous_is_refused_where_there_is_no_bucket(action: str) -> None:
    error = refusal(action, None)
    assert (error.message, error.ec) == ("Anonymous access is forbidden for this operation.", None)


def test_anonymous_list_opens_public_buckets_alone() -> None:
    auth = Auth(anonymous_list=True)
    authorize("ListObjects", ANONYMOUS, a_bucket(READ), None, auth)
    assert refusal("ListObjects", a_bucket(PRIVATE), auth=auth).message == BUCKET_ACL


def test_hint_names_the_switch_for_listings() -> None:
    assert "auth.anonymous_list" in refusal("ListObjects", a_bucket(READ)).hint


def test_hint_says_whose_acl_decides() -> None:
    assert "the bucket examplebucket is `private`" in refusal("GetObject", a_bucket(PRIVATE)).hint
    assert "the object's own ACL is `private`" in refusal("GetObject", a_bucket(READ), a_record(PRIVATE)).hint
