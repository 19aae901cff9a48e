"""The verbs of the Python SDKs on objects, buckets and listings, each with the same plain values in and out."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import alibabacloud_oss_v2 as v2
import oss2

from tests.sdk.clients import BUCKET, REGION, Oss2, OssV2

REFUSALS = (oss2.exceptions.OssError, v2.exceptions.OperationError)


class Head(NamedTuple):
    """What HeadObject says of an object, as the SDK has read it."""

    size: int
    etag: str
    content_type: str
    storage_class: str
    object_type: str
    metadata: dict[str, str]


class Page(NamedTuple):
    """One page of a listing; `next` starts the one after, `""` behind the last."""

    keys: list[str]
    groups: list[str]
    next: str


def refusal(call: Callable[..., object], *arguments: object, **options: object) -> tuple[int, str]:
    """The status and Code with which the SDK says that `call` was refused."""
    try:
        call(*arguments, **options)
    except REFUSALS as error:
        return reason(error)
    raise AssertionError("It was not refused.")


def reason(error: Any) -> tuple[int, str]:
    """The status and Code in one of `REFUSALS`."""
    if isinstance(error, oss2.exceptions.OssError):
        return error.status, error.code
    cause = error.unwrap()
    return cause.status_code, cause.code


class Oss2Verbs(Oss2):
    """The Python SDK V1."""

    def of(self, name: str) -> oss2.Bucket:
        return oss2.Bucket(self.auth, self.endpoint, name, region=REGION)

    def store(self, key: str, data: bytes, headers: Mapping[str, str | bytes] | None = None) -> str:
        """PutObject; the ETag."""
        return self.bucket.put_object(key, data, headers=dict(headers or {})).etag

    def read(self, key: str, span: tuple[int | None, int | None] | None = None, **conditions: str) -> bytes:
        return self.bucket.get_object(key, byte_range=span, headers=_header_names(conditions)).read()

    def head(self, key: str) -> Head:
        result = self.bucket.head_object(key)
        metadata = {
            name.lower().removeprefix("x-oss-meta-"): value.encode("latin-1").decode()
            for name, value in result.headers.items()
            if name.lower().startswith("x-oss-meta-")
        }
        return Head(
            result.content_length,
            result.etag,
            result.content_type,
            result.headers["x-oss-storage-class"],
            result.object_type,
            metadata,
        )

    def meta(self, key: str) -> tuple[int, str]:
        result = self.bucket.get_object_meta(key)
        return result.content_length, result.etag

    def exists(self, key: str) -> bool:
        return self.bucket.object_exists(key)

    def delete(self, key: str) -> int:
        return self.bucket.delete_object(key).status

    def delete_many(self, keys: list[str]) -> list[str]:
        return self.bucket.batch_delete_objects(keys).deleted_keys

    def set_acl(self, key: str, acl: str) -> None:
        self.bucket.put_object_acl(key, acl)

    def acl(self, key: str) -> str:
        return self.bucket.get_object_acl(key).acl

    def url(self, method: str, key: str, **parameters: str) -> str:
        names = {name.replace("_", "-"): value for name, value in parameters.items()}
        return self.bucket.sign_url(method, key, 60, params=names)

    def page(self, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 100) -> Page:
        result = self.bucket.list_objects(prefix, delimiter, after, limit)
        return Page([entry.key for entry in result.object_list], result.prefix_list, result.next_marker)

    def page_v2(
        self, prefix: str = "", delimiter: str = "", token: str = "", start: str = "", limit: int = 100
    ) -> Page:
        result = self.bucket.list_objects_v2(prefix, delimiter, token, start, max_keys=limit)
        return Page([entry.key for entry in result.object_list], result.prefix_list, result.next_continuation_token)

    def make_bucket(self, name: str, acl: str, storage_class: str) -> None:
        self.of(name).create_bucket(acl, oss2.models.BucketCreateConfig(storage_class))

    def remove_bucket(self, name: str) -> None:
        self.of(name).delete_bucket()

    def bucket_exists(self, name: str) -> bool:
        try:
            self.of(name).get_bucket_info()
        except oss2.exceptions.NoSuchBucket:
            return False
        return True

    def bucket_info(self, name: str) -> tuple[str, str, str, str]:
        info = self.of(name).get_bucket_info()
        return info.name, info.location, info.storage_class, info.acl.grant

    def bucket_location(self, name: str) -> str:
        return self.of(name).get_bucket_location().location

    def bucket_stat(self, name: str) -> tuple[int, int]:
        stat = self.of(name).get_bucket_stat()
        return stat.object_count, stat.storage_size_in_bytes

    def set_bucket_acl(self, name: str, acl: str) -> None:
        self.of(name).put_bucket_acl(acl)

    def bucket_acl(self, name: str) -> str:
        return self.of(name).get_bucket_acl().acl

    def buckets(self, prefix: str = "", after: str = "", limit: int = 100) -> tuple[list[str], str]:
        result = oss2.Service(self.auth, self.endpoint, region=REGION).list_buckets(prefix, after, limit)
        return [bucket.name for bucket in result.buckets], result.next_marker


class OssV2Verbs(OssV2):
    """The Python SDK V2."""

    def store(self, key: str, data: bytes, headers: Mapping[str, str] | None = None) -> str:
        request = v2.PutObjectRequest(bucket=BUCKET, key=key, body=data, headers=dict(headers or {}))
        return _bare(self.client.put_object(request).etag)

    def read(self, key: str, span: tuple[int | None, int | None] | None = None, **conditions: str) -> bytes:
        request = v2.GetObjectRequest(bucket=BUCKET, key=key, **conditions)
        if span:
            first, last = ("" if end is None else str(end) for end in span)
            request.range_header = f"bytes={first}-{last}"
        with self.client.get_object(request).body as body:
            return body.read()

    def head(self, key: str) -> Head:
        result = self.client.head_object(v2.HeadObjectRequest(bucket=BUCKET, key=key))
        metadata = {name: value.encode("latin-1").decode() for name, value in (result.metadata or {}).items()}
        return Head(
            result.content_length,
            _bare(result.etag),
            result.content_type,
            result.storage_class,
            result.object_type,
            metadata,
        )

    def meta(self, key: str) -> tuple[int, str]:
        result = self.client.get_object_meta(v2.GetObjectMetaRequest(bucket=BUCKET, key=key))
        return result.content_length, _bare(result.etag)

    def exists(self, key: str) -> bool:
        return self.client.is_object_exist(BUCKET, key)

    def delete(self, key: str) -> int:
        return self.client.delete_object(v2.DeleteObjectRequest(bucket=BUCKET, key=key)).status_code

    def delete_many(self, keys: list[str]) -> list[str]:
        objects = [v2.DeleteObject(key=key) for key in keys]
        request = v2.DeleteMultipleObjectsRequest(bucket=BUCKET, objects=objects, encoding_type="url")
        return [entry.key for entry in self.client.delete_multiple_objects(request).deleted_objects or ()]

    def set_acl(self, key: str, acl: str) -> None:
        self.client.put_object_acl(v2.PutObjectAclRequest(bucket=BUCKET, key=key, acl=acl))

    def acl(self, key: str) -> str:
        return self.client.get_object_acl(v2.GetObjectAclRequest(bucket=BUCKET, key=key)).acl

    def url(self, method: str, key: str, **parameters: str) -> str:
        names = {name.replace("_", "-"): value for name, value in parameters.items()}
        kinds = {"GET": v2.GetObjectRequest, "HEAD": v2.HeadObjectRequest, "PUT": v2.PutObjectRequest}
        return self.client.presign(kinds[method](bucket=BUCKET, key=key, parameters=names)).url

    def page(self, prefix: str = "", delimiter: str = "", after: str = "", limit: int = 100) -> Page:
        request = v2.ListObjectsRequest(
            bucket=BUCKET, prefix=prefix, delimiter=delimiter, marker=after, max_keys=limit, encoding_type="url"
        )
        return _page(self.client.list_objects(request), "next_marker")

    def page_v2(
        self, prefix: str = "", delimiter: str = "", token: str = "", start: str = "", limit: int = 100
    ) -> Page:
        request = v2.ListObjectsV2Request(
            bucket=BUCKET,
            prefix=prefix,
            delimiter=delimiter,
            continuation_token=token or None,
            start_after=start or None,
            max_keys=limit,
            encoding_type="url",
        )
        return _page(self.client.list_objects_v2(request), "next_continuation_token")

    def make_bucket(self, name: str, acl: str, storage_class: str) -> None:
        configuration = v2.CreateBucketConfiguration(storage_class=storage_class)
        self.client.put_bucket(v2.PutBucketRequest(bucket=name, acl=acl, create_bucket_configuration=configuration))

    def remove_bucket(self, name: str) -> None:
        self.client.delete_bucket(v2.DeleteBucketRequest(bucket=name))

    def bucket_exists(self, name: str) -> bool:
        return self.client.is_bucket_exist(name)

    def bucket_info(self, name: str) -> tuple[str, str, str, str]:
        info = self.client.get_bucket_info(v2.GetBucketInfoRequest(bucket=name)).bucket_info
        return info.name, info.location, info.storage_class, info.acl

    def bucket_location(self, name: str) -> str:
        return self.client.get_bucket_location(v2.GetBucketLocationRequest(bucket=name)).location

    def bucket_stat(self, name: str) -> tuple[int, int]:
        stat = self.client.get_bucket_stat(v2.GetBucketStatRequest(bucket=name))
        return stat.object_count, stat.storage

    def set_bucket_acl(self, name: str, acl: str) -> None:
        self.client.put_bucket_acl(v2.PutBucketAclRequest(bucket=name, acl=acl))

    def bucket_acl(self, name: str) -> str:
        return self.client.get_bucket_acl(v2.GetBucketAclRequest(bucket=name)).acl

    def buckets(self, prefix: str = "", after: str = "", limit: int = 100) -> tuple[list[str], str]:
        result = self.client.list_buckets(v2.ListBucketsRequest(prefix=prefix, marker=after, max_keys=limit))
        return [bucket.name for bucket in result.buckets or ()], result.next_marker or ""


Verbs = Oss2Verbs | OssV2Verbs
VERBS = {"oss2": Oss2Verbs, "alibabacloud-oss-v2": OssV2Verbs}


def _header_names(conditions: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in conditions.items()}


def _bare(etag: str) -> str:
    return etag.strip('"')


def _page(result: Any, next_name: str) -> Page:
    return Page(
        [entry.key for entry in result.contents or ()],
        [group.prefix for group in result.common_prefixes or ()],
        getattr(result, next_name) or "",
    )
