"""Signature V4 (`OSS4-HMAC-SHA256`): a canonical request, signed with a key made for a day and a region.

    Authorization: OSS4-HMAC-SHA256 Credential=<credential>[,AdditionalHeaders=<a;b>],Signature=<hex>
    ?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=<credential>&x-oss-date=<YYYYMMDDTHHMMSSZ>
        &x-oss-expires=<seconds>[&x-oss-additional-headers=<a;b>]&x-oss-signature=<hex>

where a credential is `<id>/<YYYYMMDD>/<region>/oss/aliyun_v4_request`, all of it but the id being the scope.

Source: "Include signature V4 in the Authorization header" and "Include signature V4 in a URL", and the SDKs.
"""

import hmac
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import ClassVar, Protocol

from emulator.auth.claim import (
    Candidate,
    Claim,
    encode_bytes,
    header_token,
    invalid_authorization,
    is_access_key_id,
    split_names,
)
from emulator.auth.dates import MAX_SKEW, parse_iso_date, request_has_expired, signing_date
from emulator.errors import AccessDenied, InvalidAccessKeyId, InvalidArgument
from emulator.wire.address import host_id
from emulator.wire.dates import format_iso_date
from emulator.wire.percent import encode
from emulator.wire.request import OssRequest

ALGORITHM = "OSS4-HMAC-SHA256"
PRODUCT = "oss"
TERMINATOR = "aliyun_v4_request"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
MAX_EXPIRES_SECONDS = 604_800

_FORM = (
    f"Expected is `{ALGORITHM} Credential=<id>/<YYYYMMDD>/<region>/{PRODUCT}/{TERMINATOR}"
    "[,AdditionalHeaders=<a;b>],Signature=<64 hex digits>`."
)


class Signable(Protocol):
    """What is signed of a request: one that came in, or one that goes out."""

    @property
    def method(self) -> str: ...

    @property
    def query(self) -> tuple[tuple[str, str | None], ...]: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


def canonical_request(
    request: Signable, resource: str, additional_headers: tuple[str, ...], *, empty: str = "", host: str | None = None
) -> bytes:
    """The request in the one spelling that both sides can make.

    `resource` is the canonical URI. `empty` is written after a name that was sent as `name=`. `host` is the Host to
    sign instead of the one that was sent.
    """
    headers = request.headers
    names = {
        name for name in headers if name.startswith("x-oss-") or name == "content-type" or name == "content-md5"
    }.union(additional_headers)
    lines = [f"{name}:{headers[name]}\n" for name in sorted(names) if name in headers]
    if host is not None:
        lines = [f"host:{host}\n" if line.startswith("host:") else line for line in lines]
    query = ""
    if request.query:
        pairs = sorted(
            (encode(name), f"={encode(value)}" if value else "" if value is None else empty)
            for name, value in request.query
            if name != "x-oss-signature"
        )
        query = "&".join([name + value for name, value in pairs])
    return encode_bytes(
        f"{request.method}\n{resource}\n{query}\n{''.join(lines)}\n{';'.join(additional_headers)}\n"
        f"{headers.get('x-oss-content-sha256', UNSIGNED_PAYLOAD)}"
    )


def string_to_sign(canonical: bytes, date: str, scope: str) -> bytes:
    """What is signed: the digest of the canonical request under its date and its scope (`day/region/oss/...`)."""
    return encode_bytes(f"{ALGORITHM}\n{date}\n{scope}\n{sha256(canonical).hexdigest()}")


@lru_cache(maxsize=64)
def signing_key(secret: str, day: str, region: str) -> bytes:
    """The key made of `secret` for one `day` (`YYYYMMDD`) and one `region`. PostObject signs its policy with it too."""
    key = b"aliyun_v4" + secret.encode()
    for piece in (day, region, PRODUCT, TERMINATOR):
        key = hmac.digest(key, encode_bytes(piece), "sha256")
    return key


def signature(key: bytes, text: bytes) -> str:
    """The signature of `text` with a `signing_key`, in lower-case hex."""
    return hmac.digest(key, text, "sha256").hex()


def split_credential(text: str) -> tuple[str, str, str, str] | None:
    """Access key id, day, region and product of a credential, which is split from the right; `None` if it is none."""
    pieces = text.rsplit("/", 4)
    return (pieces[0], pieces[1], pieces[2], pieces[3]) if len(pieces) == 5 and pieces[4] == TERMINATOR else None


def is_day_of(day: str, time: datetime) -> bool:
    """Whether `day` is the one of `time`, as a credential writes it: `YYYYMMDD`."""
    return time.date().isoformat().replace("-", "") == day


def wrong_region(signed: str, expected: str) -> str:
    """Why a signature made for the region `signed` does not hold in `expected` (`any`: everywhere); `""` if it does."""
    is_region = bool(signed) if expected == "any" else signed == expected
    if is_region and not signed.startswith("oss-"):
        return ""
    bare = signed.removeprefix("oss-")
    advice = (
        f"Set the client's region to {expected!r}, or `auth.region` of the emulator to 'any'."
        if bare == signed
        else f"Give the client its region without `oss-`: {bare!r}."
    )
    return f"The signature is for region {signed!r}; expected is {expected!r}. {advice}"


