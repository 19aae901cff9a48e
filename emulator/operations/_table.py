"""The operation table: which operation a request is.

An operation is a function under a row that reads like the API reference:

    @operation("UploadPartCopy", "PUT /{bucket}/{key}?partNumber&uploadId x-oss-copy-source:")

A row demands a method, a resource (service, bucket or object), query names (`acl`, or `list-type=2`) and headers. The
fitting row with the most demands wins; on a tie the query outranks the header. A known sub-resource that the winning
row did not claim answers NotImplemented: it never falls through to a listing or an upload.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Literal

import msgspec

from emulator.context import Context
from emulator.errors import MethodNotAllowed, OperationNotImplemented
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

Resource = Literal["Service", "Bucket", "Object"]
Handler = Callable[[Context, OssRequest], Awaitable[OssResponse]]

_RESOURCES: dict[str, Resource] = {"/": "Service", "/{bucket}": "Bucket", "/{bucket}/{key}": "Object"}


class Operation(msgspec.Struct, frozen=True):
    """A row of the table.

    `name` is the API reference's, `route` the row as written. `action` is the permission it asks for. `handler` is
    `None` for an operation that OSS has and the emulator has not. `is_signed` is false where OSS looks at no signature
    (preflight, form upload). `needs_bucket` is false where the bucket need not exist.
    """

    name: str
    route: str
    method: str
    resource: Resource
    query: tuple[tuple[str, str | None], ...]
    headers: tuple[str, ...]
    action: str
    handler: Handler | None
    is_signed: bool = True
    needs_bucket: bool = True

    def demands(self) -> tuple[int, int]:
        """How much the row asks for: all its demands, and those of the query."""
        return len(self.query) + len(self.headers), len(self.query)

    def fits(self, request: OssRequest) -> bool:
        """Whether `request`, of this row's method and resource, meets every demand."""
        for name, value in self.query:
            if name not in request.parameters or (value is not None and request.parameters[name] != value):
                return False
        return all(name in request.headers for name in self.headers)


TABLE: list[Operation] = []


def operation(
    name: str, route: str, *, action: str = "", is_signed: bool = True, needs_bucket: bool = True
) -> Callable[[Handler], Handler]:
    """Put the decorated function into the table under `name`."""

    def register(handler: Handler) -> Handler:
        TABLE.append(_row(name, route, action or name, handler, is_signed, needs_bucket))
        return handler

    return register


def known(rows: Iterable[str]) -> None:
    """Put operations into the table that OSS has and the emulator has not: lines of a name and a route."""
    for row in rows:
        name, _, route = row.partition(" ")
        TABLE.append(_row(name, route.strip(), name, None, True, True))


def _row(name: str, route: str, action: str, handler: Handler | None, is_signed: bool, needs_bucket: bool) -> Operation:
    line, *headers = route.split(" ")[1:]
    path, _, query = line.partition("?")
    demands = []
    for piece in query.split("&") if query else ():
        key, equals, value = piece.partition("=")
        demands.append((key, value if equals else None))
    return Operation(
        name=name,
        route=route,
        method=route.split(" ")[0],
        resource=_RESOURCES[path],
        query=tuple(demands),
        headers=tuple(header.removesuffix(":") for header in headers),
        action=action,
        handler=handler,
        is_signed=is_signed,
        needs_bucket=needs_bucket,
    )


class Table:
    """The rows, arranged for look-up by method and resource."""

    def __init__(self, rows: Iterable[Operation]) -> None:
        self.rows = sorted(rows, key=lambda row: (row.resource != "Service", row.resource != "Bucket", row.name))
        self._by_kind: dict[tuple[str, Resource], list[Operation]] = {}
        for row in sorted(self.rows, key=Operation.demands, reverse=True):
            self._by_kind.setdefault((row.method, row.resource), []).append(row)
        self._sub_resources = {name for row in self.rows for name, value in row.query if value is None}

    def resolve(self, request: OssRequest) -> Operation:
        """The operation that `request` asks for.

        Raises:
            MethodNotAllowed: OSS has no such method on this resource.
            OperationNotImplemented: a sub-resource is named that the emulator does not serve.
        """
        resource: Resource = "Object" if request.key else "Bucket" if request.bucket else "Service"
        rows = self._by_kind.get((request.method, resource), ())
        for row in rows:
            if row.fits(request):
                break
        else:
            raise self._method_not_allowed(request, resource)
        if request.parameters:
            claimed = {name for name, _ in row.query}
            for name in request.parameters:
                if name in self._sub_resources and name not in claimed:
                    raise OperationNotImplemented(
                        f"The emulator does not implement {request.method} with ?{name} on this resource.",
                        hint=f"{request.method} on a {resource.lower()} with the sub-resource ?{name} is no operation "
                        f"that the emulator knows; without it the request would have been {row.name}.",
                    )
        if row.handler is None:
            raise OperationNotImplemented(
                f"{row.name} is not implemented by the emulator.",
                hint=f"{row.name} ({row.route}) is an operation of OSS that the emulator does not have; "
                "`oss-emulator operations` lists those it has.",
            )
        return row

    def _method_not_allowed(self, request: OssRequest, resource: Resource) -> MethodNotAllowed:
        allowed = sorted({method for method, kind in self._by_kind if kind == resource})
        return MethodNotAllowed(
            headers={"Allow": " ".join(allowed)},
            hint=f"OSS has no {request.method} on a {resource.lower()}"
            + (" without a sub-resource such as ?append or ?uploads." if request.method == "POST" else "."),
            Method=request.method,
            ResourceType=resource,
        )
