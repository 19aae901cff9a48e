"""What an upload says about its object beside the bytes: headers to `ObjectAttributes`, and back for GET and HEAD.

Source: "PutObject", "Server-side encryption"; the suites of the Python and Java SDKs for what comes back unchanged.
"""

import base64
import binascii
import re
from collections.abc import Mapping

from msgspec import structs

from emulator.errors import (
    InvalidArgument,
    InvalidDataEncryptionAlgorithmError,
    InvalidEncryptionAlgorithmError,
)
from emulator.model import Acl, Bucket, ObjectAttributes, StorageClass
from emulator.wire.settings import setting_text
from emulator.wire.tagging import parse_tagging

DEFAULT_CONTENT_TYPE = "application/octet-stream"
MAX_METADATA_BYTES = 8192
# Real OSS makes a key for the account when it first needs one; the emulator's account has this.
DEFAULT_KMS_KEY_ID = "00000000-0000-4000-8000-000000000000"

_CONTENT_HEADERS = {
    "content-type": "Content-Type",
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "expires": "Expires",
}
# What every answer says by itself, and what decides how it is sent.
_RESERVED = {
    *_CONTENT_HEADERS,
    *("accept-ranges", "connection", "content-length", "content-md5", "content-range", "date", "etag", "keep-alive"),
    *("last-modified", "server", "trailer", "transfer-encoding", "upgrade", "vary"),
}
_META = "x-oss-meta-"
_SSE = "x-oss-server-side-encryption"
_SSE_KEY_ID = "x-oss-server-side-encryption-key-id"
_SSE_DATA = "x-oss-server-side-data-encryption"
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_NOT_FOR_HEADERS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")  # controls, and bytes that are no UTF-8


def read_attributes(headers: Mapping[str, str], bucket: Bucket) -> ObjectAttributes:
    """What the headers of an upload say about the object; storage class and encryption else come from its bucket.

    Raises:
        InvalidArgument: metadata above 8 KiB, a value that no header can carry, or an unknown ACL, class, persistent
            header or form of tagging.
        InvalidTag: a tag breaks the rules.
        InvalidEncryptionAlgorithmError, InvalidDataEncryptionAlgorithmError: unknown encryption.
    """
    stored: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, value in headers.items():
        if name in _CONTENT_HEADERS:
            if value:
                stored[name] = check_header_value(name, value)
        elif name.startswith(_META):
            metadata[name[len(_META) :]] = check_header_value(name, value)
    stored.setdefault("content-type", DEFAULT_CONTENT_TYPE)
    if metadata:
        _check_metadata_size(metadata)
    if persistent := headers.get("x-oss-persistent-headers"):
        stored.update(_parse_persistent_headers(persistent))
    acl = headers.get("x-oss-object-acl")
    storage_class = headers.get("x-oss-storage-class")
    return ObjectAttributes(
        headers=stored,
        metadata=metadata,
        tags=parse_tagging(headers.get("x-oss-tagging", "")),
        encryption=_read_encryption(headers) or _default_encryption(bucket),
        acl=Acl.DEFAULT if acl is None else parse_object_acl(acl),
        storage_class=bucket.storage_class if storage_class is None else parse_storage_class(storage_class),
    )


def read_copied_attributes(
    headers: Mapping[str, str],
    source: ObjectAttributes,
    bucket: Bucket,
    *,
    replaces_metadata: bool,
    replaces_tags: bool,
    is_onto_itself: bool,
) -> ObjectAttributes:
    """What a copy has of its source and what of the headers of the request; `bucket` is where it will be.

    ACL, storage class and encryption are never the source's; where a symbolic link leads always is. Onto itself an
    object is copied to change its metadata, so that the request's count whatever it says, if it has any.

    Source: "CopyObject"; the suite of the Python SDK for a copy onto itself without headers.
    """
    of_metadata = {name for name in headers if _is_metadata(name)}
    replaces_metadata = replaces_metadata or (is_onto_itself and bool(of_metadata))
    ignored = set() if replaces_metadata else of_metadata
    if not replaces_tags:
        ignored.add("x-oss-tagging")
    asked = read_attributes({name: value for name, value in headers.items() if name not in ignored}, bucket)
    if not replaces_metadata:
        asked = structs.replace(asked, headers=source.headers, metadata=source.metadata)
    if not replaces_tags:
        asked = structs.replace(asked, tags=source.tags)
    return structs.replace(asked, symlink_target=source.symlink_target) if source.symlink_target else asked


