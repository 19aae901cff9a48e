"""CORS: which pages may use a bucket from a browser, and what browsers ask beforehand.

The headers on the answers to actual requests are `emulator.app`'s: every answer carries them, refusals included.
"""

from xml.etree.ElementTree import Element

from msgspec import structs

from emulator.context import Context
from emulator.errors import (
    AccessForbidden,
    BadRequest,
    CORSRuleBeyondLimit,
    InvalidArgument,
    MalformedXML,
    NoSuchCORSConfiguration,
)
from emulator.model import CorsConfiguration, CorsRule
from emulator.operations._document import document_response, read_document
from emulator.operations._table import operation
from emulator.wire.cors import CorsQuestion, allow_headers, explain_refusal, parse_header_names
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.xml import Elements

METHODS = ("GET", "PUT", "DELETE", "POST", "HEAD")
MAX_RULES = 10
MAX_DOCUMENT_BYTES = 16 * 1024

_ROOT = "CORSConfiguration"


@operation("PutBucketCors", "PUT /{bucket}?cors")
async def put_bucket_cors(ctx: Context, request: OssRequest) -> OssResponse:
    """Replace the bucket's CORS rules.

    Source: "PutBucketCors".
    Raises: NoSuchBucket, CORSRuleBeyondLimit, InvalidArgument, InvalidDigest, MalformedXML.
    """
    document = await read_document(request, _ROOT, limit=MAX_DOCUMENT_BYTES)
    if document is None:
        raise MalformedXML(hint=f"The body is empty; PutBucketCors wants a <{_ROOT}>.")
    cors = parse_cors(document)
    await ctx.store.buckets.update(request.bucket, lambda bucket: structs.replace(bucket, cors=cors))
    return OssResponse(200)


@operation("GetBucketCors", "GET /{bucket}?cors")
async def get_bucket_cors(ctx: Context, request: OssRequest) -> OssResponse:
    """The bucket's CORS rules; those of `cors.default` are nobody's.

    Source: "GetBucketCors"; the Go SDK's suite for the lower case of allowed headers.
    Raises: NoSuchBucket, NoSuchCORSConfiguration.
    """
    cors = ctx.store.buckets.get(request.bucket).cors
    if cors is None:
        raise NoSuchCORSConfiguration(BucketName=request.bucket)
    return document_response(_ROOT, [*map(_rule_element, cors.rules), ("ResponseVary", cors.response_vary)])


@operation("DeleteBucketCors", "DELETE /{bucket}?cors")
async def delete_bucket_cors(ctx: Context, request: OssRequest) -> OssResponse:
    """Forget the bucket's CORS rules, if it has any.

    Source: "DeleteBucketCors".
    Raises: NoSuchBucket.
    """
    await ctx.store.buckets.update(request.bucket, lambda bucket: structs.replace(bucket, cors=None))
    return OssResponse(204)


@operation("OptionObject", "OPTIONS /{bucket}", is_signed=False)
@operation("OptionObject", "OPTIONS /{bucket}/{key}", is_signed=False)
async def option_object(ctx: Context, request: OssRequest) -> OssResponse:
    """A preflight: may a page of this origin send such a request? The object need not exist, nobody need sign.

    Source: "OptionObject".
    Guess: `Access-Control-Allow-Private-Network` is given where it is asked for, or browsers would keep pages of the
    internet away from an emulator on this machine.
    Raises: NoSuchBucket, BadRequest, AccessForbidden.
    """
    origin = request.headers.get("origin")
    if origin is None:
        raise BadRequest("Insufficient information. Origin request header needed.", ec="0034-00000101")
    method = request.headers.get("access-control-request-method")
    if method is None:
        raise BadRequest(
            "Insufficient information. Request Access-Control-Request-Method header needed.", ec="0034-00000102"
        )
    names = parse_header_names(request.headers.get("access-control-request-headers", ""))
    question = CorsQuestion(origin, method, names)
    cors = ctx.config.cors.rules_of(ctx.store.buckets.get(request.bucket))
    if cors is None:
        raise AccessForbidden(
            "CORSResponse: CORS is not enabled for this bucket.",
            ec="0003-00000601",
            hint=explain_refusal(cors, request.bucket, question),
        )
    headers = allow_headers(cors, question)
    if headers is None:
        raise AccessForbidden(hint=explain_refusal(cors, request.bucket, question))
    if request.headers.get("access-control-request-private-network") == "true":
        headers["Access-Control-Allow-Private-Network"] = "true"
    return OssResponse(200, headers)


