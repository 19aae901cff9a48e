"""Why a signature does not match, for the developer: the mistake that explains it, or what to compare.

Runs on failure alone; at most some hundred HMACs.
"""

import re
from binascii import Error, a2b_base64

from emulator.auth.claim import Claim, encode_bytes
from emulator.auth.suspicions import SUSPECTS, Case
from emulator.config import Auth
from emulator.wire.request import OssRequest

MAX_PARTS = 100  # headers and parameters; with more of them the many tries would hold everybody up
MAX_SHOWN_CHARACTERS = 200  # of a line; the answer has all of it in StringToSign

_DIGEST_BYTES = {"v1": 20, "v2": 32}


def explain(request: OssRequest, claim: Claim, secret: str, auth: Auth) -> str:
    """The mistake that explains why `secret` did not make the signature that `request` claims.

    Each suspicion alters one thing and signs again; the first that gives the client's own signature is the cause. If
    none does, the hint shows the lines to compare.
    """
    case = Case(request=request, claim=claim, secret=secret)
    if len(request.headers) + len(request.query) <= MAX_PARTS:
        for suspect in SUSPECTS:
            for altered, explanation in suspect(case, auth):
                if altered.verifies():
                    return explanation
    return _comparison(case)


def _comparison(case: Case) -> str:
    """What to compare when nothing explains it: the secret first, then the lines."""
    claim = case.claim
    candidate = next(claim.candidates(case.request, claim.resource(case.request.address)))
    text = candidate.canonical_request or candidate.string_to_sign
    lines = text.decode("utf-8", "replace").split("\n")
    what = "canonical request" if candidate.canonical_request else "string to sign"
    shown = " | ".join(
        f"{label} {line[:MAX_SHOWN_CHARACTERS]!r}"
        for label, line in zip(_labels(case, len(lines)), lines, strict=True)
        if label
    )
    return (
        f"None of the usual mistakes explains it. {_wrong_length(claim)}Most likely the client's secret for "
        f"{claim.access_key_id} is not the configured one ({len(case.secret)} characters long); else compare the "
        f"{what} with the client's, line by line: {shown}"
    )


def _labels(case: Case, count: int) -> list[str]:
    """What each line of the text is."""
    if case.claim.version == "v4":
        return ["method", "path", "query", *["header"] * (count - 6), "", "additional headers", "payload"]
    head = ["method", "Content-MD5", "Content-Type", "expires" if case.claim.is_url else "date"]
    tail = ["resource"] if case.claim.version == "v1" else ["additional headers", "resource"]
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