def parse_directive(headers: Mapping[str, str], name: str) -> bool:
    """Whether the directive `name` says REPLACE, and not COPY, as it does when it is not sent; in whatever case.

    Guess: the message.

    Raises:
        InvalidArgument: it says something else.
    """
    text = headers.get(name, "COPY")
    if text.upper() in ("COPY", "REPLACE"):
        return text.upper() == "REPLACE"
    raise InvalidArgument(f"The header {name} must be COPY or REPLACE.", ArgumentName=name, ArgumentValue=text)


def _is_metadata(name: str) -> bool:
    return name in _CONTENT_HEADERS or name.startswith(_META) or name == "x-oss-persistent-headers"


def attribute_headers(attributes: ObjectAttributes) -> dict[str, str]:
    """The headers by which GET and HEAD give `attributes` back. ACL and storage class are not among them."""
    headers = {_CONTENT_HEADERS.get(name) or name.title(): value for name, value in attributes.headers.items()}
    for name, value in attributes.metadata.items():
        headers[_META + name] = value
    if attributes.tags:
        headers["x-oss-tagging-count"] = str(len(attributes.tags))
    headers.update(attributes.encryption)
    return headers


def parse_object_acl(text: str) -> Acl:
    """The ACL that `x-oss-object-acl` names.

    Guess: the message, by analogy with the bucket's.

    Raises:
        InvalidArgument: it names none; an empty one has an EC of its own.
    """
    try:
        return Acl(text)
    except ValueError:
        raise InvalidArgument(
            "no such object access control exists",
            ec="0017-00000104" if text else "0017-00000105",
            hint="x-oss-object-acl is default, private, public-read or public-read-write.",
            ArgumentName="x-oss-object-acl",
            ArgumentValue=text,
        ) from None


def parse_storage_class(text: str) -> StorageClass:
    """The storage class that `x-oss-storage-class` names.

    Guess: the message, by analogy with the bucket's.

    Raises:
        InvalidArgument: it names none; an empty one has an EC of its own.
    """
    try:
        return StorageClass(text)
    except ValueError:
        raise InvalidArgument(
            "no such object storage class exists",
            ec="0017-00000132" if text else "0017-00000131",
            hint="x-oss-storage-class is Standard, IA, Archive, ColdArchive or DeepColdArchive, in exactly this case.",
            ArgumentName="x-oss-storage-class",
            ArgumentValue=text,
        ) from None


def parse_forbid_overwrite(headers: Mapping[str, str]) -> bool:
    """Whether `x-oss-forbid-overwrite` asks that an existing object be left alone.

    Raises:
        InvalidArgument: the header is neither `true` nor `false`, in whatever case.
    """
    text = headers.get("x-oss-forbid-overwrite")
    if text is None or text.lower() == "false":
        return False
    if text.lower() == "true":
        return True
    raise InvalidArgument(
        "The header x-oss-forbid-overwrite must be true or false.",
        ec="0017-00000279",
        ArgumentName="x-oss-forbid-overwrite",
        ArgumentValue=text,
    )


def check_header_value(name: str, value: str) -> str:
    """`value`, if an answer can carry it in the header that the argument `name` stands for.

    Raises:
        InvalidArgument: it has control characters, or bytes that are not UTF-8.
    """
    if (not value.isascii() or not value.isprintable()) and _NOT_FOR_HEADERS.search(value):
        raise InvalidArgument(
            f"The value of {name} is not valid.",
            ec="0017-00000205",
            hint=f"{name} goes out as a header, so it must be UTF-8 without control characters.",
            ArgumentName=name,
            ArgumentValue=value,
        )
    return value


