"""Signature V1: HMAC-SHA1 over a few headers and the resource.

    Authorization: OSS <AccessKeyId>:<base64>
    ?OSSAccessKeyId=<id>&Expires=<unix seconds>&Signature=<base64>[&security-token=<token>]

Source: "Include signatures in the Authorization header" and "Include a signature in a URL" (V1), and the SDKs.
"""

import hmac
from binascii import b2a_base64
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import ClassVar

from emulator.auth.claim import (
    Candidate,
    Claim,
    encode_bytes,
    header_token,
    invalid_authorization,
    is_access_key_id,
)
from emulator.auth.dates import check_expires, signing_date
from emulator.auth.sub_resources import BASE, UNION, UNSIGNED
from emulator.errors import AccessDenied
from emulator.wire.request import OssRequest

# Which parameters a client has signed, the likeliest rule first. The lists of the SDKs differ, and so do these.
READINGS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("union+x-oss", lambda name: name in UNION or name.startswith("x-oss-")),
    ("union", lambda name: name in UNION),  # oss2, Go v1, Java with a free x-oss-* parameter
    ("all", lambda name: name not in UNSIGNED),  # ali-oss subres, Ruby object_url
    ("union-no-x-oss", lambda name: name in UNION and not name.startswith("x-oss-")),  # Python v2, Java v2
    ("base", lambda name: name in BASE),  # oss2 describe_regions, older SDKs
)


def string_to_sign(request: OssRequest, date: str, resource: str) -> bytes:
    """What a client signs: method, two content headers, date, the `x-oss-*` headers, and the whole resource."""
    headers = request.headers
    oss_headers = "".join([f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-oss-")])
    return encode_bytes(
        f"{request.method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n{date}\n"
        f"{oss_headers}{resource}"
    )


def signature(secret: str, text: bytes) -> str:
    """The signature of `text`, in base64. PostObject signs its policy with it too."""
    return b2a_base64(hmac.digest(secret.encode(), text, "sha1"), newline=False).decode()


class V1Claim(Claim, frozen=True, kw_only=True):
    """A V1 signature as presented."""

    version: ClassVar[str] = "v1"
    mismatch_ec: ClassVar[str] = "0002-00000040"

    def spell(self, path: str) -> str:
        """As it is: V1 encodes nothing."""
        return path

    def candidates(self, request: OssRequest, resource: str) -> Iterator[Candidate]:
        """One text for most requests; with a query, one for each rule that signs other parameters of it."""
        if not request.parameters:
            yield Candidate(string_to_sign(request, self.date, resource))
            return
        tried = set()
        for reading, is_signed in READINGS:
            query = _query(request, is_signed)
            if query not in tried:
                tried.add(query)
                text = string_to_sign(request, self.date, resource + query)
                yield Candidate(text, "" if len(tried) == 1 else reading)
        signed = _query(request, READINGS[0][1])
        kept = _query(request, READINGS[0][1], empty="=")
        if kept != signed:  # Java v1 signs the "=" of an empty value
            yield Candidate(string_to_sign(request, self.date, resource + kept), "keep-empty-equals")
        if self.is_url and request.address.bucket and not request.address.key:
            # Java v1 and C# v1 sign the URL of a bucket without the final slash
            yield Candidate(string_to_sign(request, self.date, resource.removesuffix("/") + signed), "no-final-slash")

    def sign(self, secret: str, text: bytes) -> str:
        """The signature of `text`, in base64."""
        return signature(secret, text)


def _query(request: OssRequest, is_signed: Callable[[str], bool], *, empty: str = "") -> str:
    """The part of the query that `is_signed` picks: decoded, sorted, `empty` in the place of an empty value."""
    pairs = [(name, value) for name, value in sorted(request.parameters.items()) if is_signed(name)]
    return "?" + "&".join([f"{name}={value}" if value else name + empty for name, value in pairs]) if pairs else ""


def read_header(request: OssRequest, now: datetime) -> V1Claim:
    """The claim of an `Authorization: OSS ...` header.

    Raises:
        InvalidArgument: it is not of the form `OSS <AccessKeyId>:<signature>`.
        AccessDenied, RequestTimeTooSkewed: the date is missing, unreadable or too far away.
    """
    access_key_id, colon, signed = request.headers["authorization"].removeprefix("OSS ").partition(":")
    if not colon:
        raise invalid_authorization(
            request,
            ec="0002-00000062",
            hint="Expected is `OSS <AccessKeyId>:<signature>`; there is no colon between key id and signature.",
        )
    if not is_access_key_id(access_key_id):
        raise invalid_authorization(
            request,
            ec="0002-00000064",
            hint=f"The access key id before the colon is {access_key_id!r}. Expected is "
            "`OSS <AccessKeyId>:<signature>` with exactly one blank, and no blank or control character in the id.",
        )
    if not signed:
        raise invalid_authorization(
            request,
            ec="0002-00000065",
            hint="There is no signature after the colon. Expected is `OSS <AccessKeyId>:<signature>`.",
        )
    date, _ = signing_date(request, now)
    return V1Claim(access_key_id=access_key_id, signature=signed, date=date, is_url=False, token=header_token(request))


def read_url(request: OssRequest, now: datetime) -> V1Claim:
    """The claim of a URL with `OSSAccessKeyId`, `Expires` and `Signature`.

    Raises:
        AccessDenied: one of them is missing, empty or unreadable, or the time is over.
    """
    expires = _parameter(request, "Expires", missing="0002-00000067", empty="0002-00000068")
    check_expires(expires, now)
    access_key_id = _parameter(request, "OSSAccessKeyId", missing="0002-00000071", empty="0002-00000072")
    if not is_access_key_id(access_key_id):
        raise _incomplete("0002-00000073", f"OSSAccessKeyId is {access_key_id!r}, which no access key id can be.")
    return V1Claim(
        access_key_id=access_key_id,
        signature=_parameter(request, "Signature", missing="0002-00000074", empty="0002-00000075"),
        date=expires,
        is_url=True,
        token=request.parameters.get("security-token", ""),
    )


def _parameter(request: OssRequest, name: str, *, missing: str, empty: str) -> str:
    value = request.parameters.get(name)
    if not value:
        raise _incomplete(
            missing if value is None else empty,
            f"The URL has {'no' if value is None else 'an empty'} {name}. A URL cut at an `&` (an unquoted "
            "shell argument, an `&amp;`) looks like this.",
        )
    return value


def _incomplete(ec: str, hint: str) -> AccessDenied:
    return AccessDenied(
        "Query string authentication requires the Signature, Expires and OSSAccessKeyId parameters", ec=ec, hint=hint
    )
