"""Who signed a form: the fields of PostObject to a `Principal`.

What is signed is the field `policy`, the base64 text as sent, and nothing else of the form or the request:

    OSSAccessKeyId, policy, Signature                           V1, and V2 with x-oss-signature-version=OSS2
    x-oss-signature-version, x-oss-credential, x-oss-date, policy, x-oss-signature                        V4

What the policy says is for `post_policy`.

Source: "PostObject" and "Include signature V4 in a form" in the API reference; the EC pages of the family 02.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from emulator.auth import v4
from emulator.auth.authenticate import check_version, mismatch, proved
from emulator.auth.claim import Candidate, Claim, encode_bytes, is_access_key_id
from emulator.auth.credentials import find_key
from emulator.auth.dates import MAX_SKEW, parse_iso_date
from emulator.auth.hints import explain_form
from emulator.auth.v1 import V1Claim
from emulator.auth.v2 import V2Claim
from emulator.config import Auth
from emulator.errors import AccessDenied, InvalidArgument, OssError
from emulator.model import Principal
from emulator.temporary_keys import NO_KEYS, TemporaryKeys
from emulator.wire.dates import format_iso_date
from emulator.wire.request import ANONYMOUS, OssRequest

_VERSION = "x-oss-signature-version"
_SIGNING_FIELDS = ("ossaccesskeyid", "policy", "signature", _VERSION, "x-oss-credential", "x-oss-signature")


def authenticate_form(
    request: OssRequest, fields: Mapping[str, str], auth: Auth, now: datetime, temporary: TemporaryKeys = NO_KEYS
) -> Principal:
    """Who signed the form with these `fields` (by lower-case name); without any signing field, nobody.

    Raises:
        InvalidArgument: some fields of a signature are there and others not, or one cannot be read.
        InvalidRequest: signatures of this version are not taken.
        AccessDenied: the signature is too old, or too new.
        InvalidAccessKeyId, InvalidSecurityToken, SecurityTokenExpired, AccessKeyIdAndSecurityTokenNotMatch: the key
            is unknown, or its STS token is not right.
        SignatureDoesNotMatch: the key did not sign this policy.
    """
    if auth.mode == "off":
        return Principal(_presented_key_id(fields, auth, now), "off")
    if not any(name in fields for name in _SIGNING_FIELDS):
        return ANONYMOUS
    claim = _claim(fields, auth, now)
    check_version(claim, auth)
    key = find_key(auth, claim.access_key_id, claim.token, now, temporary)
    policy = encode_bytes(fields["policy"])
    if not hmac.compare_digest(claim.sign(key.secret, policy).encode(), encode_bytes(claim.signature)):
        raise mismatch(claim, Candidate(policy), explain_form(request, claim, policy, key.secret, auth))
    return proved(claim, key)


def _claim(fields: Mapping[str, str], auth: Auth, now: datetime) -> Claim:
    version = fields.get(_VERSION)
    if version == v4.ALGORITHM:
        return _v4_claim(fields, auth, now)
    if version not in (None, "OSS2"):
        hint = f"OSS knows {v4.ALGORITHM} and OSS2; a form signed with V1 has no such field."
        raise _invalid(_VERSION, version, "0002-00000701", hint)
    scheme = V1Claim if version is None else V2Claim
    return scheme(
        access_key_id=_required(fields, "OSSAccessKeyId", what="accessKeyId"),
        signature=_signature(fields, "Signature"),
        date="",
        is_url=False,
        token=fields.get("x-oss-security-token", ""),
    )


def _v4_claim(fields: Mapping[str, str], auth: Auth, now: datetime) -> Claim:
    credential = fields.get("x-oss-credential", "")
    pieces = v4.split_credential(credential)
    if pieces is None or pieces[3] != v4.PRODUCT:
        hint = f"Expected is `<id>/<YYYYMMDD>/<region>/{v4.PRODUCT}/{v4.TERMINATOR}`."
        raise _invalid("x-oss-credential", fields.get("x-oss-credential"), "0002-00000710", hint)
    access_key_id, day, region, product = pieces
    if not is_access_key_id(access_key_id):
        hint = "The access key id before the first slash is empty or has characters that none can have."
        raise _invalid("x-oss-credential", credential, "0002-00000708", hint)
    date = fields.get("x-oss-date", "")
    time = parse_iso_date(date)
    if time is None:
        raise _invalid("x-oss-date", fields.get("x-oss-date"), "0002-00000709", f"Expected is {now:%Y%m%dT%H%M%SZ}.")
    if not v4.is_day_of(day, time):
        hint = f"Its day is {day!r}, that of x-oss-date ({date}) another; both are UTC, the credential's as YYYYMMDD."
        raise _invalid("x-oss-credential", credential, "0002-00000709", hint)
    _check_time(time, now)
    if reason := v4.wrong_region(region, auth.region):
        raise _invalid(
            "x-oss-credential",
            credential,
            "0002-00000715",
            reason,
            message="The signing region in credential is invalid.",
        )
    return v4.V4Claim(
        access_key_id=access_key_id,
        signature=_signature(fields, "x-oss-signature"),
        date=date,
        is_url=False,
        token=fields.get("x-oss-security-token", ""),
        day=day,
        region=region,
        product=product,
    )


def _check_time(time: datetime, now: datetime) -> None:
    """Raise `AccessDenied` if the form was signed in the future, or more than seven days ago. Guess: the words."""
    if now + MAX_SKEW < time:
        raise AccessDenied(
            "Request is not valid yet.",
            ec="",
            hint=f"x-oss-date is {format_iso_date(time)}, the emulator's clock says {format_iso_date(now)}; it may be "
            "15 minutes ahead. It must be UTC; otherwise compare the clocks.",
        )
    if now > time + timedelta(seconds=v4.MAX_EXPIRES_SECONDS):
        raise AccessDenied(
            "Request has expired.",
            ec="",
            hint=f"x-oss-date is {format_iso_date(time)}, the emulator's clock says {format_iso_date(now)}: a V4 "
            "signature of a form is good for 7 days. Sign a new one.",
        )


def _signature(fields: Mapping[str, str], name: str) -> str:
    """The signature, after the policy: without either the form is not signed."""
    _required(fields, "policy", missing="0002-00000702", empty="0006-00000205")
    return _required(fields, name, what="signature", missing="0002-00000703", empty="0002-00000704")


def _required(fields: Mapping[str, str], name: str, *, what: str = "", missing: str = "", empty: str = "") -> str:
    """The field `name`, which must not be empty. Guess: a missing one is refused in the words for an empty one."""
    value = fields.get(name.lower())
    if not value:
        others = ", ".join(field for field in _SIGNING_FIELDS if fields.get(field))
        hint = f"The form has {'no' if value is None else 'an empty'} field {name} before the file, but {others}. "
        if "x-oss-credential" in fields and _VERSION not in fields:
            hint += f"A form signed with V4 has {_VERSION} = {v4.ALGORITHM}, too."
        else:
            hint += "All fields of a signature are needed, or none; those behind the file do not count."
        raise InvalidArgument(
            f"Post request {what or name} is empty.",
            ec=missing if value is None else empty,
            hint=hint,
            ArgumentName=name,
            ArgumentValue="",
        )
    return value


def _invalid(name: str, value: str | None, ec: str, hint: str, *, message: str = "") -> InvalidArgument:
    """The refusal of a field that cannot be read. Guess: the message, where none is given; the ECs are documented."""
    received = f"The form's {name} is {value!r}." if value is not None else f"The form has no {name} before the file."
    return InvalidArgument(
        message or f"Invalid {name}.",
        ec=ec,
        hint=f"{received} {hint}",
        ArgumentName=name,
        ArgumentValue=value or "",
    )


def _presented_key_id(fields: Mapping[str, str], auth: Auth, now: datetime) -> str | None:
    """The access key id that the form names, whatever its signature is worth; `None` if that cannot be read."""
    try:
        return _claim(fields, auth, now).access_key_id
    except OssError:
        return None
