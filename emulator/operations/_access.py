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
from emulator.config import Auth
from emulator.context import Context
from emulator.errors import AccessDenied
from emulator.model import AssumedRole, Bucket, ObjectRecord, Principal
from emulator.operations._document import region
from emulator.wire.request import ANONYMOUS, OssRequest

POLICY = "policy"  # the sub-resource, and the name under which a bucket keeps the document

# Guess: how the owner gets out again after having locked everybody out. The keys of a session cannot.
_LIFELINES = ("oss:PutBucketPolicy", "oss:GetBucketPolicy", "oss:DeleteBucketPolicy")
_LISTS = ("ListObjects", "ListObjectVersions", "ListMultipartUploads")
_OF_VERSIONS = (
    *("GetObject", "DeleteObject", "RestoreObject", "GetObjectAcl", "PutObjectAcl"),
    *("GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging"),
)
_NOTHING = Verdict("", "")


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
    verdict = check_policies(ctx, request, action, bucket, key, version_id=version_id)
    if request.principal.is_anonymous and verdict.effect != "Allow":
        settings = ctx.store.buckets.find(bucket)
        record = ctx.store.find(bucket, key, version_id) if settings is not None and key else None
        _check_acl(action, settings, record, ctx.config.auth, verdict, is_form=is_form)


def check_policies(
    ctx: Context, request: OssRequest, action: str, bucket: str, key: str, *, version_id: str | None = None
) -> Verdict:
    """Raise `AccessDenied` if a policy forbids the sender to do `action`, whatever ACLs say; what the bucket's says."""
    settings = ctx.store.buckets.find(bucket)
    if request.principal.role is None and (settings is None or POLICY not in settings.documents):
        return _NOTHING  # nearly always
    if version_id is not None and action in _OF_VERSIONS:
        action = action.replace("Object", "ObjectVersion", 1)
    return _judge(request.principal, settings, _question(ctx, request, action, bucket, key))


def check_tagging(ctx: Context, request: OssRequest, key: str) -> None:
    """Raise `AccessDenied` if the sender, who may write an object, may not tag it.

    Source: "PutObject", which asks for both. Guess: who did not sign is not asked.
    """
    if not request.principal.is_anonymous:
        check_access(ctx, request, "PutObjectTagging", request.bucket, key)


def _judge(principal: Principal, settings: Bucket | None, question: Question) -> Verdict:
    """What the bucket's policy says, if it has one; `AccessDenied` if that is no, or the session policy forbids it."""
    role = principal.role
    if role is not None and role.policy:
        _check_session(role, question)
    if settings is None or POLICY not in settings.documents:
        return _NOTHING
    policy = parse_policy(settings.documents[POLICY], has_principals=True)
    if principal.is_anonymous and is_blocked(settings):
        policy = policy.without_public()
    verdict = policy.judge(question)
    is_lifeline = question.action in _LIFELINES and role is None and not principal.is_anonymous
    if verdict.effect == "Deny" and not is_lifeline:
        hint = f"The policy of the bucket {settings.name} denies {question.action}: {verdict.reason}."
        if role is None and not principal.is_anonymous:
            hint += " The owner's keys can still replace or delete the policy."
        raise AccessDenied("Access denied by bucket policy.", ec="0003-00000101", hint=hint)
    return verdict


def _check_session(role: AssumedRole, question: Question) -> None:
    """Raise `AccessDenied` unless the session policy allows it."""
    verdict = parse_policy(role.policy, has_principals=False).judge(question)
    if verdict.effect == "Allow":
        return
    does = "denies it" if verdict.effect == "Deny" else "does not allow it"
    is_list = question.action == "oss:ListBuckets"
    raise AccessDenied(
        "You are forbidden to list buckets." if is_list else "Access denied by authorizer's policy.",
        ec="",
        hint=f"The sender is {role.arn}, and the policy that was given to AssumeRole {does}: {verdict.reason}.",
    )


def _check_acl(
    action: str, settings: Bucket | None, record: ObjectRecord | None, auth: Auth, verdict: Verdict, *, is_form: bool
) -> None:
    """Raise `AccessDenied` unless an ACL lets anybody do it, where the bucket's policy says nothing."""
    if settings is not None and is_blocked(settings):
        raise nothing_is_public(settings)
    try:
        authorize(action, ANONYMOUS, settings, record, auth, is_form=is_form)
    except AccessDenied as error:
        if verdict.reason:
            error.hint += f" Of the bucket's policy, {verdict.reason}."
        raise


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