# --- The document ---------------------------------------------------------------------------------------------------


def parse_cors(document: Element) -> CorsConfiguration:
    """The rules of a CORSConfiguration; the names of allowed headers become lower-case.

    Guess: which faults are InvalidArgument and which MalformedXML is known for a few alone.

    Raises:
        CORSRuleBeyondLimit: there are more than ten rules.
        InvalidArgument: a rule has no origin or no method, or a value that it may not have.
        MalformedXML: there is no rule, or an element is not what it must be.
    """
    rules = document.findall("CORSRule")
    if not rules:
        raise MalformedXML(ec="0034-00000002", hint="There is no CORSRule; DeleteBucketCors takes all rules away.")
    if len(rules) > MAX_RULES:
        raise CORSRuleBeyondLimit(hint=f"There are {len(rules)} rules; OSS takes {MAX_RULES}.")
    vary = (document.findtext("ResponseVary") or "false").strip().lower()
    if vary not in ("true", "false"):
        raise MalformedXML(hint=f"ResponseVary is {vary!r}; it is true or false.")
    return CorsConfiguration(tuple(map(_parse_rule, rules)), response_vary=vary == "true")


def _parse_rule(rule: Element) -> CorsRule:
    origins = _texts(rule, "AllowedOrigin")
    methods = _texts(rule, "AllowedMethod")
    headers = _texts(rule, "AllowedHeader")
    exposed = _texts(rule, "ExposeHeader")
    if not origins:
        raise _invalid("AllowedOrigin", "", "Every rule has an AllowedOrigin.", ec="0034-00000008")
    if not methods:
        raise _invalid("AllowedMethod", "", "Every rule has an AllowedMethod.")
    for method in methods:
        if method not in METHODS:
            raise _invalid("AllowedMethod", method, f"A method is one of {', '.join(METHODS)}.")
    for name, patterns in ("AllowedOrigin", origins), ("AllowedHeader", headers):
        for pattern in patterns:
            if pattern.count("*") > 1:
                raise _invalid(name, pattern, f"An {name} holds at most one *.")
    for header in exposed:
        if "*" in header:
            raise _invalid("ExposeHeader", header, "ExposeHeader takes no *; it names each header, such as ETag.")
    return CorsRule(
        allowed_origins=origins,
        allowed_methods=methods,
        allowed_headers=tuple(header.lower() for header in headers),
        expose_headers=exposed,
        max_age_seconds=_parse_max_age(rule),
    )


def _parse_max_age(rule: Element) -> int | None:
    ages = _texts(rule, "MaxAgeSeconds")
    if not ages:
        return None
    if len(ages) > 1:
        raise MalformedXML(hint="A rule has at most one MaxAgeSeconds.")
    if not ages[0].isascii() or not ages[0].isdigit() or len(ages[0]) > 10:
        raise _invalid("MaxAgeSeconds", ages[0], "MaxAgeSeconds is a whole number of seconds, 0 or more.")
    return int(ages[0])


def _texts(rule: Element, name: str) -> tuple[str, ...]:
    """The texts of the elements called `name`, but for the empty ones."""
    texts = tuple(text for element in rule.findall(name) if (text := (element.text or "").strip()))
    for text in texts:
        if not text.isprintable():  # it is to go out in a header
            raise _invalid(name, text, f"{name} is one line of text.")
    return texts


def _invalid(name: str, value: str, hint: str, *, ec: str | None = None) -> InvalidArgument:
    return InvalidArgument(ec=ec, hint=hint, ArgumentName=name, ArgumentValue=value)


def _rule_element(rule: CorsRule) -> tuple[str, Elements]:
    elements = [("AllowedOrigin", origin) for origin in rule.allowed_origins]
    elements += [("AllowedMethod", method) for method in rule.allowed_methods]
    elements += [("AllowedHeader", header) for header in rule.allowed_headers]
    elements += [("ExposeHeader", header) for header in rule.expose_headers]
    if rule.max_age_seconds is not None:
        elements.append(("MaxAgeSeconds", str(rule.max_age_seconds)))
    return "CORSRule", elements
