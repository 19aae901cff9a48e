"""The mistakes that people make with signatures, each as something to try.

A suspicion alters one thing about a refused request (the secret, the method, a header, the key's spelling) and says
what it would mean if the client's signature came out.

Source: the questions that users ask under "SignatureDoesNotMatch", and the defects of the SDKs.
"""

import hmac
import mimetypes
import re
import unicodedata
from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from emulator.auth.claim import Claim
from emulator.auth.v1 import READINGS
from emulator.auth.v4 import V4Claim
from emulator.config import Auth
from emulator.wire.percent import decode, encode
from emulator.wire.request import OssRequest

_METHODS = ("GET", "PUT", "POST", "HEAD", "DELETE")
_COMMON_TYPES = ("application/octet-stream", "text/plain", "application/json", "application/x-www-form-urlencoded")
_UNICODE_FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A request, the signature that it claims, and the secret that should have made it.

    `resource` is what was signed in the place of the path, where that is not what the address gives. `text` is all that
    was signed, where that is not made of the request: a form's policy.
    """

    request: OssRequest
    claim: Claim
    secret: str
    resource: str | None = None
    text: bytes | None = None

    def verifies(self) -> bool:
        """Whether the client would have made its signature in just this case."""
        if self.text is not None:
            return self.claim.sign(self.secret, self.text) == self.claim.signature
        addresses = (self.request.address, self.request.address.alternative)
        resources = (self.claim.resource(address) for address in addresses if address is not None)
        return any(
            self.claim.sign(self.secret, candidate.string_to_sign) == self.claim.signature
            for resource in ([self.resource] if self.resource is not None else resources)
            for candidate in self.claim.candidates(self.request, resource)
        )


Suspicions = Iterator[tuple[Case, str]]


def _with_headers(case: Case, headers: Mapping[str, str]) -> Case:
    return replace(case, request=replace(case.request, headers=headers))


def _without_header(case: Case, name: str) -> Case:
    return _with_headers(case, {key: value for key, value in case.request.headers.items() if key != name})


def _with_query(case: Case, query: tuple[tuple[str, str | None], ...]) -> Case:
    parameters = {name: value or "" for name, value in reversed(query)}
    return replace(case, request=replace(case.request, query=query, parameters=parameters))


# --- What was mangled, or signed with something else ----------------------------------------------------------------


def _mangled_signature(case: Case, auth: Auth) -> Suspicions:
    sent = case.claim.signature

    def claiming(signature: str) -> Case:
        return replace(case, claim=replace(case.claim, signature=signature))

    yield (
        claiming(sent.replace(" ", "+")),
        "The signature is right, but each `+` of it arrived as a blank: encode it as %2B in the URL.",
    )
    yield (
        claiming(decode(sent.replace("+", "%2B"))),
        f"The signature is right, but percent-encoded once too often: it arrived as {sent!r}.",
    )
    yield claiming(sent.lower()), "The signature is right, but must be written in lower-case hex."
    yield claiming(sent + "=" * (-len(sent) % 4)), "The signature is right, but lost the `=` at its end."
    if re.fullmatch("(?:[0-9A-Fa-f]{2})+", sent):
        yield (
            claiming(b2a_base64(bytes.fromhex(sent), newline=False).decode()),
            f"The signature is right, but written in hex: {case.claim.version.upper()} wants base64.",
        )


def _other_secret(case: Case, auth: Auth) -> Suspicions:
    key_id, secret = case.claim.access_key_id, case.secret
    for key in auth.keys:
        if key.id != key_id:
            yield (
                replace(case, secret=key.secret),
                f"The request names the access key {key_id} but is signed with the secret of {key.id}: "
                "the client mixes two key pairs.",
            )
    for altered, what in (
        (secret + "\n", "a line break at its end (read from a file?)"),
        (secret + "\r\n", "a Windows line break at its end (read from a file?)"),
        (secret + "\r", "a carriage return at its end (read from a Windows file?)"),
        (secret + " ", "a blank at its end"),
        (" " + secret, "a blank before it"),
        (f'"{secret}"', "quotes around it (an environment file?)"),
        (f"'{secret}'", "quotes around it (an environment file?)"),
    ):
        yield replace(case, secret=altered), f"The client's secret for {key_id} has {what}: strip it."
    if secret != secret.strip():
        yield (
            replace(case, secret=secret.strip()),
            f"The secret of {key_id} in `auth.keys` has blanks or line breaks around it, the client's has not.",
        )
    yield replace(case, secret=""), f"The client signed with an empty secret for {key_id}: a variable that is not set?"
    yield replace(case, secret=key_id), f"The client signed with the access key id {key_id} in the secret's place."


def _other_method(case: Case, auth: Auth) -> Suspicions:
    sent = case.request.method
    what = "URL is" if case.claim.is_url else "request was"
    for method in (*_METHODS, sent.lower()):
        if method != sent:
            yield (
                replace(case, request=replace(case.request, method=method)),
                f"The {what} signed for {method} but used with {sent}; a signature holds for one method alone, "
                "HEAD and GET being two. Sign it for the method that is sent.",
            )


# --- Headers --------------------------------------------------------------------------------------------------------


def _content_headers(case: Case, auth: Auth) -> Suspicions:
    headers = case.request.headers
    sent = headers.get("content-type")
    if sent is not None:
        yield (
            _without_header(case, "content-type"),
            f"The request carries Content-Type: {sent}, but was signed without one. Browsers and HTTP clients add it "
            "by themselves: sign the same Content-Type, or send none (with fetch: a Blob without type).",
        )
    guesses = dict.fromkeys((mimetypes.guess_type(case.request.key)[0] or "", *_COMMON_TYPES))
    if sent is not None:
        bare = sent.partition(";")[0].strip()
        guesses = dict.fromkeys((bare, f"{bare};charset=UTF-8", f"{bare}; charset=utf-8", sent.lower(), *guesses))
    for guess in guesses:
        if guess and guess != sent:
            yield (
                _with_headers(case, {**headers, "content-type": guess}),
                f"The request was signed with Content-Type: {guess}, but "
                + (f"{sent} arrived" if sent is not None else "arrived without one")
                + ". Send exactly what was signed.",
            )
    if "content-md5" in headers:
        yield (
            _without_header(case, "content-md5"),
            f"The request carries Content-MD5: {headers['content-md5']}, but was signed without one.",
        )


def _oss_headers(case: Case, auth: Auth) -> Suspicions:
    headers = case.request.headers
    names = [name for name in headers if name.startswith("x-oss-")]
    for name in names:
        yield (
            _without_header(case, name),
            f"The header {name}: {headers[name]} was added after signing; every x-oss-* header is signed. "
            "Set it before the request is signed, or leave it out.",
        )
        for padded in (headers[name] + " ", " " + headers[name]):
            yield (
                _with_headers(case, {**headers, name: padded}),
                f"The value of {name} was signed with a blank around it, which HTTP takes away: strip it.",
            )
        if "%" in headers[name]:
            yield (
                _with_headers(case, {**headers, name: decode(headers[name])}),
                f"The value of {name} was signed decoded but sent percent-encoded: sign what is sent.",
            )
    if len(names) > 1:
        yield (
            _with_headers(case, {name: value for name, value in headers.items() if name not in names}),
            f"None of the x-oss-* headers is signed ({', '.join(names)}): all of them must be.",
        )
    for name, value in (
        ("x-oss-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-oss-object-acl", "private"),
        ("x-oss-object-acl", "public-read"),
        ("x-oss-forbid-overwrite", "true"),
        ("x-oss-storage-class", "Standard"),
    ):
        if name not in headers:
            yield (
                _with_headers(case, {**headers, name: value}),
                f"The request was signed with the header {name}: {value}, which did not arrive: send it.",
            )
    latin = {name: value.encode("utf-8", "surrogateescape").decode("latin-1") for name, value in headers.items()}
    if latin != headers:
        yield (
            _with_headers(case, latin),
            "A header value with letters beyond ASCII was signed as UTF-8 but sent as Latin-1: percent-encode it.",
        )


def _additional_headers(case: Case, auth: Auth) -> Suspicions:
    if case.claim.version == "v1":
        return
    headers, listed = case.request.headers, case.claim.additional_headers

    def listing(names: tuple[str, ...]) -> Case:
        return replace(case, claim=replace(case.claim, additional_headers=names))

    for name in headers:
        if name not in listed:
            yield (
                listing(tuple(sorted((*listed, name)))),
                f"The client signed the header {name} but does not name it in AdditionalHeaders.",
            )
    for name in listed:
        yield (
            listing(tuple(other for other in listed if other != name)),
            f"AdditionalHeaders names {name}, but the client did not sign it.",
        )
        yield (
            _without_header(case, name),
            f"AdditionalHeaders names {name}, which was not there when the request was signed; it arrived as "
            f"{headers.get(name)!r}.",
        )
    if "" in headers.values():
        empty = ", ".join(name for name, value in headers.items() if not value)
        yield (
            _with_headers(case, {name: value for name, value in headers.items() if value}),
            f"The client signed without its empty headers ({empty}), as Java v2 and C++ do; OSS signs them. Leave "
            "them out of the request too.",
        )


# --- Date and scope -------------------------------------------------------------------------------------------------


def _date_line(case: Case, auth: Auth) -> Suspicions:
    headers, claim = case.request.headers, case.claim
    right = "Expires" if claim.is_url else "x-oss-date" if "x-oss-date" in headers else "Date"
    for name, text in (("Date", headers.get("date")), ("x-oss-date", headers.get("x-oss-date")), ("nothing", "")):
        if text is not None and text != claim.date:
            yield (
                replace(case, claim=replace(claim, date=text)),
                f"The date line was signed with {name if not text else f'{name} ({text})'}; it must hold {right} "
                f"({claim.date}).",
            )
    if not claim.is_url and "x-oss-date" in headers and "date" in headers:
        without = _without_header(case, "x-oss-date")
        yield (
            replace(without, claim=replace(claim, date=headers["date"])),
            f"x-oss-date: {headers['x-oss-date']} was added after signing; the client signed Date.",
        )


def _scope(case: Case, auth: Auth) -> Suspicions:
    claim = case.claim
    if not isinstance(claim, V4Claim):
        return
    bare = claim.region.removeprefix("oss-")
    for region in dict.fromkeys((auth.region, bare, f"oss-{bare}", "")):
        if region != claim.region:
            yield (
                replace(case, claim=replace(claim, region=region)),
                f"The credential names the region {claim.region!r}, but the client signed for {region!r}: both the "
                "signing key and the scope line must have the credential's.",
            )
    for step in (-1, 1):
        day = f"{datetime.strptime(claim.day, '%Y%m%d') + timedelta(days=step):%Y%m%d}"
        yield (
            replace(case, claim=replace(claim, day=day)),
            f"The credential names the day {claim.day}, but the client signed for {day}: a local date? UTC counts.",
        )


# --- Resource and query ---------------------------------------------------------------------------------------------


def _resource(case: Case, auth: Auth) -> Suspicions:
    claim, address = case.claim, case.request.address
    meant = claim.resource(address)
    for signed, why in _resources(case.request, claim):
        if signed != meant:
            yield (
                replace(case, resource=signed),
                f"The client signed the resource {signed!r}, but the request means {meant!r}: {why}",
            )


def _resources(request: OssRequest, claim: Claim) -> Iterator[tuple[str, str]]:
    """What a client may have signed in the resource's place, and the mistake that it is."""
    bucket, key, spell = request.address.bucket, request.address.key, claim.spell
    head, path = f"/{bucket}/", f"/{bucket}/{key}"
    encoded = "V1 signs the key decoded." if claim.version == "v1" else "the key was encoded twice for signing."
    yield spell(head + key.replace(" ", "+")), "a `+` in a URL's path is a blank; send a plus sign as %2B."
    yield spell(head + encode(key, "/")), encoded
    yield spell(head + encode(key)), encoded
    yield encode(path, "/"), "V2 signs `/` as %2F."
    yield head + encode(key), "V4 signs the `/` of a key as it is, not as %2F."
    yield path, "the key must be percent-encoded for signing."
    yield spell(head + decode(key)), "the key is percent-encoded twice in the URL; encode it once."
    for form in _UNICODE_FORMS:
        yield (
            spell(head + unicodedata.normalize(form, key)),
            f"the same letters in another Unicode form ({form}); macOS spells file names its own way.",
        )
    yield spell(f"/{key}"), "the bucket is part of it, whatever the host."
    yield spell(f"/{bucket}{path}"), "the bucket stands in it once, even if both host and path name it."
    yield spell(f"{head}/{key}"), "a slash too many before the key."
    yield spell(head + key.lstrip("/")), "the slash before the key counts, because it is in the URL."
    if not key:
        yield spell(f"/{bucket}"), "a bucket's resource ends with a slash."
    label, dot, rest = request.host.partition(".")
    if request.address.is_path_style and dot:
        yield (
            spell(f"/{label}/{decode(request.target.removeprefix('/'))}"),
            f"the client takes {label!r} of the Host for the bucket, the emulator does not know {rest!r}. "
            f"Add it to `server.service_names`, or {request.host!r} to `server.cnames`.",
        )


