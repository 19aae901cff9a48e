"""A signature as a request presents it, before anybody has checked it: what the three schemes have in common."""

import re
from collections.abc import Iterator
from typing import ClassVar

import msgspec

from emulator.errors import InvalidArgument
from emulator.wire.address import Address
from emulator.wire.request import OssRequest

_ACCESS_KEY_ID = re.compile(r"[!-~]+")


class Candidate(msgspec.Struct, frozen=True):
    """One text that the client may have signed.

    `reading` names the rule that gave it, `""` for the ordinary one. `canonical_request` is V4's, of which the string
    to sign holds only a digest.
    """

    string_to_sign: bytes
    reading: str = ""
    canonical_request: bytes | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says of its own signature. Each scheme has its kind, in a module of its own.

    `date` is the text of the date line as signed (in URLs of V1 and V2 the expiry). `is_url` tells a presigned URL from
    a header. `token` is the STS token, `""` without one. `additional_headers` are those that the client has signed
    beyond the usual, sorted and in lower case.
    """

    version: ClassVar[str]
    mismatch_ec: ClassVar[str]

    access_key_id: str
    signature: str
    date: str
    is_url: bool
    token: str = ""
    additional_headers: tuple[str, ...] = ()

    def resource(self, address: Address) -> str:
        """What is signed in the place of the URL's path: `/bucket/key`, `/bucket/` or `/`, as the scheme spells it."""
        return self.spell(f"/{address.bucket}/{address.key}" if address.bucket else "/")

    def spell(self, path: str) -> str:
        """`path`, which is decoded, in the scheme's encoding."""
        raise NotImplementedError

    def candidates(self, request: OssRequest, resource: str) -> Iterator[Candidate]:
        """The texts that the client may have signed, the likeliest first."""
        raise NotImplementedError

    def sign(self, secret: str, text: bytes) -> str:
        """The signature of `text`, spelt as the client must have sent it."""
        raise NotImplementedError

    def check_scope(self, request: OssRequest, region: str) -> None:
        """Raise `InvalidArgument` if the signature is meant for another region or product; V4 alone can tell."""


def header_token(request: OssRequest) -> str:
    """The STS token of a request that is signed in its header.

    `security-token` is how Python v2 and Java v2 send it under V1, unsigned.
    """
    headers = request.headers
    return headers.get("x-oss-security-token") or headers.get("security-token", "")


def is_access_key_id(text: str) -> bool:
    """Whether `text` can be an access key id at all: printable ASCII, no blanks."""
    return _ACCESS_KEY_ID.fullmatch(text) is not None


def split_names(text: str) -> tuple[str, ...]:
    """A list of additional headers, `a;b`: in lower case, sorted and each once, because oss2 sorts by first letter."""
    return tuple(sorted({name.strip() for name in text.lower().split(";")} - {""}))


def invalid_authorization(
    request: OssRequest, *, ec: str, hint: str, message: str = "Authorization header is invalid."
) -> InvalidArgument:
    """The refusal of an Authorization header, or of a URL's signature, that cannot be read."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        return InvalidArgument(message, ec=ec, hint=hint)
    return InvalidArgument(message, ec=ec, hint=hint, Authorization=authorization)


def encode_bytes(text: str) -> bytes:
    """`text` as the bytes that came over the wire."""
    return text.encode("utf-8", "surrogateescape")
