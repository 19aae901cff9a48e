"""May whoever sent a request do this: policies first, then access control lists.

1. The session policy of a temporary key says what the key may at all.
2. The bucket's policy: a Deny is final, for everybody whom it names. An Allow lets in who did not sign,
   unless it is public and the bucket's public access block is on.
3. The owner, and that is everybody who signed, may do everything else; who did not sign, what the ACLs open.

Source: "Overview of permissions and access control" for the order; "AssumeRole" for the session policy.
"""

from emulator.auth.acl import authorize
from emulator.auth.policy import Question, Verdict, parse_policy
from emulator.auth.public_access import is_blocked, nothing_is_public
from emulator.context import Context
from emulator.errors import AccessDenied
from emulator.model import Bucket
from emulator.operations._document import region
from emulator.wire.request import OssRequest

POLICY = "policy"  # the sub-resource, and the name under which a bucket keeps the document

# Guess: how the owner gets out again after having locked everybody out. The keys of a session cannot.
_LIFELINES = ("PutBucketPolicy", "GetBucketPolicy", "DeleteBucketPolicy")
_LISTS = ("ListObjects", "ListObjectVersions", "ListMultipartUploads")
_OF_VERSIONS = (
    *("GetObject", "DeleteObject", "RestoreObject", "GetObjectAcl", "PutObjectAcl"),
    *("GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging"),
)


def check_access(
    ctx: Context,
    request: OssRequest,
    action: str,
    bucket: str = "",
    key: str = "",
    *,
    version_id: str | None = None,
    is_form: bool = False,
) -> None:
    """Raise `AccessDenied` unless the sender of `request` may do `action` to an object, a bucket, or the service.

    `action` is the permission's name, `GetObject`; with a `version_id` that of the version, `GetObjectVersion`.
    """
    principal = request.principal
    settings = ctx.store.find_bucket(bucket)
    policy = settings.documents.get(POLICY) if settings is not None else None
    if principal.role is None and policy is None and not principal.is_anonymous:
        return  # nearly always
    if version_id is not None and action in _OF_VERSIONS:
        named = action.replace("Object", "ObjectVersion", 1)
    else:
        named = action
    if principal.role is not None and principal.role.policy:
        _check_session(ctx, request, named, bucket, key)
    blocked = settings if principal.is_anonymous and settings is not None and is_blocked(settings) else None
    verdict = Verdict("", "")
    if policy is not None:
        assert settings is not None
        parsed = parse_policy(policy, has_principals=True)
        if blocked is not None:
            parsed = parsed.without_public()
        verdict = parsed.judge(_question(ctx, request, named, bucket, key))
        is_lifeline = action in _LIFELINES and principal.role is None and not principal.is_anonymous
        if verdict.effect == "Deny" and not is_lifeline:
            raise _denied_by_bucket(settings, named, verdict)
        if verdict.effect == "Allow":
            return
    if blocked is not None:
        raise nothing_is_public(blocked)
    if principal.is_anonymous:
        record = ctx.store.find(bucket, key, version_id) if settings is not None and key else None
        try:
            authorize(action, principal, settings, record, ctx.config.auth, is_form=is_form)
        except AccessDenied as error:
            if verdict.reason:
                error.hint += f" Of the bucket's policy, {verdict.reason}."
            raise


def check_tagging(ctx: Context, request: OssRequest, key: str) -> None:
    """Raise `AccessDenied` if a session's policy lets the sender write objects, and not tag them.

    Source: "PutObject", which asks for both.
    """
    role = request.principal.role
    if role is not None and role.policy:
        _check_session(ctx, request, "PutObjectTagging", request.bucket, key)


def _check_session(ctx: Context, request: OssRequest, action: str, bucket: str, key: str) -> None:
    role = request.principal.role
    assert role is not None
    verdict = parse_policy(role.policy, has_principals=False).judge(_question(ctx, request, action, bucket, key))
    if verdict.effect == "Allow":
        return
    does = "denies it" if verdict.effect == "Deny" else "does not allow it"
    raise AccessDenied(
        "You are forbidden to list buckets." if action == "ListBuckets" else "Access denied by authorizer's policy.",
        ec="",
        hint=f"The sender is {role.arn}, and the policy that was given to AssumeRole {does}: {verdict.reason}.",
    )


def _denied_by_bucket(bucket: Bucket, action: str, verdict: Verdict) -> AccessDenied:
    hint = f"The policy of the bucket {bucket.name} denies oss:{action}: {verdict.reason}."
    if action not in _LIFELINES:
        hint += " The owner's permanent keys can still replace or delete the policy."
    return AccessDenied("Access denied by bucket policy.", ec="0003-00000101", hint=hint)


def _question(ctx: Context, request: OssRequest, action: str, bucket: str, key: str) -> Question:
    auth = ctx.config.auth
    name = f"{bucket}/{key}" if key else bucket or "*"
    principal = request.principal
    names: tuple[str, ...]
    if principal.is_anonymous:
        names = ("",)
    elif principal.role is not None:
        # Bucket policies spell it arn:sts::..., AssumeRole answers acs:sts::...
        names = (principal.role.arn, principal.role.arn.replace("acs:", "arn:", 1))
    else:
        names = (auth.account_id, f"acs:ram::{auth.account_id}:root")
    facts = {
        "acs:SourceIp": request.client,
        "acs:SecureTransport": "true" if request.scheme == "https" else "false",
        "acs:CurrentTime": request.received.isoformat(),
    }
    for fact, header in (("acs:Referer", "referer"), ("acs:UserAgent", "user-agent")):
        if header in request.headers:
            facts[fact] = request.headers[header]
    if action in _LISTS:  # Guess: a listing without a prefix has an empty one
        facts["oss:Prefix"] = request.parameters.get("prefix", "")
        facts["oss:Delimiter"] = request.parameters.get("delimiter", "")
    where = region(auth)
    resources = tuple(f"acs:oss:{each}:{auth.account_id}:{name}" for each in (where, f"oss-{where}"))
    return Question(names, f"oss:{action}", resources, facts)
