"""Who sent this request: from an `OssRequest` to a `Principal`.

Picks the scheme, lets its module read the claim, finds the key, and compares signatures. Whether the principal may do
what it asks for is `emulator.auth.acl`'s; whether the bucket exists is for the caller to ask beforehand.

Source: "Signature verification" of the OSS documentation; the order of the checks is a guess but for two facts: an
expired URL is reported before a wrong signature, an unknown key before it too.
"""

import hmac
import logging
import re
from datetime import datetime

import msgspec

from emulator.auth import v1, v2, v4
from emulator.auth.claim import Candidate, Claim, encode_bytes, invalid_authorization
from emulator.auth.credentials import find_key
from emulator.auth.hints import explain
from emulator.config import AccessKey, Auth
from emulator.errors import InvalidArgument, InvalidRequest, OssError, SignatureDoesNotMatch
from emulator.model import Principal
from emulator.temporary_keys import NO_KEYS, TemporaryKey, TemporaryKeys
from emulator.wire.address import Address
from emulator.wire.request import ANONYMOUS, OssRequest

logger = logging.getLogger(__name__)

_HEADER_SCHEMES = {"OSS": v1.read_header, "OSS2": v2.read_header, v4.ALGORITHM: v4.read_header}
_URL_SCHEMES = {"OSS2": v2.read_url, v4.ALGORITHM: v4.read_url}
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class Identity(msgspec.Struct, frozen=True):
    """Who a request comes from, and which bucket and key it means.

    `address` is the request's own unless that has two readings and only the second one was signed.
    """

    principal: Principal
    address: Address


def authenticate(request: OssRequest, auth: Auth, now: datetime, temporary: TemporaryKeys = NO_KEYS) -> Identity:
    """Who sent `request`, proved by its signature; without any signature, the anonymous principal.

    The keys are those of `auth` and the `temporary` ones.

    Raises:
        InvalidArgument, InvalidRequest: the signature cannot be read, or is of a kind that is not taken.
        AccessDenied, RequestTimeTooSkewed: a date is missing, wrong or over.
        InvalidAccessKeyId, InvalidSecurityToken, SecurityTokenExpired, AccessKeyIdAndSecurityTokenNotMatch: the key
            is unknown, or its STS token is not right.
        SignatureDoesNotMatch: the key did not sign this request.
    """
    if auth.mode == "off":
        return Identity(Principal(_presented_key_id(request, now), "off"), request.address)
    claim = _claim(request, now)
    if claim is None:
        _check_anonymous(request)
        return Identity(ANONYMOUS, request.address)
    check_version(claim, auth)
    _check_token_place(request, claim)
    key = find_key(auth, claim.access_key_id, claim.token, now, temporary)
    claim.check_scope(request, auth.region)
    return Identity(proved(claim, key), _verify(request, claim, key, auth))


def proved(claim: Claim, key: AccessKey) -> Principal:
    """Whoever has `key`, once the signature is known to be right."""
    role = key.role if isinstance(key, TemporaryKey) else None
    return Principal(claim.access_key_id, claim.version, role)


def check_version(claim: Claim, auth: Auth) -> None:
    """Raise `InvalidRequest` if signatures of the claim's version are not taken.

    Guess: OSS announced that it refuses V1 to new buckets, not in which words.
    """
    if claim.version not in auth.signatures:
        raise InvalidRequest(
            f"The signature version {claim.version.upper()} is not accepted.",
            hint=f"The request is signed with {claim.version.upper()}; `auth.signatures` takes "
            f"{', '.join(auth.signatures) or 'none'}. Switch the client's version, or add {claim.version} there.",
        )


def _claim(request: OssRequest, now: datetime) -> Claim | None:
    """The signature that `request` presents, in its header or its URL; `None` without any."""
    authorization = request.headers.get("authorization")
    parameters = request.parameters
    version = parameters.get("x-oss-signature-version")
    in_url = version is not None or "Signature" in parameters or "OSSAccessKeyId" in parameters
    if authorization is not None:
        if in_url:
            raise InvalidArgument(
                "Authorization header and query string authentication must not be used together.",
                ec="0002-00000039",
                hint="The request is signed twice: with an Authorization header and with a signed URL. "
                "Drop the header (an HTTP client's default?) or use the plain URL.",
            )
        return _header_claim(request, authorization, now)
    if version is not None:
        try:
            read = _URL_SCHEMES[version]
        except KeyError:
            raise InvalidArgument(
                ec="0002-00000066",
                hint=f"x-oss-signature-version is {version!r}; OSS knows {v4.ALGORITHM} and OSS2. "
                "The URL of V1 has no such parameter.",
                ArgumentName="x-oss-signature-version",
                ArgumentValue=version,
            ) from None
        return read(request, now)
    return v1.read_url(request, now) if in_url else None


