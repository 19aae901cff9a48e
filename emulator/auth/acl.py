"""May this principal do this here: the access control lists of buckets and objects.

One account owns everything, so whoever signed may do everything; this is about clients who did not sign.

Source: "Bucket ACL", "Object ACL" and replies of OSS to anonymous requests.
"""

from emulator.config import Auth
from emulator.errors import AccessDenied
from emulator.model import Acl, Bucket, ObjectRecord, Principal

_WRITES = ("PutObject", "DeleteObject", "AbortMultipartUpload", "ListParts")
_LISTS = frozenset(("ListObjects", "ListObjectVersions"))
_OBJECT_MESSAGES = {
    "GetObjectAcl": "You do not have read acl permission on this object.",
    "PutObjectAcl": "You do not have write acl permission on this object.",
}


def authorize(
    action: str,
    principal: Principal,
    bucket: Bucket | None,
    record: ObjectRecord | None,
    auth: Auth,
    *,
    is_form: bool = False,
) -> None:
    """Raise `AccessDenied` unless `principal` may do `action` in `bucket` to the object that `record` is.

    `action` is the operation's permission name. `bucket` is `None` at service level and while a bucket is being made,
    `record` is `None` where the action means no object, or one that does not exist. `is_form` tells a form from
    other requests.
    """
    if not principal.is_anonymous:
        return
    if bucket is None:
        raise AccessDenied(
            "Anonymous access is forbidden for this operation.",
            ec="",
            hint=f"{action} is never served without a signature: give the client an access key.",
        )
    if action == "GetObject":
        _check_object("read", bucket, record)
    elif action in _WRITES:
        _check_object("write", bucket, record, is_form=is_form)
    elif not (action in _LISTS and auth.anonymous_list and bucket.acl.lets_anyone_read):
        raise _not_for_anonymous(action, bucket)


def _check_object(permission: str, bucket: Bucket, record: ObjectRecord | None, *, is_form: bool = False) -> None:
    """Raise unless the ACL that counts, the object's own or else the bucket's, lets anyone `permission`."""
    own = record.attributes.acl if record is not None else Acl.DEFAULT
    acl = bucket.acl if own is Acl.DEFAULT else own
    if acl.lets_anyone_read if permission == "read" else acl.lets_anyone_write:
        return
    needed = "`public-read` or `public-read-write`" if permission == "read" else "`public-read-write`"
    places = "fields OSSAccessKeyId, policy and Signature" if is_form else "Authorization header, no signed URL"
    unsigned = f"The {'form' if is_form else 'request'} carries no signature (no {places})"
    if own is Acl.DEFAULT:
        raise AccessDenied(
            hint=f"{unsigned} and the bucket {bucket.name} is `{acl}`. Sign it, or make the bucket's ACL {needed}."
        )
    raise AccessDenied(
        f"You do not have {permission} permission on this object.",
        ec="0003-00000005" if permission == "read" else "",
        hint=f"{unsigned} and the object's own ACL is `{acl}`, which goes before the bucket's (`{bucket.acl}`). Sign "
        f"it, or make the object's ACL {needed}.",
    )


def _not_for_anonymous(action: str, bucket: Bucket) -> AccessDenied:
    """The refusal of what no ACL opens. Guess: which text OSS gives to which action is known for a few alone."""
    hint = f"{action} needs a signature, whatever the ACL of the bucket {bucket.name} (`{bucket.acl}`) is."
    if action in _OBJECT_MESSAGES:
        return AccessDenied(_OBJECT_MESSAGES[action], ec="", hint=hint)
    if ("Object" in action and action not in _LISTS) or action == "PostProcessTask":
        return AccessDenied("You have no right to access this object.", ec="", hint=hint)
    if action in _LISTS:
        hint += " `auth.anonymous_list` opens the listing of public buckets."
    if not bucket.acl.lets_anyone_read:
        return AccessDenied(hint=hint)
    return AccessDenied("The bucket you access does not belong to you.", ec="0003-00000905", hint=hint)
