"""The operation table: which operation a request is.

An operation is a function under a row that reads like the API reference:

    @operation("UploadPartCopy", "PUT /{bucket}/{key}?partNumber&uploadId x-oss-copy-source:")

A row demands a method, a resource (service, bucket or object), query names (`acl`, or `list-type=2`) and headers. The
fitting row with the most demands wins; on a tie the query outranks the header, and a value a mere name. A known
sub-resource that the winning row did not claim answers NotImplemented: it never falls through to a listing or an
upload.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Literal

import msgspec
from msgspec import structs

from emulator.context import Context
from emulator.errors import MethodNotAllowed, OperationNotImplemented
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse

Resource = Literal["Service", "Bucket", "Object"]
State = Literal["emulated", "stored only", "not emulated"]
Handler = Callable[[Context, OssRequest], Awaitable[OssResponse]]

_RESOURCES: dict[str, Resource] = {"/": "Service", "/{bucket}": "Bucket", "/{bucket}/{key}": "Object"}
_RESOURCE_ORDER: dict[Resource, int] = {"Service": 0, "Bucket": 1, "Object": 2}
_METHODS = ("GET", "DELETE", "HEAD", "PUT", "POST", "OPTIONS")  # in the order of OSS's Allow header


class Operation(msgspec.Struct, frozen=True):
    """A row of the table.

    `name` is the API reference's, `route` the row as written. `action` is the permission it asks for. `function` is
    `None` for an operation that OSS has and the emulator has not. `is_signed` is false where OSS looks at no signature
    (preflight, form upload). `is_stored_only` is true where what is set is checked, kept and given back, and does
    nothing here. `needs_bucket` is false where a missing bucket is for the operation to find out, after the signature
    has been looked at. `takes_callback` is true for the uploads after which OSS calls back. `claims` are parameters
    that it reads and that are sub-resources elsewhere. `asks_by_key` is true where the operation itself
    asks for the permission, for each key in its body.
    """

    name: str
    route: str
    method: str
    resource: Resource
    query: tuple[tuple[str, str | None], ...]
    headers: tuple[str, ...]
    action: str
    function: Handler | None
    is_signed: bool = True
    is_stored_only: bool = False
    needs_bucket: bool = True
    takes_callback: bool = False
    claims: tuple[str, ...] = ()
    asks_by_key: bool = False

    @property
    def state(self) -> State:
        """What the emulator does of it."""
        return "not emulated" if self.function is None else "stored only" if self.is_stored_only else "emulated"

    @property
    def handler(self) -> Handler:
        """What does it; `Table.resolve` gives out no row without."""
        assert self.function is not None
        return self.function

    def demands(self) -> tuple[int, int, int]:
        """How much the row asks for: all its demands, those of the query, and those for a value."""
        values = sum(value is not None for _, value in self.query)
        return len(self.query) + len(self.headers), len(self.query), values

    def fits(self, request: OssRequest) -> bool:
        """Whether `request`, of this row's method and resource, meets every demand."""
        for name, value in self.query:
            if name not in request.parameters or (value is not None and request.parameters[name] != value):
                return False
        return all(name in request.headers for name in self.headers)


TABLE: list[Operation] = []


def operation(
    name: str,
    route: str,
    *,
    action: str = "",
    is_signed: bool = True,
    is_stored_only: bool = False,
    needs_bucket: bool = True,
    takes_callback: bool = False,
    claims: tuple[str, ...] = (),
    asks_by_key: bool = False,
) -> Callable[[Handler], Handler]:
    """Put the decorated function into the table under `name`."""

    def register(handler: Handler) -> Handler:
        row = _row(name, route, handler)
        TABLE.append(
            structs.replace(
                row,
                action=action or name,
                is_signed=is_signed,
                is_stored_only=is_stored_only,
                needs_bucket=needs_bucket,
                takes_callback=takes_callback,
                claims=claims,
                asks_by_key=asks_by_key,
            )
        )
        return handler

    return register


def known(rows: str) -> None:
    """Put operations into the table that OSS has and the emulator has not: lines of a name and a route."""
    for row in rows.strip().splitlines():
        name, _, route = row.strip().partition(" ")
        TABLE.append(_row(name, route.strip(), None))


