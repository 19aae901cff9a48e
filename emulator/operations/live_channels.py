"""ListLiveChannel: the live channels of a bucket, of which there are none, for PutLiveChannel is not emulated.

Whoever empties a bucket before deleting it asks for them, as the suite of oss2 does after each of its tests.
"""

from emulator.context import Context
from emulator.operations._document import document_response
from emulator.operations._table import operation
from emulator.wire.parameters import parse_key_part, parse_page_size
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse


@operation("ListLiveChannel", "GET /{bucket}?live")
async def list_live_channel(ctx: Context, request: OssRequest) -> OssResponse:
    """A page without live channels.

    Source: "ListLiveChannel".
    Raises: NoSuchBucket, InvalidArgument.
    """
    return document_response(
        "ListLiveChannelResult",
        [
            ("Prefix", parse_key_part(request.parameters, "prefix")),
            ("Marker", parse_key_part(request.parameters, "marker")),
            ("MaxKeys", parse_page_size(request.parameters, "max-keys", default=100)),
            ("IsTruncated", False),
            ("NextMarker", ""),
        ],
    )
