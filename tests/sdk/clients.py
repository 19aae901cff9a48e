"""One face for the Python SDKs, so that each test is written once: `put`, `presign_put`, and what they answered."""

import urllib.request
from typing import NamedTuple
from urllib.error import HTTPError

import alibabacloud_oss_v2
import oss2

REGION = "cn-hangzhou"
BUCKET = "examplebucket"


class Answer(NamedTuple):
    status: int
    body: bytes


def _send(url: str, headers: dict[str, str], data: bytes) -> Answer:
    request = urllib.request.Request(url, data=data, method="PUT", headers=headers)
    try:
        with urllib.request.urlopen(request) as response:
            return Answer(response.status, response.read())
    except HTTPError as error:
        with error:
            return Answer(error.code, error.read())


class Oss2:
    """The Python SDK V1."""

    def __init__(self, endpoint: str, key_id: str, secret: str, version: str, token: str | None = None) -> None:
        self.endpoint = endpoint
        if not key_id:
            self.auth = oss2.AnonymousAuth()
        elif token:
            self.auth = oss2.StsAuth(key_id, secret, token, auth_version=version)
        else:
            self.auth = {"v1": oss2.Auth, "v2": oss2.AuthV2, "v4": oss2.AuthV4}[version](key_id, secret)
        self.bucket = oss2.Bucket(self.auth, endpoint, BUCKET, region=REGION)

    def put(self, key: str, data: bytes, callback: str, callback_var: str) -> Answer:
        result = self.bucket.put_object(
            key, data, headers={"x-oss-callback": callback, "x-oss-callback-var": callback_var}
        )
        return Answer(result.status, result.resp.read())

    def put_presigned(self, key: str, data: bytes, callback: str, callback_var: str) -> Answer:
        parameters = {"callback": callback, "callback-var": callback_var}
        headers = {"Content-Type": "text/plain"}
        return _send(self.bucket.sign_url("PUT", key, 60, params=parameters, headers=headers), headers, data)

    def get(self, key: str) -> bytes:
        return self.bucket.get_object(key).read()


class OssV2:
    """The Python SDK V2."""

    def __init__(self, endpoint: str, key_id: str, secret: str, version: str, token: str | None = None) -> None:
        credentials = alibabacloud_oss_v2.credentials
        config = alibabacloud_oss_v2.config.load_default()
        config.credentials_provider = (
            credentials.StaticCredentialsProvider(key_id, secret, token)
            if key_id
            else credentials.AnonymousCredentialsProvider()
        )
        config.region = REGION
        config.endpoint = endpoint
        config.signature_version = version
        self.client = alibabacloud_oss_v2.Client(config)

    def put(self, key: str, data: bytes, callback: str, callback_var: str) -> Answer:
        result = self.client.put_object(
            alibabacloud_oss_v2.PutObjectRequest(
                bucket=BUCKET, key=key, body=data, callback=callback, callback_var=callback_var
            )
        )
        body = result.callback_result
        return Answer(result.status_code, body if isinstance(body, bytes) else str(body).encode())

    def put_presigned(self, key: str, data: bytes, callback: str, callback_var: str) -> Answer:
        presigned = self.client.presign(
            alibabacloud_oss_v2.PutObjectRequest(
                bucket=BUCKET,
                key=key,
                parameters={"callback": callback, "callback-var": callback_var},
                headers={"Content-Type": "text/plain"},
            )
        )
        return _send(presigned.url, {"Content-Type": "text/plain", **dict(presigned.signed_headers)}, data)

    def get(self, key: str) -> bytes:
        result = self.client.get_object(alibabacloud_oss_v2.GetObjectRequest(bucket=BUCKET, key=key))
        with result.body as body:
            return body.read()


Client = Oss2 | OssV2
CLIENTS = {"oss2": Oss2, "alibabacloud-oss-v2": OssV2}
