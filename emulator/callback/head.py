"""The head of a callback request: OSS's headers, in OSS's order.

Source: "Callback" in the OSS API reference, and captured callbacks.
"""

import base64
import hashlib
from datetime import datetime
from email.utils import format_datetime

from emulator.callback.spec import CallbackSpec, sendable_headers
from emulator.callback.url import CallbackUrl

PUBLIC_KEY_PATH = "/_emulator/callback_pub_key.pem"


def request_headers(
    spec: CallbackSpec,
    url: CallbackUrl,
    body: bytes,
    *,
    bucket: str,
    request_id: str,
    account_id: str,
    public_key_url: str,
    authorization: str,
    host_includes_port: bool,
    now: datetime,
) -> list[tuple[str, str]]:
    """Every header of the POST of `body` to `url`; `authorization` is the signature.

    Guess: x-oss-requester is the owner also for an anonymous upload; the additional headers come last.
    """
    additional = sendable_headers(spec)
    return [
        ("Host", spec.host or url.host_header(includes_port=host_includes_port)),
        ("Connection", "close"),
        ("Content-Length", str(len(body))),
        ("Authorization", authorization),
        ("Content-MD5", base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()),
        ("Content-Type", spec.body_type),
        ("Date", format_datetime(now, usegmt=True)),
        ("User-Agent", "aliyun-oss-callback"),
        ("x-oss-additional-headers", ";".join(sorted(additional))),
        ("x-oss-bucket", bucket),
        ("x-oss-owner", account_id),
        ("x-oss-pub-key-url", base64.b64encode(public_key_url.encode()).decode()),
        ("x-oss-request-id", request_id),
        ("x-oss-requester", account_id),
        ("x-oss-signature-version", "1.0"),
        ("x-oss-tag", "CALLBACK"),
        *additional.items(),
    ]
