"""What an application's server does before its page may post a form: sign a policy. As the documentation has it."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

from emulator.config import AccessKey

REGION = "cn-hangzhou"


def signed_fields(key: AccessKey, version: str, *conditions: object) -> dict[str, str]:
    """The form fields with a policy that holds for a minute, signed as `V1` or `V4`."""
    now = datetime.now(UTC)
    fields = {}
    if version == "V4":
        fields = {
            "x-oss-signature-version": "OSS4-HMAC-SHA256",
            "x-oss-credential": f"{key.id}/{now:%Y%m%d}/{REGION}/oss/aliyun_v4_request",
            "x-oss-date": f"{now:%Y%m%dT%H%M%SZ}",
        }
    if key.token:
        fields["x-oss-security-token"] = key.token
    document = {
        "expiration": f"{now + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S.000Z}",
        "conditions": [{"bucket": "examplebucket"}, *({name: value} for name, value in fields.items()), *conditions],
    }
    policy = base64.b64encode(json.dumps(document).encode())
    fields["policy"] = policy.decode()
    if version == "V1":
        signature = hmac.digest(key.secret.encode(), policy, hashlib.sha1)
        return fields | {"OSSAccessKeyId": key.id, "Signature": base64.b64encode(signature).decode()}
    signing_key = f"aliyun_v4{key.secret}".encode()
    for part in (f"{now:%Y%m%d}", REGION, "oss", "aliyun_v4_request"):
        signing_key = hmac.digest(signing_key, part.encode(), hashlib.sha256)
    return fields | {"x-oss-signature": hmac.digest(signing_key, policy, hashlib.sha256).hex()}