def _row(name: str, route: str, function: Handler | None) -> Operation:
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
        action=name,
        function=function,
    )


class Table:
    """The rows, arranged for look-up by method and resource."""

    def __init__(self, rows: Iterable[Operation]) -> None:
        self.rows = sorted(rows, key=lambda row: (_RESOURCE_ORDER[row.resource], row.name))
        self._by_kind: dict[tuple[str, Resource], list[Operation]] = {}
        for row in sorted(self.rows, key=Operation.demands, reverse=True):
            self._by_kind.setdefault((row.method, row.resource), []).append(row)
        self._without_query = {
            kind: [row for row in rows_of_kind if not row.query] for kind, rows_of_kind in self._by_kind.items()
        }
        # The parameters of a signature tell no operation: a signed URL is looked up as quickly as a signed header.
        self._names = frozenset(name for row in self.rows for name, _ in row.query)
        of_objects = _sub_resources(row for row in self.rows if row.resource == "Object")
        everywhere = _sub_resources(self.rows)
        # A link to an object may carry any parameter (`?style=2`), so only what means something there counts. A bucket
        # or the service is never linked to: a sub-resource of something else is a lost key or bucket, and no listing.
        self._sub_resources: dict[Resource, frozenset[str]] = {
            "Service": everywhere,
            "Bucket": everywhere,
            "Object": of_objects,
        }

    def resolve(self, request: OssRequest) -> Operation:
        """The operation that `request` asks for; it is one that the emulator has.

        Raises:
            MethodNotAllowed: OSS has no such method on this resource.
            OperationNotImplemented: a sub-resource is named that the emulator does not serve.
        """
        resource: Resource = "Object" if request.key else "Bucket" if request.bucket else "Service"
        is_plain = self._names.isdisjoint(request.parameters)
        arranged = self._without_query if is_plain else self._by_kind
        for row in arranged.get((request.method, resource), ()):
            if row.fits(request):
                break
        else:
            raise self._method_not_allowed(request, resource)
        if not is_plain and request.method != "OPTIONS":  # its query is that of the request it asks about
            self._check_claims(row, request, resource)
        if row.function is None:
            error = OperationNotImplemented(
                f"{row.name} is not implemented by the emulator.",
                hint=f"{row.name} ({row.route}) is an operation of OSS that the emulator does not have; "
                "`oss-emulator operations` lists those it has.",
            )
            error.operation = row.name
            raise error
        return row

    def _check_claims(self, row: Operation, request: OssRequest, resource: Resource) -> None:
        """Raise `OperationNotImplemented` if `request` names a sub-resource that `row` would leave unread."""
        named = self._sub_resources[resource].intersection(request.parameters)
        unclaimed = named.difference(row.claims, (name for name, _ in row.query))
        if unclaimed:
            name = min(unclaimed)
            raise OperationNotImplemented(
                f"{request.method} with ?{name} on {_one(resource)} is not implemented by the emulator.",
                hint=f"?{name} is a sub-resource of OSS, but {request.method} with it on {_one(resource)} is no "
                f"operation that the emulator knows; without it the request would have been {row.name}.",
            )

    def _method_not_allowed(self, request: OssRequest, resource: Resource) -> MethodNotAllowed:
        allowed = [method for method in _METHODS if (method, resource) in self._by_kind]
        return MethodNotAllowed(
            headers={"Allow": " ".join(allowed)},
            hint=f"OSS has no {request.method} on {_one(resource)}"
            + (
                " without a sub-resource such as ?append or ?uploads."
                if (request.method, resource) == ("POST", "Object")
                else "."
            ),
            ResourceType=resource,
        )


def _one(resource: Resource) -> str:
    """`resource` in a sentence."""
    return {"Service": "the service", "Bucket": "a bucket", "Object": "an object"}[resource]


def _sub_resources(rows: Iterable[Operation]) -> frozenset[str]:
    """The query names that make a request another operation than it would be without them."""
    return frozenset(name for row in rows for name, value in row.query if value is None)
