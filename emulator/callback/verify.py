"""Is a captured callback rightly signed; and if not, which of the usual mistakes made it wrong.

An RSA signature can be opened with the public key: out comes the MD5 of what was signed. So nothing here is guessed:
each mistake is undone by way of trial (`emulator.callback.mistakes`) until that MD5 comes out.

Source: the sample servers of "Upload callbacks", and what users of them report.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote_plus

import msgspec

from emulator.callback.mistakes import altered_bodies, altered_targets
from emulator.callback.signature import string_to_sign

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

Mistake = Literal[
    "header-stripped",
    "signature-mangled",
    "wrong-hash",
    "wrong-key",
    "path",
    "query",
    "body",
    "path-and-body",
    "unknown",
]

# The key of OSS itself, the same since 2015. Source: "Callback" in the OSS API reference.
OSS_PUBLIC_KEY = b"""-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKs/JBGzwUB2aVht4crBx3oIPBLNsjGs
C0fTXv+nvlmklvkcolvpvXLTjaxUHR3W9LXxQ2EHXAJfCB+6H2YF1k8CAwEAAQ==
-----END PUBLIC KEY-----
"""
OSS_KEY_HOST = "gosspublic.alicdn.com"

# How PKCS#1 writes other digests than MD5 before signing them, and what they are called.
_OTHER_HASHES = {
    bytes.fromhex("3021300906052b0e03021a05000414"): "SHA-1",
    bytes.fromhex("3031300d060960864801650304020105000420"): "SHA-256",
    bytes.fromhex("3051300d060960864801650304020305000440"): "SHA-512",
}


class CallbackVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a callback may be trusted. If not, `mistake` is which kind of mistake and `explanation` says it in words.
    Of one that may, `explanation` is what a handler could still stumble over; mostly `""`.

    True where it may, so that `if not verify_callback(...)` reads well.
    """

    mistake: Mistake | None = None
    explanation: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the signature is that of this request."""
        return self.mistake is None

    def __bool__(self) -> bool:
        return self.is_right


def verify_callback(
    target: str,
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
    body: bytes,
    public_key: bytes,
    *,
    callback_url: str = "",
    other_keys: Mapping[str, bytes] | None = None,
) -> CallbackVerdict:
    """Whether OSS (or this emulator) has sent a callback request.

    `target` is path and query as they stand on the request line, `headers` those that arrived, `body` the bytes that
    arrived, before any framework has read them. `public_key` is the PEM that you trust: fetch it once, from a URL that
    you know, and never from wherever `x-oss-pub-key-url` happens to point.

    For a better explanation, `callback_url` is what the upload gave as callbackUrl, and `other_keys` are keys that may
    have been mixed up with the right one, by a name that completes "the key ...".

    An application needs no more than the first step, which is the whole check::

        path, mark, query = target.partition("?")
        string = unquote_to_bytes(path) + (mark + query).encode() + b"\\n" + body
        key.verify(b64decode(headers["authorization"]), string, PKCS1v15(), MD5())

    Raises:
        ValueError: `public_key` is no RSA public key in PEM.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    received = {name.lower(): value.strip() for name, value in pairs}
    key = _load(public_key)
    authorization = received.get("authorization")
    if not authorization:
        return _authorization_stripped(received)
    digest = _signed_digest(key, authorization)
    if digest is None:
        return _unopened(key, authorization, received, {**(other_keys or {}), "of OSS itself": OSS_PUBLIC_KEY})
    if digest == _md5(string_to_sign(target, body)):
        return CallbackVerdict(explanation=_missing_key_url(received))
    return _changed(digest, target, received, body, callback_url)


def key_url(headers: Mapping[str, str]) -> str | None:
    """The URL in `x-oss-pub-key-url` of `headers` (by lower-case name); `None` if it is missing or not base64."""
    try:
        return base64.b64decode(headers.get("x-oss-pub-key-url", ""), validate=True).decode() or None
    except ValueError:
        return None


def _load(pem: bytes) -> "RSAPublicKey":
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(pem)
    if not isinstance(key, RSAPublicKey):
        raise ValueError("the public key is not an RSA key")
    return key


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def _signed_digest(key: "RSAPublicKey", signature: str) -> bytes | None:
    """The MD5 that `signature` (base64) was made of; `None` if `key` does not open it."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    try:
        raw = base64.b64decode(signature, validate=True)
        return key.recover_data_from_signature(raw, PKCS1v15(), hashes.MD5())
    except (InvalidSignature, ValueError):
        return None


def _other_hash(key: "RSAPublicKey", signature: str) -> str | None:
    """The name of the hash that was signed in MD5's place; `None` if `key` does not open `signature` at all."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

    try:
        block = key.recover_data_from_signature(base64.b64decode(signature, validate=True), PKCS1v15(), None)
    except (InvalidSignature, ValueError):
        return None
    return next((name for prefix, name in _OTHER_HASHES.items() if block.startswith(prefix)), "something else")


# --- Headers and keys -----------------------------------------------------------------------------------------------


def _authorization_stripped(headers: Mapping[str, str]) -> CallbackVerdict:
    is_callback = headers.get("x-oss-tag") == "CALLBACK" or "x-oss-pub-key-url" in headers
    return CallbackVerdict(
        mistake="header-stripped",
        explanation="There is no Authorization header"
        + (", though the others of a callback are there: it was taken out on the way. " if is_callback else ". ")
        + "Apache gives it to CGI and PHP only with `CGIPassAuth On` (or `RewriteRule .* - "
        "[E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]`); proxies and gateways that authenticate may remove it.",
    )