class V4Claim(Claim, frozen=True, kw_only=True):
    """A V4 signature as presented. `day`, `region` and `product` are its scope."""

    version: ClassVar[str] = "v4"
    mismatch_ec: ClassVar[str] = "0002-00000201"

    day: str
    region: str
    product: str = PRODUCT

    def spell(self, path: str) -> str:
        """Encoded, `/` as it is: the canonical URI."""
        return encode(path, "/")

    def candidates(self, request: OssRequest, resource: str) -> Iterator[Candidate]:
        """One text, and more where an empty value was sent as `name=` or where the Host is signed."""
        names = self.additional_headers
        empties = {"": ""}
        if any(value == "" for _, value in request.query):
            empties["="] = "keep-empty-equals"  # ali-oss signs the "=", everybody else drops it
        hosts: dict[str | None, str] = {None: ""}
        if "host" in names:
            hosts[request.host] = "forwarded-host"  # what the client sent to a proxy in front of us
            hosts[host_id(request.host)] = "host-without-port"  # as Java v1 signs it
        for host, host_reading in hosts.items():
            for empty, reading in empties.items():
                canonical = canonical_request(request, resource, names, empty=empty, host=host)
                yield self._candidate(canonical, reading or host_reading)

    def _candidate(self, canonical: bytes, reading: str) -> Candidate:
        scope = f"{self.day}/{self.region}/{PRODUCT}/{TERMINATOR}"
        return Candidate(string_to_sign(canonical, self.date, scope), reading, canonical)

    def sign(self, secret: str, text: bytes) -> str:
        """The signature of `text`, in lower-case hex."""
        return signature(signing_key(secret, self.day, self.region), text)

    def check_scope(self, request: OssRequest, region: str) -> None:
        """Raise `InvalidArgument` unless the scope is for `region` (`any`: every region) and for OSS.

        Source: replies of OSS; the suite of oss2 for the message about a URL. Guess: its EC.
        """
        if reason := wrong_region(self.region, region):
            in_header, in_url = (
                "Invalid signing region in Authorization header.",
                "The signing region in credential is invalid.",
            )
            message = in_url if self.is_url else in_header
            raise invalid_authorization(request, ec="0002-00000226", message=message, hint=reason)
        if self.product != PRODUCT:
            raise invalid_authorization(
                request,
                ec="0002-00000227",
                message="Invalid signing product in Authorization header.",
                hint=f"The signature is for product {self.product!r}; expected is {PRODUCT!r}. AWS tools sign for s3.",
            )


def read_header(request: OssRequest, now: datetime) -> V4Claim:
    """The claim of an `Authorization: OSS4-HMAC-SHA256 ...` header.

    Raises:
        InvalidArgument: it is not of the form above, or the payload is signed.
        InvalidAccessKeyId: the access key id is empty.
        AccessDenied, RequestTimeTooSkewed: the date is missing, unreadable or too far away.
    """
    fields = _fields(request)
    access_key_id, day, region, product = _credential(request, fields["Credential"], ec="0002-00000213")
    payload = request.headers.get("x-oss-content-sha256", UNSIGNED_PAYLOAD)
    if payload != UNSIGNED_PAYLOAD:
        raise InvalidArgument(
            "Invalid x-oss-content-sha256.",
            ec="0002-00000214",
            hint=f"OSS takes no digest of the body here: send x-oss-content-sha256: {UNSIGNED_PAYLOAD}.",
            ArgumentName="x-oss-content-sha256",
            ArgumentValue=payload,
        )
    date, time = signing_date(request, now)
    if not is_day_of(day, time):
        raise _wrong_day(request, day, date)
    return V4Claim(
        access_key_id=access_key_id,
        signature=fields["Signature"],
        date=date,
        is_url=False,
        token=header_token(request),
        additional_headers=split_names(fields.get("AdditionalHeaders", "")),
        day=day,
        region=region,
        product=product,
    )


