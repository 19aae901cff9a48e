"""Signing requests that we send ourselves, by V4: what `v4` checks, the other way round."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from emulator.auth.v4 import ALGORITHM, PRODUCT, TERMINATOR, UNSIGNED_PAYLOAD, canonical_request, signature, signing_key
from emulator.auth.v4 import string_to_sign as v4_string_to_sign
from emulator.wire.percent import encode


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs, and for which region; `token` is that of temporary (STS) credentials."""

    id: str
    secret: str
    region: str
    token: str = ""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A request before it is sent: `query` decoded, `headers` by lower-case name."""

    method: str
    bucket: str
    key: str = ""
    query: tuple[tuple[str, str | None], ...] = ()
    headers: Mapping[str, str] = {}


def signed_headers(request: Outgoing, credentials: Credentials, now: datetime) -> dict[str, str]:
    """The headers of `request` with those of its signature."""
    date = f"{now:%Y%m%dT%H%M%SZ}"
    headers = {**request.headers, "x-oss-date": date, "x-oss-content-sha256": UNSIGNED_PAYLOAD}
    if credentials.token:
        headers["x-oss-security-token"] = credentials.token
    day = date[:8]
    scope = f"{day}/{credentials.region}/{PRODUCT}/{TERMINATOR}"
    resource = encode(f"/{request.bucket}/{request.key}", "/")
    canonical = canonical_request(msgspec.structs.replace(request, headers=headers), resource, ())
    signed = signature(
        signing_key(credentials.secret, day, credentials.region), v4_string_to_sign(canonical, date, scope)
    )
    return {**headers, "authorization": f"{ALGORITHM} Credential={credentials.id}/{scope},Signature={signed}"}