def _query(case: Case, auth: Auth) -> Suspicions:
    query, version = case.request.query, case.claim.version
    is_signed = READINGS[0][1] if version == "v1" else bool
    names = [name for name in case.request.parameters if is_signed(name)]
    if len(names) > 1:
        yield (
            _with_query(case, ()),
            f"None of the query's parameters was signed; {', '.join(sorted(names))} must be.",
        )
    for name in names:
        yield (
            _with_query(case, tuple(pair for pair in query if pair[0] != name)),
            f"The parameter {name} of the query was not signed: it was added after signing, or the client forgot "
            "to sign it as a sub-resource.",
        )
    yield (
        _with_query(case, tuple((name, value.replace(" ", "+") if value else value) for name, value in query)),
        "A `+` in the query is a blank; send a plus sign as %2B.",
    )
    yield (
        _with_query(case, tuple((name, encode(value) if value else value) for name, value in query)),
        "The values of the query were percent-encoded for signing"
        + (": V1 signs them decoded." if version == "v1" else " once too often."),
    )


def _policy(case: Case, auth: Auth) -> Suspicions:
    sent = case.text or b""
    with suppress(ValueError):
        yield (
            replace(case, text=b64decode(sent)),
            "The policy's JSON was signed; what must be signed is its base64, just as the field policy holds it.",
        )
    plain = b"".join(sent.split())
    yield (
        replace(case, text=plain),
        "The policy was signed without the blanks or line breaks that are in the field policy: send what was signed.",
    )
    yield (
        replace(case, text=plain.replace(b"-", b"+").replace(b"_", b"/")),
        "The policy was signed in the standard base64 alphabet but sent in the URL-safe one.",
    )
    for digest, name in (("sha1", "HMAC-SHA1"), ("sha256", "HMAC-SHA256")):
        raw = hmac.digest(case.secret.encode(), sent, digest)
        if case.claim.signature in (raw.hex(), b2a_base64(raw, newline=False).decode()):
            yield (
                replace(case, claim=replace(case.claim, signature=case.claim.sign(case.secret, sent))),
                f"The signature is the {name} of the policy with the plain secret, but the form's fields ask for "
                f"{case.claim.version.upper()}: compare x-oss-signature-version with how the policy was signed.",
            )


SUSPECTS: tuple[Callable[[Case, Auth], Suspicions], ...] = (
    _mangled_signature,
    _other_secret,
    _other_method,
    _content_headers,
    _oss_headers,
    _additional_headers,
    _date_line,
    _scope,
    _resource,
    _query,
)

# For a form, of which the policy alone is signed.
FORM_SUSPECTS: tuple[Callable[[Case, Auth], Suspicions], ...] = (_mangled_signature, _other_secret, _scope, _policy)
