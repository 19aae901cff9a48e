"""Why something is not there, for the developer: the bucket that the address did not mean, the key spelt another way.

Looked for after the refusal, so a request that finds what it wants pays nothing.
"""

import unicodedata
from collections.abc import Iterable

from emulator.context import Context
from emulator.errors import NoSuchBucket, NoSuchKey, OssError
from emulator.wire.percent import decode
from emulator.wire.request import OssRequest

_BUCKETS_NAMED = 5


def explain_absence(ctx: Context, request: OssRequest, error: OssError) -> str:
    """A hint for `error`, the answer to `request`; `""` where there is nothing to say."""
    if isinstance(error, NoSuchBucket) and error.elements.get("BucketName") == request.bucket:
        return _explain_bucket(ctx, request)
    is_of_source = "x-oss-copy-source" in request.headers  # the key that is missing is another bucket's
    if isinstance(error, NoSuchKey) and error.elements.get("Key") == request.key and not is_of_source:
        return _explain_key(ctx, request)
    return ""


def _explain_bucket(ctx: Context, request: OssRequest) -> str:
    """Where the name was read, and which buckets there are."""
    buckets, is_truncated = ctx.store.buckets.page(limit=_BUCKETS_NAMED)
    names = [bucket.name for bucket in buckets]
    there = (", ".join(names) or "none") + (", ..." if is_truncated else "")
    if not request.address.is_path_style:
        return f"The Host {request.host!r} names the bucket {request.bucket!r}. There are: {there}."
    label, _, service = request.host.partition(":")[0].partition(".")
    if label in names:
        return (
            f"The Host begins with {label!r}, which is a bucket, but {service!r} is no name of the emulator's, so the "
            f"bucket was read from the path: {request.bucket!r}. Add {service!r} to `server.service_names`."
        )
    return (
        f"The path names the bucket {request.bucket!r}. There are: {there}. "
        f"To make it: PutBucket, `oss-emulator serve --bucket {request.bucket}`, or `buckets:` in the configuration."
    )


def _explain_key(ctx: Context, request: OssRequest) -> str:
    """The usual mistake under which an object is there after all."""
    for key, mistake in _other_spellings(request):
        if key != request.key and ctx.store.find(request.bucket, key) is not None:
            return f"There is no {request.key!r}, but there is {key!r}: {mistake}"
    return ""


def _other_spellings(request: OssRequest) -> Iterable[tuple[str, str]]:
    """The keys that the client may have meant, each with what went wrong then."""
    key = request.key
    if "+" in request.target:
        yield key.replace(" ", "+"), "a + in a path is a space; encode a real one as %2B."
    if "%" in key:
        yield decode(key), "the key was percent-encoded twice."
    if key.startswith(f"{request.bucket}/"):
        yield key.removeprefix(f"{request.bucket}/"), "the address names the bucket twice, and the second is a key's."
    if not key.isascii():
        for form in ("NFC", "NFD"):
            yield (
                unicodedata.normalize(form, key),
                "they look alike, but the bytes differ (composed and decomposed letters, as macOS names files).",
            )
    yield (key.removesuffix("/") if key.endswith("/") else f"{key}/"), "the slash at the end is part of a key."
