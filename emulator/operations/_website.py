"""What visitors of a website get: anonymous GET and HEAD in a bucket that PutBucketWebsite has made one.

An index in place of a listing, an error document in place of a refusal, and what the routing rules say. Whoever signs
gets what is there, as in any other bucket.

Source: "Static website hosting", "PutBucketWebsite".
Guess: rules without an error code are looked at before anything else, the others when the client would be refused with
theirs; of both the first by number that fits is followed, and where it leads no rule is looked at any more.
Differs: AliCDN redirects as External does; there is no CDN to be told of it.
"""

from collections.abc import Mapping
from functools import partial

from msgspec import structs

from emulator.context import Context
from emulator.errors import AccessDenied, MirrorFailed, NoSuchKey, OperationNotImplemented, OssError
from emulator.model import Bucket, HeaderCondition, RedirectType, RoutingRule, Website
from emulator.operations._access import check_access
from emulator.operations._table import Operation
from emulator.operations.get_object import get_object, head_object
from emulator.wire.percent import encode
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse, hint_header

_OF_VISITORS = frozenset(("GetObject", "HeadObject", "ListObjects", "HeadBucket"))
_OF_OTHER_PAGES = frozenset(
    ("range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
)  # what a request asks of the object that it names, and not of an error document


def as_visited(operation: Operation, bucket: Bucket | None) -> Operation:
    """`operation` as it is for whoever does not sign: in a `bucket` that is a website, that of the page."""
    if bucket is None or bucket.website is None or operation.name not in _OF_VISITORS:
        return operation
    return structs.replace(operation, function=partial(_serve, operation, bucket.website), asks_by_key=True)


async def _serve(operation: Operation, website: Website, ctx: Context, request: OssRequest) -> OssResponse:
    """The page that a visitor has asked for, or where to look for it.

    Raises: NoSuchKey, AccessDenied, MirrorFailed, and what GetObject raises.
    """
    if rule := _find_rule(website, request, None):
        return await _follow(rule, ctx, request)
    if not request.key and not website.index:
        check_access(ctx, request, operation.action, request.bucket)
        return await operation.handler(ctx, request)
    try:
        return await _read(ctx, request, _page_of(website, request.key))
    except OssError as refusal:
        if refusal.status < 400:
            raise
        return await _instead(website, ctx, request, refusal)


async def _instead(website: Website, ctx: Context, request: OssRequest, refusal: OssError) -> OssResponse:
    """What a visitor gets instead of `refusal`, which is raised if there is nothing."""
    if rule := _find_rule(website, request, refusal.status):
        return await _follow(rule, ctx, request)
    if not isinstance(refusal, NoSuchKey):
        raise refusal
    index = f"{request.key}/{website.index}"
    has_type = website.has_directories and request.key and not request.key.endswith("/")
    if has_type and website.directory_type != 1 and await ctx.store.look(request.bucket, index):
        if website.directory_type == 0:
            return OssResponse(302, {"Location": f"{_root(request)}/{encode(request.key, '/')}/"})
        return await _read(ctx, request, index)
    if not website.error:
        raise refusal
    headers = {name: value for name, value in request.headers.items() if name not in _OF_OTHER_PAGES}
    try:
        page = await _read(ctx, structs.replace(request, headers=headers), website.error)
    except (NoSuchKey, AccessDenied) as error:
        refusal.hint = f"The website's error document {website.error!r} cannot be served: {error.code}."
        raise refusal from None
    hint = f"There is no object {refusal.elements.get('Key', '')!r}; this is the website's error document."
    return structs.replace(
        page, status=website.error_status, headers={**page.headers, "x-emulator-hint": hint_header(hint)}
    )


async def _read(ctx: Context, request: OssRequest, key: str) -> OssResponse:
    """The object at `key`, as GetObject or HeadObject gives it to `request`'s sender."""
    version_id = request.parameters.get("versionId")
    check_access(ctx, request, "GetObject", request.bucket, key, version_id=version_id)
    read = head_object if request.method == "HEAD" else get_object
    return await read(ctx, structs.replace(request, address=structs.replace(request.address, key=key)))


def _page_of(website: Website, key: str) -> str:
    """The key of the object that is served where `key` is asked for."""
    if not website.index or (key and not key.endswith("/")):
        return key
    return f"{key}{website.index}" if website.has_directories else website.index


# --- Routing rules --------------------------------------------------------------------------------------------------


def _find_rule(website: Website, request: OssRequest, status: int | None) -> RoutingRule | None:
    """The first rule that holds for a request which would be refused with `status` (`None`: before that is known)."""
    for rule in website.rules:
        condition = rule.condition
        if (
            condition.status == status
            and request.key.startswith(condition.key_prefix)
            and request.key.endswith(condition.key_suffix)
            and all(_fits(header, request.headers) for header in condition.headers)
        ):
            return rule
    return None


def _fits(condition: HeaderCondition, headers: Mapping[str, str]) -> bool:
    value = headers.get(condition.name)
    return (
        value is not None
        and (condition.equals is None or value == condition.equals)
        and value.startswith(condition.starts_with or "")
        and value.endswith(condition.ends_with or "")
    )


async def _follow(rule: RoutingRule, ctx: Context, request: OssRequest) -> OssResponse:
    """Do what `rule` says.

    Raises:
        MirrorFailed: the object would have to be fetched; nothing is.
        OperationNotImplemented: a script would have to be run.
    """
    redirect = rule.redirect
    if redirect is None:
        raise OperationNotImplemented(
            "The scripts of routing rules are not implemented by the emulator.",
            hint=f"The website's rule {rule.number} fits, and its LuaConfig is kept but never run.",
        )
    if redirect.type is RedirectType.MIRROR:
        raise MirrorFailed(
            hint=f"The website's rule {rule.number} would have OSS fetch the object from its MirrorURL. The emulator "
            "is offline and fetches nothing: put the object into the bucket."
        )
    key = _new_key(rule, request.key)
    if redirect.type is RedirectType.INTERNAL:
        return await _read(ctx, request, key)
    place = redirect.host_name or f"{request.host}{_root(request)}"
    query = f"?{request.raw_query}" if redirect.passes_query and request.raw_query else ""
    location = f"{redirect.protocol or request.scheme}://{place}/{encode(key, '/')}{query}"
    hint = hint_header(f"This is rule {rule.number} of the bucket's website.")
    return OssResponse(redirect.status, {"Location": location, "x-emulator-hint": hint})


def _new_key(rule: RoutingRule, key: str) -> str:
    redirect = rule.redirect
    assert redirect is not None
    if redirect.replace_key_with:
        return redirect.replace_key_with.replace("${key}", key)
    if redirect.prefix is not None:
        return redirect.prefix.replace("${key}", key) + key.removeprefix(rule.condition.key_prefix)
    return key


def _root(request: OssRequest) -> str:
    """What stands before `/` and the key in the paths by which this client addresses the bucket."""
    return f"/{request.bucket}" if request.address.is_path_style else ""
