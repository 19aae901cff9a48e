"""Signature V2 (legacy): HMAC-SHA256 over the headers that V1 signs, those the client lists, and every parameter.

    Authorization: OSS2 AccessKeyId:<id>[,AdditionalHeaders:<a;b>],Signature:<base64>
    ?x-oss-signature-version=OSS2&x-oss-expires=<unix seconds>&x-oss-access-key-id=<id>&x-oss-signature=<base64>

It never became anybody's default, but oss2, Go v1 and Java v1 can still be told to use it.

Source: "Include signature V2 in the Authorization header", oss2 and Go v1.
"""

import hmac
from binascii import b2a_base64
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from emulator.auth.claim import (
    Candidate,
    Claim,
    encode_bytes,
    header_token,
    invalid_authorization,
    split_names,
)
from emulator.auth.dates import check_expires, signing_date
from emulator.errors import InvalidArgument
from emulator.wire.percent import encode
from emulator.wire.request import OssRequest

_FORM = "Expected is `OSS2 AccessKeyId:<id>[,AdditionalHeaders:<a;b>],Signature:<signature>`."


def string_to_sign(request: OssRequest, date: str, additional_headers: tuple[str, ...], resource: str) -> bytes:
    """What a client signs; `resource` is encoded and has no query yet."""
    headers = request.headers
    names = {name for name in headers if name.startswith("x-oss-")}.union(additional_headers)
    signed_headers = "".join([f"{name}:{headers[name]}\n" for name in sorted(names) if name in headers])
    pairs = sorted((encode(name), encode(value or "")) for name, value in request.query if name != "x-oss-signature")
    query = "&".join([f"{name}={value}" if value else name for name, value in pairs])
    return encode_bytes(
        f"{request.method}\n{headers.get('content-md5', '')}\n{headers.get('content-type', '')}\n{date}\n"
        f"{signed_headers}{';'.join(additional_headers)}\n{resource}{'?' if query else ''}{query}"
    )


def signature(secret: str, text: bytes) -> str:
    """The signature of `text`, in base64."""
    return b2a_base64(hmac.digest(secret.encode(), text, "sha256"), newline=False).decode()


class V2Claim(Claim, frozen=True, kw_only=True):
    """A V2 signature as presented."""

    version: ClassVar[str] = "v2"
    mismatch_ec: ClassVar[str] = "0002-00000101"  # Guess: no reply of OSS with a V2 mismatch is public

    def spell(self, path: str) -> str:
        """Encoded, every `/` of it as `%2F`."""
        return encode(path)

    def candidates(self, request: OssRequest, resource: str) -> Iterator[Candidate]:
        """The one text that V2 knows."""
        yield Candidate(string_to_sign(request, self.date, self.additional_headers, resource))

    def sign(self, secret: str, text: bytes) -> str:
        """The signature of `text`, in base64."""
        return signature(secret, text)


def read_header(request: OssRequest, now: datetime) -> V2Claim:
    """The claim of an `Authorization: OSS2 ...` header.

    Raises:
        InvalidArgument: it is not of the form above.
        AccessDenied, RequestTimeTooSkewed: the date is missing, unreadable or too far away.
    """
    fields: dict[str, str] = {}
    for field in request.headers["authorization"].removeprefix("OSS2").split(","):
        name, colon, value = field.strip().partition(":")
        if not colon or name not in ("AccessKeyId", "AdditionalHeaders", "Signature"):
            raise invalid_authorization(request, ec="0002-00000102", hint=f"{field.strip()!r} is no field. {_FORM}")
        fields[name] = value
    for name, ec in (("AccessKeyId", "0002-00000105"), ("Signature", "0002-00000106")):
        if not fields.get(name):
            raise invalid_authorization(request, ec=ec, hint=f"{name} is missing or empty. {_FORM}")
    date, _ = signing_date(request, now)
    return V2Claim(
        access_key_id=fields["AccessKeyId"],
        signature=fields["Signature"],
        date=date,
        is_url=False,
        token=header_token(request),
        additional_headers=split_names(fields.get("AdditionalHeaders", "")),
    )


def read_url(request: OssRequest, now: datetime) -> V2Claim:
    """The claim of a URL with `x-oss-signature-version=OSS2`.

    Raises:
        InvalidArgument: a parameter is missing or empty. Guess: only the EC is documented.
        AccessDenied: the expiry is unreadable or over.
    """
    expires = _parameter(request, "x-oss-expires", missing="0002-00000113", empty="0002-00000114")
    check_expires(expires, now)
    return V2Claim(
        access_key_id=_parameter(request, "x-oss-access-key-id", missing="0002-00000105", empty="0002-00000105"),
        signature=_parameter(request, "x-oss-signature", missing="0002-00000106", empty="0002-00000106"),
        date=expires,
        is_url=True,
        token=request.parameters.get("security-token", ""),
        additional_headers=split_names(request.parameters.get("x-oss-additional-headers", "")),
    )


def _parameter(request: OssRequest, name: str, *, missing: str, empty: str) -> str:
    value = request.parameters.get(name)
    if not value:
        raise InvalidArgument(
            ec=missing if value is None else empty,
            hint=f"The URL is signed with V2 (x-oss-signature-version=OSS2) but {name} is "
            f"{'missing' if value is None else 'empty'}.",
            ArgumentName=name,
            ArgumentValue="",
        )
    return value