def _check_metadata_size(metadata: Mapping[str, str]) -> None:
    """Raise `InvalidArgument` above 8 KiB. Guess: the message, and that names count without `x-oss-meta-`."""
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > MAX_METADATA_BYTES:
        raise InvalidArgument(
            "The user metadata exceeds the maximum allowed size.",
            hint=f"The x-oss-meta-* headers hold {size} bytes of names and values; {MAX_METADATA_BYTES} are allowed.",
            ArgumentName="x-oss-meta",
            ArgumentValue=size,
        )


def _parse_persistent_headers(text: str) -> dict[str, str]:
    """The headers, by lower-case name, that `x-oss-persistent-headers` asks to be given back with the object."""
    headers: dict[str, str] = {}
    for item in text.split(","):
        raw_name, colon, encoded = item.strip().partition(":")
        name = raw_name.strip().lower()
        try:
            value = base64.b64decode(encoded.strip(), validate=True).decode("utf-8", "surrogateescape")
        except (binascii.Error, ValueError):
            colon, value = "", ""
        if not name or not colon:
            raise _invalid_persistent_header(
                'The format of persistent header is invalid, should be "name:Base64Encode(value),'
                'name:Base64Encode(value)...".',
                text,
            )
        if not _TOKEN.match(name):
            raise _invalid_persistent_header("The header specified by persistent header is not valid HTTP token.", text)
        if name in _RESERVED or name.startswith("x-oss-"):
            raise _invalid_persistent_header("The header specified by persistent header is reserved.", text)
        headers[name] = check_header_value(name, value)
    return headers


def _invalid_persistent_header(message: str, text: str) -> InvalidArgument:
    return InvalidArgument(message, ArgumentName="x-oss-persistent-headers", ArgumentValue=text)


def _default_encryption(bucket: Bucket) -> dict[str, str]:
    """The encryption headers that an object of `bucket` has by itself."""
    if "encryption" not in bucket.documents:
        return {}
    rule = "ApplyServerSideEncryptionByDefault"
    return _read_encryption(
        {
            _SSE: setting_text(bucket, "encryption", f"{rule}/SSEAlgorithm"),
            _SSE_KEY_ID: setting_text(bucket, "encryption", f"{rule}/KMSMasterKeyID"),
            _SSE_DATA: setting_text(bucket, "encryption", f"{rule}/KMSDataEncryption"),
        }
    )


def _read_encryption(headers: Mapping[str, str]) -> dict[str, str]:
    """The encryption headers as they will be given back; with KMS a key id is always among them.

    A data encryption without KMS is taken and forgotten, as the suite of oss2 has it.
    """
    algorithm = headers.get(_SSE)
    key_id = headers.get(_SSE_KEY_ID)
    data_algorithm = headers.get(_SSE_DATA)
    if algorithm is None and not key_id:
        return {}
    if algorithm not in ("AES256", "KMS", "SM4", None):
        raise InvalidEncryptionAlgorithmError(hint=f"{_SSE} is {algorithm!r}; OSS knows AES256, KMS and SM4.")
    if algorithm == "KMS":
        encryption = {_SSE: "KMS", _SSE_KEY_ID: check_header_value(_SSE_KEY_ID, key_id or DEFAULT_KMS_KEY_ID)}
        if data_algorithm:
            if data_algorithm != "SM4":
                raise InvalidDataEncryptionAlgorithmError(hint=f"{_SSE_DATA} is {data_algorithm!r}; OSS knows SM4.")
            encryption[_SSE_DATA] = data_algorithm
        return encryption
    if key_id:
        # Guess: the bucket's encryption rule refuses a key id beside AES256 in these words.
        raise InvalidArgument(
            "KMSMasterKeyID is not applicable if the default sse algorithm is not KMS",
            hint=f"{_SSE_KEY_ID} needs {_SSE}: KMS beside it.",
            ArgumentName=_SSE_KEY_ID,
            ArgumentValue=key_id,
        )
    return {_SSE: algorithm} if algorithm else {}