def _header_claim(request: OssRequest, authorization: str, now: datetime) -> Claim:
    word = authorization.partition(" ")[0]
    if word in _HEADER_SCHEMES:
        return _HEADER_SCHEMES[word](request, now)
    if not authorization:
        raise InvalidArgument(
            "Authorization header value is empty.",
            hint="Leave the header out to ask anonymously. An environment variable that is not set looks like this.",
        )
    if word.startswith("AWS"):
        raise InvalidArgument(
            "The emulator does not take AWS signatures: the S3 compatibility of OSS is not emulated.",
            hint=f"The request is signed with {word}, by an S3 client. Use an OSS SDK, or sign with "
            f"{v4.ALGORITHM} (V4), OSS2 (V2) or OSS (V1).",
            Authorization=authorization,
        )
    raise invalid_authorization(
        request,
        ec="0002-00000061",
        hint=f"The Authorization header begins with {word!r}. OSS knows `OSS <id>:<signature>` (V1), "
        f"`OSS2 ...` (V2) and `{v4.ALGORITHM} ...` (V4), spelt exactly so.",
    )


def _check_token_place(request: OssRequest, claim: Claim) -> None:
    """A URL carries its token itself: a header would not be there when somebody else opens it."""
    if claim.is_url and not claim.token and "x-oss-security-token" in request.headers:
        name = "x-oss-security-token" if claim.version == "v4" else "security-token"
        raise InvalidRequest(
            "Security-token must be provided by query string parameter",
            ec="0002-00000005",
            hint=f"The URL is signed, but the STS token came in the header x-oss-security-token. Sign the URL with the "
            f"parameter {name}, and send no such header.",
        )


def _check_anonymous(request: OssRequest) -> None:
    """Without a signature nobody may choose the headers of the answer."""
    name = next((name for name in request.parameters if name.startswith("response-")), None)
    if name is not None and request.key and request.method in ("GET", "HEAD"):
        raise InvalidRequest(
            "Request specific response headers cannot be used for anonymous GET requests.",
            hint=f"The parameter {name} needs a signature: sign the URL, or set the header on the object.",
        )


def _verify(request: OssRequest, claim: Claim, key: AccessKey, auth: Auth) -> Address:
    """The address under which the signature is right."""
    first: Candidate | None = None
    presented = encode_bytes(claim.signature)
    for address in (request.address, request.address.alternative):
        if address is None:
            continue
        for candidate in claim.candidates(request, claim.resource(address)):
            first = first or candidate
            if hmac.compare_digest(claim.sign(key.secret, candidate.string_to_sign).encode(), presented):
                if candidate.reading:
                    _log_reading(request, claim, candidate)
                return address
    assert first is not None, "every claim has at least one candidate"
    raise mismatch(claim, first, explain(request, claim, key.secret, auth))


def _log_reading(request: OssRequest, claim: Claim, candidate: Candidate) -> None:
    if candidate.reading == "union-no-x-oss":
        logger.warning(
            "%s: the client left x-oss-process and its like unsigned (Python v2 and Java v2 do so under V1); the "
            "emulator takes it, whether OSS does is not known. Signature V4 avoids the question.",
            request.request_id,
        )
    else:
        logger.debug("%s: %s signature verified as %s", request.request_id, claim.version, candidate.reading)


def mismatch(claim: Claim, candidate: Candidate, hint: str) -> SignatureDoesNotMatch:
    """The refusal of a signature, with what we have signed ourselves."""
    error = SignatureDoesNotMatch(
        ec=claim.mismatch_ec, hint=hint, OSSAccessKeyId=claim.access_key_id, SignatureProvided=claim.signature
    )
    error.elements |= _text_and_bytes("StringToSign", candidate.string_to_sign)
    if candidate.canonical_request is not None:
        error.elements |= _text_and_bytes("CanonicalRequest", candidate.canonical_request)
    return error


def _text_and_bytes(name: str, text: bytes) -> dict[str, str]:
    """`text` as XML can carry it, and as hex pairs for what XML cannot."""
    return {
        name: _NOT_IN_XML.sub("", text.decode("utf-8", "replace")),
        f"{name}Bytes": text.hex(" ").upper() + " ",
    }


def _presented_key_id(request: OssRequest, now: datetime) -> str | None:
    """The access key id that `request` names, whatever its signature is worth; `None` if that cannot be read."""
    try:
        claim = _claim(request, now)
    except OssError:
        return None
    return claim.access_key_id if claim is not None else None