def read_url(request: OssRequest, now: datetime) -> V4Claim:
    """The claim of a URL with `x-oss-signature-version=OSS4-HMAC-SHA256`.

    Raises:
        InvalidArgument: a parameter is missing, empty or unreadable. Guess: only the ECs are documented.
        InvalidAccessKeyId: the access key id is empty.
        AccessDenied: it is too early for the URL, or too late.
    """
    expires = _parameter(request, "x-oss-expires", missing="0002-00000215", empty="0002-00000216")
    seconds = int(expires) if expires.isascii() and expires.isdigit() and len(expires) < 10 else 0
    if not 1 <= seconds <= MAX_EXPIRES_SECONDS:
        raise _bad_parameter(
            "x-oss-expires",
            expires,
            "0002-00000232",
            f"Expected is a number of seconds from 1 to {MAX_EXPIRES_SECONDS} (7 days), counted from x-oss-date.",
        )
    signed = _parameter(request, "x-oss-signature", missing="0002-00000219", empty="0002-00000220")
    date = _parameter(request, "x-oss-date", missing="0002-00000223", empty="0002-00000223")
    time = parse_iso_date(date)
    if time is None:
        raise _bad_parameter("x-oss-date", date, "0002-00000223", f"Expected is UTC like {now:%Y%m%dT%H%M%SZ}.")
    credential = _parameter(request, "x-oss-credential", missing="0002-00000224", empty="0002-00000224")
    access_key_id, day, region, product = _credential(request, credential, ec="0002-00000224")
    if not is_day_of(day, time):
        raise _wrong_day(request, day, date)
    if now + MAX_SKEW < time:
        raise AccessDenied(
            "Request is not valid yet.",
            ec="0002-00000235",
            hint=f"The URL is good from {format_iso_date(time)} on (less 15 minutes); now it is "
            f"{format_iso_date(now)}. x-oss-date must be UTC; otherwise compare the clocks.",
        )
    end = time + timedelta(seconds=seconds)
    if now > end:
        raise request_has_expired(end, now, ec="0002-00000236")
    return V4Claim(
        access_key_id=access_key_id,
        signature=signed,
        date=date,
        is_url=True,
        token=request.parameters.get("x-oss-security-token", ""),
        additional_headers=split_names(request.parameters.get("x-oss-additional-headers", "")),
        day=day,
        region=region,
        product=product,
    )


def _fields(request: OssRequest) -> dict[str, str]:
    """The fields of the Authorization header: `Credential` and `Signature`, and `AdditionalHeaders` if it is there."""
    items = [
        item.strip().partition("=") for item in request.headers["authorization"].removeprefix(ALGORITHM).split(",")
    ]
    fields = {name: value for name, _, value in items}
    for name in fields:
        if name not in ("Credential", "AdditionalHeaders", "Signature"):
            raise invalid_authorization(
                request,
                ec="0002-00000204",
                message="Unknown parameter in Authorization header.",
                hint=f"{name!r} is no parameter of it. {_FORM}",
            )
    if len(fields) != len(items) or not 2 <= len(items) <= 3:
        raise invalid_authorization(
            request,
            ec="0002-00000202",
            message="Authorization header is invalid, bad num of Items in Authorization header.",
            hint=f"It has {len(items)} parameters, or one of them twice. {_FORM}",
        )
    for name, ec in (("Credential", "0002-00000205"), ("Signature", "0002-00000207")):
        if name not in fields:
            raise invalid_authorization(
                request,
                ec=ec,
                message="AccessKeyId or Signature is missing in Authorization header value.",
                hint=f"{name} is missing. {_FORM}",
            )
    for name, ec in (("Signature", "0002-00000208"), ("AdditionalHeaders", "0002-00000209")):
        if fields.get(name) == "":
            raise invalid_authorization(request, ec=ec, hint=f"{name} is empty. {_FORM}")
    return fields


def _credential(request: OssRequest, text: str, *, ec: str) -> tuple[str, str, str, str]:
    """Access key id, day, region and product of a credential."""
    pieces = split_credential(text)
    if pieces is None:
        raise invalid_authorization(
            request,
            ec=ec,
            hint=f"The credential is {text!r}. Expected is `<id>/<YYYYMMDD>/<region>/{PRODUCT}/{TERMINATOR}`.",
        )
    access_key_id = pieces[0]
    if not is_access_key_id(access_key_id):
        raise InvalidAccessKeyId(
            "The specified access key id contains non-acceptable characters",
            hint=f"The credential {text!r} begins with {'no' if not access_key_id else 'an unusable'} access key id. "
            "An environment variable that is not set looks like this.",
            OSSAccessKeyId=access_key_id,
        )
    return pieces


def _wrong_day(request: OssRequest, day: str, date: str) -> InvalidArgument:
    return invalid_authorization(
        request,
        ec="0002-00000212",
        hint=f"The credential is for day {day!r}, the signing date is {date!r}. Both must be the same day in UTC, "
        "the credential's as YYYYMMDD.",
    )


def _parameter(request: OssRequest, name: str, *, missing: str, empty: str) -> str:
    value = request.parameters.get(name)
    if value is None:
        raise _bad_parameter(name, "", missing, "It is missing. A URL cut at an `&` looks like this.")
    if not value:
        raise _bad_parameter(name, "", empty, "It is empty.")
    return value


def _bad_parameter(name: str, value: str, ec: str, hint: str) -> InvalidArgument:
    return InvalidArgument(
        f"Invalid {name}.",
        ec=ec,
        hint=f"{name} of the URL is {value!r}. {hint}",
        ArgumentName=name,
        ArgumentValue=value,
    )
