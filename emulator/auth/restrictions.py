"""Whom a bucket's settings turn away, though an ACL or a signature would let him in: links from other sites (referer),
clients who cannot be made to pay (request payment), and who would open what is to stay closed (public access block).

Source: "Hotlink protection", "PutBucketReferer"; "PutBucketRequestPayment".
Guess: a form is judged by its Referer as a signed URL is, for neither has an Authorization header.
"""

from functools import lru_cache

import msgspec

from emulator.auth.public_access import check_public_acl
from emulator.errors import AccessDenied
from emulator.model import Bucket
from emulator.wildcard import fits
from emulator.wire.request import OssRequest
from emulator.wire.settings import parse_setting, setting_text


def restrict(bucket: Bucket, request: OssRequest) -> None:
    """Raise `AccessDenied` if a setting of `bucket` turns `request` away, which is authenticated."""
    check_public_acl(bucket, request)
    principal = request.principal
    if principal.is_anonymous and setting_text(bucket, "requestPayment", "Payer") == "Requester":
        raise AccessDenied(
            "Access denied for requester pay bucket",
            ec="0003-00000703",
            hint=f"Who reads from {bucket.name} pays for it (PutBucketRequestPayment), so nobody may without signing.",
            BucketName=bucket.name,
        )
    referer = bucket.documents.get("referer")
    is_owner = principal.signature == "off" or "authorization" in request.headers  # anything but a link or a form
    is_page = bucket.website is not None and principal.is_anonymous  # also where it names no key
    if referer is not None and not is_owner and (request.key or is_page):
        rules = _read_rules(referer)
        if reason := rules.refusal(request.headers.get("referer", "")):
            raise AccessDenied(
                "You are denied by bucket referer policy.",
                ec="",
                hint=f"The bucket {bucket.name} has referer rules (PutBucketReferer): {reason}",
            )


class RefererRules(msgspec.Struct, frozen=True):
    """From which pages an unsigned request, a signed URL or a form is served.

    Patterns are lower-case, and fit the texts that begin with them; one without a scheme fits any.

    Guess: what is cut off of the Referer is cut off of the patterns too; case does not count.
    """

    allows_empty: bool
    cuts_query: bool
    cuts_path: bool
    allowed: tuple[str, ...]
    denied: tuple[str, ...]

    def refusal(self, referer: str) -> str:
        """Why a request with this `Referer` is not served; `""` if it is. Without any pattern everything is."""
        if not self.allowed and not self.denied:
            return ""
        if not referer:
            return "" if self.allows_empty else "the request has no Referer, and AllowEmptyReferer is false."
        text = _cut(referer.lower(), self.cuts_query, self.cuts_path)
        if _fits(self.denied, text):
            return f"{referer!r} is in the RefererBlacklist."
        if self.allowed and not _fits(self.allowed, text):
            return f"{referer!r} is not in the RefererList."
        return ""


@lru_cache(maxsize=64)
def _read_rules(document: str) -> RefererRules:
    root = parse_setting(document)
    cuts_query, cuts_path = (root.findtext(name) == "true" for name in ("AllowTruncateQueryString", "TruncatePath"))

    def patterns(path: str) -> tuple[str, ...]:
        texts = (_cut((element.text or "").lower(), cuts_query, cuts_path) for element in root.findall(path))
        return tuple(filter(None, texts))

    return RefererRules(
        allows_empty=root.findtext("AllowEmptyReferer") == "true",
        cuts_query=cuts_query,
        cuts_path=cuts_path,
        allowed=patterns("RefererList/Referer"),
        denied=patterns("RefererBlacklist/Referer"),
    )


def _fits(patterns: tuple[str, ...], text: str) -> bool:
    _, bare = _split(text)
    return any(fits(f"{pattern}*", text if "://" in pattern else bare) for pattern in patterns)


def _cut(url: str, cuts_query: bool, cuts_path: bool) -> str:
    """`url` up to its path, or to its query. A `?` before any path is a wildcard and begins no query."""
    scheme, rest = _split(url)
    host, slash, path = rest.partition("/")
    if cuts_path:
        return scheme + host
    return scheme + host + slash + (path.partition("?")[0] if cuts_query else path)


def _split(url: str) -> tuple[str, str]:
    """The scheme of `url` with what ends it, `""` if it has none, and the rest."""
    scheme, mark, rest = url.partition("://")
    return (scheme + mark, rest) if mark and "/" not in scheme else ("", url)
