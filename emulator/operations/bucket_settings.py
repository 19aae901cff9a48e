"""The settings of a bucket that are documents: checked, kept, and given back in the form that OSS gives them.

Each is a row: its operations' name, its sub-resource, what it may hold (`emulator.wire.schema`), and what is answered
where nobody has set it. What a setting does, if it does anything here, is for those to read whom it concerns.
"""

from collections.abc import Callable
from functools import partial
from xml.etree.ElementTree import Element

import msgspec
from msgspec import structs

from emulator.context import Context
from emulator.errors import InvalidTargetBucketForLogging, MalformedXML, OssError
from emulator.model import Bucket
from emulator.operations._document import document_response, read_document
from emulator.operations._table import operation
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.schema import Node, parse_schema
from emulator.wire.xml import Elements, build_document


class Setting(msgspec.Struct, frozen=True):
    """A row: a document of a bucket, and the operations that put, give back and delete it.

    `absent` is the error where nobody has set it, or what the document says then. `check` raises what the schema cannot
    say of a document that fits it.
    """

    sub_resource: str
    schema: Node
    absent: type[OssError] | Elements
    check: Callable[[Context, Element], None] | None

    async def put(self, ctx: Context, request: OssRequest) -> OssResponse:
        """Replace the document.

        Raises:
            InvalidDigest, MalformedXML, and what `check` raises.
        """
        root = self.schema.name
        document = await read_document(request, root)
        if document is None:
            raise MalformedXML(hint=f"The body is empty; the operation wants a <{root}>.")
        content = self.schema.read(document)
        if self.check:
            self.check(ctx, document)
        await ctx.store.update_bucket(
            request.bucket, partial(with_document, self.sub_resource, build_document(root, content).decode())
        )
        return OssResponse(200)

    async def get(self, ctx: Context, request: OssRequest) -> OssResponse:
        """The document.

        Raises:
            OssError: there is none.
        """
        document = ctx.store.bucket(request.bucket).documents.get(self.sub_resource)
        if document is not None:
            return OssResponse(200, {"Content-Type": "application/xml"}, document.encode())
        if isinstance(self.absent, type):
            raise self.absent(BucketName=request.bucket)
        return document_response(self.schema.name, self.absent)

    async def delete(self, ctx: Context, request: OssRequest) -> OssResponse:
        """Forget the document, if there is one."""
        await ctx.store.update_bucket(request.bucket, partial(with_document, self.sub_resource, None))
        return OssResponse(204)


def with_document(name: str, document: str | None, bucket: Bucket) -> Bucket:
    """`bucket` with `document` under `name`; `None` takes away what is there."""
    documents = {other: text for other, text in bucket.documents.items() if other != name}
    return structs.replace(bucket, documents=documents if document is None else {**documents, name: document})


def setting(
    operations: str,
    sub_resource: str,
    schema: str,
    *,
    absent: type[OssError] | Elements,
    check: Callable[[Context, Element], None] | None = None,
    is_stored_only: bool = True,
) -> None:
    """Put the `operations` on a setting into the table: `PutBucketLogging GetBucketLogging DeleteBucketLogging`."""
    row = Setting(sub_resource, parse_schema(schema), absent, check)
    for name in operations.split():
        method = next(method for method in ("PUT", "GET", "DELETE") if name.upper().startswith(method))
        handler = {"PUT": row.put, "GET": row.get, "DELETE": row.delete}[method]
        operation(name, f"{method} /{{bucket}}?{sub_resource}", is_stored_only=is_stored_only)(handler)


def _check_logging(ctx: Context, document: Element) -> None:
    target = document.findtext("LoggingEnabled/TargetBucket")
    if target is not None and ctx.store.find_bucket(target) is None:
        raise InvalidTargetBucketForLogging(hint=f"There is no bucket {target!r} to write the log into.")


# Source: "PutBucketLogging". No log is written.
setting(
    "PutBucketLogging GetBucketLogging DeleteBucketLogging",
    "logging",
    """
    BucketLoggingStatus
      LoggingEnabled?
        TargetBucket
        TargetPrefix?
        LoggingRole?
    """,
    absent=[],
    check=_check_logging,
)

# Source: "PutBucketRequestPayment".
setting(
    "PutBucketRequestPayment GetBucketRequestPayment",
    "requestPayment",
    """
    RequestPaymentConfiguration
      Payer: BucketOwner|Requester
    """,
    absent=[("Payer", "BucketOwner")],
)

# Source: "PutBucketAccessMonitor".
setting(
    "PutBucketAccessMonitor GetBucketAccessMonitor",
    "accessmonitor",
    """
    AccessMonitorConfiguration
      Status: Enabled|Disabled
    """,
    absent=[("Status", "Disabled")],
)
