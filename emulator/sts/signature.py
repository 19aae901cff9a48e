"""Who asks STS: the two signatures of the Alibaba Cloud API, which are not those of OSS.

    version 1    Signature among the parameters: base64 HMAC-SHA1 of `POST&%2F&<parameters, encoded twice>`, the key
                 being the secret and an `&`. ali-oss, the core SDKs.
    version 3    Authorization: ACS3-HMAC-SHA256 Credential=...,SignedHeaders=...,Signature=<hex>. The V2 ("Tea") SDKs.

Source: "Request structure and signature" of the Alibaba Cloud API, versions 1 (RPC) and 3.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime

from emulator.auth.claim import is_access_key_id
from emulator.auth.credentials import find_key
from emulator.auth.dates import MAX_SKEW
from emulator.config import AccessKey
from emulator.context import Context
from emulator.errors import InvalidAccessKeyId, OssError, SecurityTokenExpired
from emulator.model import Principal
from emulator.sts.errors import StsError, missing
from emulator.temporary_keys import TemporaryKey
from emulator.wire.dates import format_iso_date
from emulator.wire.percent import encode
from emulator.wire.request import OssRequest

ALGORITHM = "ACS3-HMAC-SHA256"
_AUTHORIZATION = re.compile(rf"{ALGORITHM} Credential=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]+)")


def authenticate(ctx: Context, request: OssRequest, parameters: Mapping[str, str], body: bytes) -> Principal:
    """Who sent `request`, proved by its signature.

    Differs: a nonce may be used again.

    Raises:
        StsError: nobody has such a key or token, or its owner did not sign this.
    """
    if ctx.config.auth.mode == "off":
        access_key_id = parameters.get("AccessKeyId", "")
        return Principal(access_key_id if is_access_key_id(access_key_id) else None, "off")
    if "x-acs-action" in request.headers and "Signature" not in parameters:
        return _authenticate_v3(ctx, request, body)
    return _authenticate_v1(ctx, request, parameters)


def _authenticate_v1(ctx: Context, request: OssRequest, parameters: Mapping[str, str]) -> Principal:
    for name in ("AccessKeyId", "Signature", "SignatureMethod", "Timestamp"):
        if not parameters.get(name):
            raise missing(name)
    if parameters["SignatureMethod"] != "HMAC-SHA1":
        raise StsError(
            400,
            "InvalidSignatureMethod",
            "Specified signature method is not valid.",
            f"SignatureMethod is {parameters['SignatureMethod']!r}; the emulator takes HMAC-SHA1, and {ALGORITHM}.",
        )
    _check_time("Timestamp", parameters["Timestamp"], request.received)
    key = _find_key(ctx, parameters["AccessKeyId"], parameters.get("SecurityToken", ""), request.received)
    pairs = sorted((encode(name), encode(value)) for name, value in parameters.items() if name != "Signature")
    query = encode("&".join(f"{name}={value}" for name, value in pairs))
    text = f"{request.method}&%2F&{query}"
    received = parameters["Signature"]
    if not hmac.compare_digest(_sign_v1(f"{key.secret}&", text), received.encode("utf-8", "replace")):
        raise _mismatch("server string to sign is:" + text, _explain_v1(key, request.method, query, received))
    return _principal(key)


def _sign_v1(secret: str, text: str) -> bytes:
    return b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha1))


def _explain_v1(key: AccessKey, method: str, query: str, received: str) -> str:
    """The usual mistake that gives the client's signature, or what to compare."""
    other = "GET" if method == "POST" else "POST"
    for secret, text, mistake in (
        (key.secret, f"{method}&%2F&{query}", "the key of the HMAC is the secret alone; an & belongs behind it"),
        (f"{key.secret}&", f"{other}&%2F&{query}", f"the string to sign says {other}, and the request is a {method}"),
    ):
        if _sign_v1(secret, text).decode() == received:
            return f"The client signed otherwise: {mistake}."
    return (
        f"Compare the string to sign with the client's. If it is the same, the client's secret of {key.id} is not the "
        f"configured one ({len(key.secret)} characters long)."
    )


def _authenticate_v3(ctx: Context, request: OssRequest, body: bytes) -> Principal:
    headers = request.headers
    authorization = headers.get("authorization", "")
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        raise StsError(
            400,
            "IncompleteSignature",
            "The request signature does not conform to Aliyun standards.",
            f"The Authorization header is {authorization[:80]!r}. Expected is {ALGORITHM} Credential=<id>,"
            "SignedHeaders=<names>,Signature=<hex>, or the parameter Signature.",
        )
    access_key_id, signed_headers, received = match.groups()
    _check_time("x-acs-date", headers.get("x-acs-date", ""), request.received)
    key = _find_key(ctx, access_key_id, headers.get("x-acs-security-token", ""), request.received)
    digest = hashlib.sha256(body).hexdigest()
    pairs = sorted((encode(name), encode(value or "")) for name, value in request.query)
    canonical = "\n".join(
        (
            request.method,
            request.target,
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{headers.get(name, '').strip()}" for name in signed_headers.split(";")),
            "",
            signed_headers,
            digest,
        )
    )
    hashed = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    expected = hmac.digest(key.secret.encode(), f"{ALGORITHM}\n{hashed}".encode(), hashlib.sha256).hex()
    if not hmac.compare_digest(expected, received):
        hint = f"Compare the canonical request with the client's: {canonical!r}. If it is the same, the client's "
        hint += f"secret of {key.id} is not the configured one ({len(key.secret)} characters long)."
        if headers.get("x-acs-content-sha256", digest) != digest:
            hint = f"x-acs-content-sha256 is not that of the body, {digest}."
        raise _mismatch(f"server CanonicalRequest's hash is:{hashed}", hint)
    return _principal(key)


def _mismatch(what: str, hint: str) -> StsError:
    message = f"Specified signature is not matched with our calculation. {what}"
    return StsError(400, "SignatureDoesNotMatch", message, hint)


def _check_time(name: str, text: str, now: datetime) -> None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None:
        raise StsError(
            400,
            "InvalidTimeStamp.Format",
            "Specified time stamp or date value is not well formatted.",
            f"{name} is {text!r}. Expected is {now:%Y-%m-%dT%H:%M:%SZ}.",
        )
    if abs(now - (time if time.tzinfo else time.replace(tzinfo=UTC))) > MAX_SKEW:
        raise StsError(
            400,
            "InvalidTimeStamp.Expired",
            "Specified time stamp or date value is expired.",
            f"{name} says {text}, the emulator's clock says {format_iso_date(now)}; they may differ by 15 minutes.",
        )


def _find_key(ctx: Context, access_key_id: str, token: str, now: datetime) -> AccessKey:
    """The key with this id, as OSS finds it, refused as STS refuses."""
    try:
        return find_key(ctx.config.auth, access_key_id, token, now, ctx.temporary_keys)
    except InvalidAccessKeyId as error:
        if "STS Access Id" in error.message:
            raise missing("SecurityToken", error.hint) from None
        code, message = "InvalidAccessKeyId.NotFound", "Specified access key is not found."
        raise StsError(404, code, message, error.hint) from None
    except SecurityTokenExpired as error:
        code, message = "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."
        raise StsError(400, code, message, error.hint) from None
    except OssError as error:
        code, message = (
            "InvalidSecurityToken.MismatchWithAccessKey",
            "Specified SecurityToken mismatch with the AccessKey.",
        )
        raise StsError(400, code, message, error.hint) from None


def _principal(key: AccessKey) -> Principal:
    return Principal(key.id, "sts", key.role if isinstance(key, TemporaryKey) else None)
