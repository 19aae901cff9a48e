"""Why a signature does not match, for the developer: the mistake that explains it, or what to compare.

Runs on failure alone; at most some hundred HMACs.
"""

import re
from binascii import Error, a2b_base64

from emulator.auth.claim import Claim, encode_bytes
from emulator.auth.suspicions import FORM_SUSPECTS, SUSPECTS, Case
from emulator.config import Auth
from emulator.wire.request import OssRequest

# A bigger request is not looked into: the many tries would hold everybody up.
MAX_PARTS = 100  # headers and parameters
MAX_TEXT_BYTES = 32 * 1024

# What a hint shows; the answer has all of it in StringToSign.
MAX_LINE_CHARACTERS = 200
MAX_SHOWN_CHARACTERS = 4000

_DIGEST_BYTES = {"v1": 20, "v2": 32}


def explain(request: OssRequest, claim: Claim, secret: str, auth: Auth) -> str:
    """The mistake that explains why `secret` did not make the signature that `request` claims.

    Each suspicion alters one thing and signs again; the first that gives the client's own signature is the cause. If
    none does, the hint shows the lines to compare.
    """
    first = next(claim.candidates(request, claim.resource(request.address)))
    text = first.canonical_request or first.string_to_sign
    if len(request.headers) + len(request.query) <= MAX_PARTS and len(text) <= MAX_TEXT_BYTES:
        case = Case(request=request, claim=claim, secret=secret)
        for suspect in SUSPECTS:
            for altered, explanation in suspect(case, auth):
                if altered.verifies():
                    return explanation
    return (
        f"None of the usual mistakes explains it. {_wrong_length(claim)}Most likely the client's secret for "
        f"{claim.access_key_id} is not the configured one ({len(secret)} characters long); else compare the "
        f"{'canonical request' if first.canonical_request else 'string to sign'} with the client's, line by line: "
        f"{_labelled(claim, text)[:MAX_SHOWN_CHARACTERS]}"
    )


def explain_form(request: OssRequest, claim: Claim, policy: bytes, secret: str, auth: Auth) -> str:
    """The mistake that explains why `secret` did not make the signature that a form claims for its `policy`."""
    if len(policy) <= MAX_TEXT_BYTES:
        case = Case(request=request, claim=claim, secret=secret, text=policy)
        for suspect in FORM_SUSPECTS:
            for altered, explanation in suspect(case, auth):
                if altered.verifies():
                    return explanation
    return (
        f"None of the usual mistakes explains it. {_wrong_length(claim)}Most likely the secret that signed the policy "
        f"is not the one configured for {claim.access_key_id} ({len(secret)} characters long), or the policy is not "
        f"the one that was signed; the field policy begins {policy[:40]!r} and has {len(policy)} characters."
    )


def _labelled(claim: Claim, text: bytes) -> str:
    """The lines of `text`, each with what it is."""
    lines = text.decode("utf-8", "replace").split("\n")
    pairs = zip(_labels(claim, len(lines)), lines, strict=True)
    return " | ".join(f"{label} {line[:MAX_LINE_CHARACTERS]!r}" for label, line in pairs if label)


def _labels(claim: Claim, count: int) -> list[str]:
    """What each line of the text is."""
    if claim.version == "v4":
        return ["method", "path", "query", *["header"] * (count - 6), "", "additional headers", "payload"]
    head = ["method", "Content-MD5", "Content-Type", "expires" if claim.is_url else "date"]
    tail = ["resource"] if claim.version == "v1" else ["additional headers", "resource"]
    return [*head, *["header"] * (count - len(head) - len(tail)), *tail]


def _wrong_length(claim: Claim) -> str:
    """A remark on a signature that cannot be one of its version at all."""
    if claim.version not in _DIGEST_BYTES:
        is_right = re.fullmatch("[0-9a-f]{64}", claim.signature)
        return "" if is_right else "The signature is not 64 lower-case hex digits, as V4's are. "
    expected = _DIGEST_BYTES[claim.version]
    try:
        length = len(a2b_base64(encode_bytes(claim.signature), strict_mode=True))
    except Error:
        return "The signature is not base64. "
    if length == expected:
        return ""
    algorithm = {20: "HMAC-SHA1", 32: "HMAC-SHA256"}
    return (
        f"The signature is {length} bytes long ({algorithm.get(length, 'an unknown algorithm')}); "
        f"{claim.version.upper()} wants {algorithm[expected]}. "
    )
