"""The public access block of a bucket: while it is on, nothing opens the bucket to everybody.

Differs: every new bucket of OSS has it on. Here it is on where somebody has put it: a bucket of one's own that is to be
public needs no step more than its ACL.

Source: "Block public access"; the EC page 0016-00000901.
"""

from emulator.errors import AccessDenied
from emulator.model import Acl, Bucket
from emulator.wire.request import OssRequest
from emulator.wire.settings import setting_text

_PUBLIC = (Acl.PUBLIC_READ, Acl.PUBLIC_READ_WRITE)


def is_blocked(bucket: Bucket) -> bool:
    """Whether the bucket's block is on."""
    return setting_text(bucket, "publicAccessBlock", "BlockPublicAccess") == "true"


def check_public_acl(bucket: Bucket, request: OssRequest) -> None:
    """Raise `AccessDenied` if `request` would make `bucket` public, or an object in it, by an ACL against its block."""
    if request.method in ("PUT", "POST"):
        if request.key:
            check_object_acl(bucket, request.headers.get("x-oss-object-acl", ""))
        elif request.headers.get("x-oss-acl", "") in _PUBLIC and is_blocked(bucket):
            # Guess: the text, on the model of that for objects.
            raise _not_allowed("Put public bucket acl is not allowed", bucket)


def check_object_acl(bucket: Bucket, acl: str) -> None:
    """Raise `AccessDenied` if an object in `bucket` may not have this ACL."""
    if acl in _PUBLIC and is_blocked(bucket):
        raise _not_allowed("Put public object acl is not allowed", bucket, ec="0016-00000901")


def check_policy(bucket: Bucket, *, is_public: bool) -> None:
    """Raise `AccessDenied` if `bucket` may not have such a policy. Guess: the text."""
    if is_public and is_blocked(bucket):
        raise _not_allowed("Put public bucket policy is not allowed", bucket)


def nothing_is_public(bucket: Bucket) -> AccessDenied:
    """The refusal of a client who did not sign, whatever ACLs and public policies say. Guess: the text."""
    return AccessDenied(
        hint=f"The request carries no signature, and the public access block of the bucket {bucket.name} is on: public "
        "ACLs and policies do not count. Sign it, or delete the block (DeleteBucketPublicAccessBlock)."
    )


def _not_allowed(message: str, bucket: Bucket, *, ec: str = "") -> AccessDenied:
    return AccessDenied(
        message,
        ec=ec,
        hint=f"The public access block of the bucket {bucket.name} is on. DeleteBucketPublicAccessBlock takes it away.",
    )
