"""A setting of a bucket that is a document: checked, kept, and given back in the form that OSS gives it.

It is a row: its operations' names, its sub-resource, what it may hold (`emulator.wire.schema`), and what is answered
where nobody has set it.
"""

from collections.abc import Callable
from functools import partial
from xml.etree.ElementTree import Element

import msgspec
from msgspec import structs

from emulator.context import Context
from emulator.errors import OssError
from emulator.model import Bucket
from emulator.operations._document import document_response, kept_response, read_setting
from emulator.operations._table import operation
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.schema import Node, parse_schema
from emulator.wire.settings import parse_setting
from emulator.wire.xml import Elements


class Setting(msgspec.Struct, frozen=True):
    """A row: a document of a bucket, and the operations that put, give back and delete it.

    `absent` is the error where nobody has set it, or what the document says then. `tidy` takes out of a document what
    OSS does not keep of it. `check` raises what the schema cannot say of a document that fits it.
    """

    sub_resource: str
    schema: Node
    absent: type[OssError] | Elements
    tidy: Callable[[Element], None] | None
    check: Callable[[Context, Element], None] | None

    async def put(self, ctx: Context, request: OssRequest) -> OssResponse:
        """Replace the document.

        Raises:
            InvalidDigest, MalformedXML, and what `check` raises.
        """
        document = await read_setting(request, self.schema, self.tidy)
        if self.check:
            self.check(ctx, parse_setting(document))
        await ctx.store.buckets.update(request.bucket, partial(with_document, self.sub_resource, document))
        return OssResponse(200)

    async def get(self, ctx: Context, request: OssRequest) -> OssResponse:
        """The document.

        Raises:
            OssError: there is none.
        """
        document = ctx.store.buckets.get(request.bucket).documents.get(self.sub_resource)
        if document is not None:
            return kept_response(document)
        if isinstance(self.absent, type):
            raise self.absent(BucketName=request.bucket)
        return document_response(self.schema.name, self.absent)

    async def delete(self, ctx: Context, request: OssRequest) -> OssResponse:
        """Forget the document, if there is one."""
        await ctx.store.buckets.update(request.bucket, partial(with_document, self.sub_resource, None))
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
    tidy: Callable[[Element], None] | None = None,
    check: Callable[[Context, Element], None] | None = None,
    is_stored_only: bool = True,
    actions: str = "",
) -> None:
    """Put the `operations` on a setting into the table: `PutBucketLogging GetBucketLogging DeleteBucketLogging`.

    `actions` are their permissions, where those have other names.
    """
    row = Setting(sub_resource, parse_schema(schema), absent, tidy, check)
    for name, action in zip(operations.split(), (actions or operations).split(), strict=True):
        method = next(method for method in ("PUT", "GET", "DELETE") if name.upper().startswith(method))
        handler = {"PUT": row.put, "GET": row.get, "DELETE": row.delete}[method]
        route = f"{method} /{{bucket}}?{sub_resource}"
        operation(name, route, action=action, is_stored_only=is_stored_only)(handler)
