"""Which key a request speaks of, configured or given out by AssumeRole, and whether its STS token is the right one.

Source: "Use temporary access credentials provided by STS" and the EC pages 0002-00000003 to 0002-00000008.
"""

from datetime import datetime

from emulator.config import AccessKey, Auth
from emulator.errors import (
    AccessKeyIdAndSecurityTokenNotMatch,
    InvalidAccessKeyId,
    InvalidSecurityToken,
    SecurityTokenExpired,
)
from emulator.temporary_keys import NO_KEYS, TemporaryKey, TemporaryKeys
from emulator.wire.dates import format_iso_date


def find_key(
    auth: Auth, access_key_id: str, token: str, now: datetime, temporary: TemporaryKeys = NO_KEYS
) -> AccessKey:
    """The key with this id, configured or `temporary`; its `token` is the right one (`""`: none was sent) and holds.

    Raises:
        InvalidAccessKeyId: nobody has this id, or it is a temporary one and the token is absent.
        InvalidSecurityToken: nobody has this token.
        AccessKeyIdAndSecurityTokenNotMatch: the token is another key's, or the key is permanent.
        SecurityTokenExpired: its time is over.
    """
    for each in auth.keys:
        if each.id == access_key_id:
            key: AccessKey | None = each
            break
    else:
        key = temporary.find(access_key_id)
    if key is None:
        raise InvalidAccessKeyId(hint=_unknown_id_hint(auth, access_key_id), OSSAccessKeyId=access_key_id)
    if token or key.token:
        _check_token(auth, key, token, now, temporary)
    return key


def _check_token(auth: Auth, key: AccessKey, token: str, now: datetime, temporary: TemporaryKeys) -> None:
    if not token:
        raise InvalidAccessKeyId(
            f"{InvalidAccessKeyId.message} The Security Token may be lost to specify that it is a STS Access Id.",
            ec="0002-00000003",
            hint=f"{key.id} is a temporary key and must come with its token: x-oss-security-token in a header, in "
            "a form or in a V4 URL, security-token in a V1 or V2 URL. Give the client the token beside id and secret.",
            OSSAccessKeyId=key.id,
        )
    if token != key.token:
        given_out = temporary.with_token(token)
        owner = next((other.id for other in auth.keys if other.token == token), given_out.id if given_out else None)
        if key.token and owner is None:
            raise InvalidSecurityToken(
                hint=f"The token sent with {key.id} is not the right one: {_first_difference(key.token, token)}."
            )
        raise AccessKeyIdAndSecurityTokenNotMatch(
            hint=f"The token belongs to {owner}, not to {key.id}."
            if owner
            else f"{key.id} is a permanent key; send no token with it, or add a `token` to it in `auth.keys`."
        )
    if key.expires is not None and now > key.expires:
        raise SecurityTokenExpired(
            hint=f"The token of {key.id} was good until {format_iso_date(key.expires)}; now it is "
            f"{format_iso_date(now)}. Fetch a new one"
            + ("." if isinstance(key, TemporaryKey) else ", or move `expires` in `auth.keys`."),
            SecurityToken=token,
        )


def _unknown_id_hint(auth: Auth, access_key_id: str) -> str:
    known = ", ".join(key.id for key in auth.keys) or "none"
    hint = f"No key has the id {access_key_id!r}; configured under `auth.keys`: {known}."
    if access_key_id.startswith("STS."):
        hint += " A key from AssumeRole goes with the emulator's process and with a reset: fetch a new one."
    if any(access_key_id == key.secret for key in auth.keys):
        return "What was sent as access key id is a configured secret: id and secret are swapped in the client."
    if any(access_key_id.strip().casefold() == key.id.casefold() for key in auth.keys):
        return f"{hint} Ids are case-sensitive and have no blanks around them."
    return hint


def _first_difference(expected: str, received: str) -> str:
    """Where two tokens part, without giving either away."""
    if expected.replace("+", " ") == received:
        return "a `+` of the token arrived as a blank, encode it as %2B"
    for position, (one, other) in enumerate(zip(expected, received, strict=False), 1):
        if one != other:
            return f"they differ from character {position} on"
    return f"it has {len(received)} characters instead of {len(expected)}"