def _missing_key_url(headers: Mapping[str, str]) -> str:
    """What a handler lacks that looks for the key where the sender says; `""` if nothing."""
    if "x-oss-pub-key-url" not in headers:
        return (
            "The header x-oss-pub-key-url was taken out on the way, though: a handler that fetches the key from there "
            "finds none. Let the proxy pass x-oss-* headers, or give the handler the key."
        )
    if key_url(headers) is None:
        return (
            "x-oss-pub-key-url is not the base64 of a URL any more, though: a handler that fetches the key from there "
            f"finds none. It is {headers['x-oss-pub-key-url']!r}."
        )
    return ""


def _unopened(
    key: "RSAPublicKey", authorization: str, headers: Mapping[str, str], other_keys: Mapping[str, bytes]
) -> CallbackVerdict:
    """Why the key does not open the signature: it is damaged, or another key made it."""
    for signature, what in _mended(authorization):
        if _signed_digest(key, signature) is not None:
            return CallbackVerdict(mistake="signature-mangled", explanation=f"The Authorization header {what}")
    if (name := _other_hash(key, authorization)) is not None:
        return CallbackVerdict(
            mistake="wrong-hash",
            explanation=f"The key is right, but what it signed is no MD5 but {name}: callbacks are signed with MD5 and "
            "PKCS#1 v1.5 (RSA-MD5, md5WithRSAEncryption).",
        )
    named = key_url(headers)
    where = f" x-oss-pub-key-url names {named}." if named else ""
    for name, pem in other_keys.items():
        if _signed_digest(_load(pem), authorization) is not None:
            return CallbackVerdict(
                mistake="wrong-key",
                explanation=f"It was signed with another key than the one given: the key {name}.{where} Take the key "
                "from the place that the sender names, after checking that you trust that place.",
            )
    return CallbackVerdict(
        mistake="wrong-key",
        explanation=f"It was signed with another key than the one given, or the signature is damaged.{where} OSS's key "
        f"is at https://{OSS_KEY_HOST}/, an emulator's at its /_emulator/callback_pub_key.pem, and each data directory "
        "has a key of its own. Anybody can name a URL of theirs and sign with their own key: a handler must check the "
        "host of x-oss-pub-key-url before fetching.",
    )


def _mended(signature: str) -> Iterator[tuple[str, str]]:
    """The signature with one damage undone, and how the damaged one is to be described."""
    yield signature.replace(" ", "+"), "has blanks for `+`: it was read as a form value on the way."
    yield unquote_plus(signature.replace("+", "%2B")), "is percent-encoded: the plain base64 must arrive."
    scheme, blank, rest = signature.partition(" ")
    if blank:
        yield rest, f"begins with the scheme {scheme!r}: OSS sends the bare base64, and it must be read so."
    yield signature.strip("\"'"), "has quotes around it."
    yield signature + "=" * (-len(signature) % 4), "lost the `=` at its end."
    yield signature.replace("-", "+").replace("_", "/"), "is in the URL-safe alphabet; it must be standard base64."
    yield "".join(signature.split()), "has white space in it: a line was folded on the way."
    with suppress(ValueError):
        yield base64.b64encode(bytes.fromhex(signature)).decode(), "is in hexadecimal; it must be base64."
    with suppress(ValueError):
        yield base64.b64decode(signature, validate=True).decode("ascii"), "is base64 of base64."


# --- What was changed -----------------------------------------------------------------------------------------------


def _changed(digest: bytes, target: str, headers: Mapping[str, str], body: bytes, callback_url: str) -> CallbackVerdict:
    """The key is right, and what it signed is not this request. Find out what it was."""
    for candidate, mistake, what in altered_targets(target, headers, callback_url):
        if _md5(candidate + b"\n" + body) == digest:
            return CallbackVerdict(mistake=mistake, explanation=what)
    own = string_to_sign(target, b"")  # with its line feed
    for altered, what in altered_bodies(body, is_thorough=True):
        if _md5(own + altered) == digest:
            return CallbackVerdict(mistake="body", explanation=what)
    for candidate, _, path_what in altered_targets(target, headers, callback_url):
        for altered, what in altered_bodies(body, is_thorough=False):
            if _md5(candidate + b"\n" + altered) == digest:
                return CallbackVerdict(mistake="path-and-body", explanation=f"Two things: {path_what} And: {what}")
    return _unexplained(headers, body)


def _unexplained(headers: Mapping[str, str], body: bytes) -> CallbackVerdict:
    """None of the usual mistakes. The lengths and Content-MD5, which is not signed, tell on which side to look."""
    opening = "The key is right, but this path, query and body are not what it signed. "
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:18]) != len(body):
        return CallbackVerdict(
            mistake="body",
            explanation=f"{opening}Content-Length says {length} bytes, the body has {len(body)}: it was cut, or read "
            "before (a framework's parser consumes it; keep the raw bytes first), or decoded and encoded again.",
        )
    sent_md5 = headers.get("content-md5")
    if sent_md5 is None:
        return CallbackVerdict(mistake="unknown", explanation=f"{opening}Compare with what the sender's record shows.")
    if sent_md5 == base64.b64encode(_md5(body)).decode():
        return CallbackVerdict(
            mistake="path",
            explanation=f"{opening}The body fits Content-MD5, so path or query were changed on the way: a proxy that "
            "rewrites, a route that is mounted elsewhere, a query left out. Give the callbackUrl to see which.",
        )
    return CallbackVerdict(
        mistake="body",
        explanation=f"{opening}The body does not fit Content-MD5, so it was changed on the way or after parsing: "
        "verify the raw bytes that arrived, not a form or JSON that was parsed and written again.",
    )
