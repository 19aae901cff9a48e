"""The website that a bucket can be: its index and error documents, and the rules by which requests are redirected.

What visitors get by it is `emulator.operations._website`'s.
"""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from msgspec import structs

from emulator.context import Context
from emulator.errors import MalformedXML, NoSuchWebsiteConfiguration
from emulator.model import HeaderCondition, Redirect, RedirectType, RoutingCondition, RoutingRule, Website
from emulator.operations._document import read_document
from emulator.operations._elements import check_children, invalid, number_of, read_switch, switch_of, text_of
from emulator.operations._table import operation
from emulator.wire.request import OssRequest
from emulator.wire.response import OssResponse
from emulator.wire.xml import Content, Elements, build_document, content_of

MAX_RULES = 20
MAX_HEADER_CONDITIONS = 10

_ROOT = "WebsiteConfiguration"
_REDIRECT_STATUSES = (301, 302, 307)
_ERROR_STATUSES = (200, 404)
_DIRECTORY_TYPES = (0, 1, 2)
# Elements whose text is true or false; clients write True and False, too, and want it back as OSS spells it.
_SWITCHES = {
    *("PassQueryString", "EnableReplacePrefix", "PassAll", "MirrorPassQueryString", "MirrorFollowRedirect"),
    *("MirrorCheckMd5", "MirrorSNI", "MirrorPassOriginalSlashes", "MirrorAllowVideoSnapshot", "MirrorUsingRole"),
    *("MirrorProxyPass", "MirrorIsExpressTunnel", "MirrorAllowHeadObject", "MirrorSaveOssMeta"),
    *("MirrorAllowGetImageInfo", "MirrorUserLastModified", "MirrorSwitchAllErrors"),
}


@operation("PutBucketWebsite", "PUT /{bucket}?website")
async def put_bucket_website(ctx: Context, request: OssRequest) -> OssResponse:
    """Make the bucket a website, or another one than it was.

    Source: "PutBucketWebsite".
    Differs: how a mirror is to fetch is kept and given back, but nothing is ever fetched.
    Raises: NoSuchBucket, InvalidArgument, InvalidDigest, MalformedXML.
    """
    document = await read_document(request, _ROOT)
    if document is None:
        raise MalformedXML(hint=f"The body is empty; PutBucketWebsite wants a <{_ROOT}>.")
    website = parse_website(document)
    await ctx.store.buckets.update(request.bucket, lambda bucket: structs.replace(bucket, website=website))
    return OssResponse(200)


@operation("GetBucketWebsite", "GET /{bucket}?website")
async def get_bucket_website(ctx: Context, request: OssRequest) -> OssResponse:
    """The bucket's index, error document and routing rules.

    Source: "GetBucketWebsite".
    Raises: NoSuchBucket, NoSuchWebsiteConfiguration.
    """
    website = ctx.store.buckets.get(request.bucket).website
    if website is None:
        raise NoSuchWebsiteConfiguration(BucketName=request.bucket)
    return OssResponse(200, {"Content-Type": "application/xml"}, website.document.encode())


@operation("DeleteBucketWebsite", "DELETE /{bucket}?website")
async def delete_bucket_website(ctx: Context, request: OssRequest) -> OssResponse:
    """Make the bucket no website any more, if it is one.

    Source: "DeleteBucketWebsite".
    Raises: NoSuchBucket.
    """
    await ctx.store.buckets.update(request.bucket, lambda bucket: structs.replace(bucket, website=None))
    return OssResponse(204)


# --- The document ---------------------------------------------------------------------------------------------------


def parse_website(document: Element) -> Website:
    """The website that a WebsiteConfiguration makes.

    Guess: what lacks is MalformedXML and what is wrong InvalidArgument; few faults are known. Defaults are given back
    spelt out. Of rules, unknown elements of redirects are kept.

    Raises:
        InvalidArgument: a value is not one that OSS takes.
        MalformedXML: an element lacks, or is not what it must be.
    """
    check_children(document, ("IndexDocument", "ErrorDocument", "RoutingRules"))
    if not len(document):
        raise MalformedXML(hint=f"A <{_ROOT}> has an IndexDocument, an ErrorDocument or RoutingRules.")
    website = Website("")
    kept: list[tuple[str, Content]] = []
    index, error, rules = (document.find(name) for name in ("IndexDocument", "ErrorDocument", "RoutingRules"))
    if index is not None:
        website, elements = _parse_index(website, index)
        kept.append(("IndexDocument", elements))
    if error is not None:
        website, elements = _parse_error(website, error)
        kept.append(("ErrorDocument", elements))
    if rules is not None:
        check_children(rules, ("RoutingRule",), repeatable=("RoutingRule",))
        if len(rules) > MAX_RULES:
            raise invalid("RoutingRules", len(rules), f"A website has at most {MAX_RULES} routing rules.")
        pairs = [(_parse_rule(each), content_of(_normalized(each))) for each in rules]
        pairs.sort(key=lambda pair: pair[0].number)
        website = structs.replace(website, rules=tuple(rule for rule, _ in pairs))
        _check_numbers(website.rules)
        kept.append(("RoutingRules", [("RoutingRule", content) for _, content in pairs]))
    return structs.replace(website, document=build_document(_ROOT, kept).decode())


def _parse_index(website: Website, element: Element) -> tuple[Website, Elements]:
    check_children(element, ("Suffix", "SupportSubDir", "Type"))
    suffix = _required(element, "Suffix")
    if not suffix or "/" in suffix:
        raise invalid("Suffix", suffix, "Suffix is the name of an object such as index.html, without a slash.")
    has_directories = switch_of(element, "SupportSubDir") or False
    directory_type = number_of(element, "Type", least=0) or 0
    if directory_type not in _DIRECTORY_TYPES:
        raise invalid("Type", directory_type, "Type is 0 (redirect), 1 (not found) or 2 (serve the index).")
    return structs.replace(website, index=suffix, has_directories=has_directories, directory_type=directory_type), [
        ("Suffix", suffix),
        ("SupportSubDir", has_directories),
        ("Type", directory_type),
    ]


def _parse_error(website: Website, element: Element) -> tuple[Website, Elements]:
    check_children(element, ("Key", "HttpStatus"))
    key = _required(element, "Key")
    if not key:
        raise invalid("Key", key, "Key is the key of an object such as error.html.")
    status = number_of(element, "HttpStatus") or 404
    if status not in _ERROR_STATUSES:
        raise invalid("HttpStatus", status, "HttpStatus is 404 or 200.")
    return structs.replace(website, error=key, error_status=status), [("Key", key), ("HttpStatus", status)]


def _parse_rule(element: Element) -> RoutingRule:
    check_children(element, ("RuleNumber", "Condition", "Redirect", "LuaConfig"))
    number = number_of(element, "RuleNumber")
    condition = element.find("Condition")
    redirect = element.find("Redirect")
    if number is None or condition is None or (redirect is None and element.find("LuaConfig") is None):
        raise MalformedXML(hint="A RoutingRule has a RuleNumber, a Condition and a Redirect.")
    parsed = _parse_condition(condition)
    return RoutingRule(number, parsed, None if redirect is None else _parse_redirect(redirect, parsed))


def _parse_condition(element: Element) -> RoutingCondition:
    names = ("KeyPrefixEquals", "KeySuffixEquals", "HttpErrorCodeReturnedEquals", "IncludeHeader")
    check_children(element, names, repeatable=("IncludeHeader",))
    status = number_of(element, "HttpErrorCodeReturnedEquals")
    if status is not None and not 400 <= status < 600:
        raise invalid("HttpErrorCodeReturnedEquals", status, "It is the status of a refusal, such as 404.")
    headers = element.findall("IncludeHeader")
    if len(headers) > MAX_HEADER_CONDITIONS:
        raise invalid("IncludeHeader", len(headers), f"A Condition has at most {MAX_HEADER_CONDITIONS}.")
    return RoutingCondition(
        key_prefix=text_of(element, "KeyPrefixEquals") or "",
        key_suffix=text_of(element, "KeySuffixEquals") or "",
        status=status,
        headers=tuple(map(_parse_header, headers)),
    )


def _parse_header(element: Element) -> HeaderCondition:
    check_children(element, ("Key", "Equals", "StartsWith", "EndsWith"))
    name = _required(element, "Key")
    if not name or len(element) < 2:
        raise MalformedXML(hint="An IncludeHeader has a Key and what the header Equals, StartsWith or EndsWith.")
    return HeaderCondition(
        name.lower(), text_of(element, "Equals"), text_of(element, "StartsWith"), text_of(element, "EndsWith")
    )


def _parse_redirect(element: Element, condition: RoutingCondition) -> Redirect:
    kind = _parse_type(_required(element, "RedirectType"))
    protocol = text_of(element, "Protocol") or ""
    if protocol not in ("", "http", "https"):
        raise invalid("Protocol", protocol, "Protocol is http or https.")
    host_name = text_of(element, "HostName") or ""
    if not host_name.isascii() or not host_name.isprintable() or set(host_name) & set(" /?#@"):
        raise invalid("HostName", host_name, "HostName is a host name, without scheme and path.")
    status = number_of(element, "HttpRedirectCode") or 301
    if status not in _REDIRECT_STATUSES:
        raise invalid("HttpRedirectCode", status, "HttpRedirectCode is 301, 302 or 307.")
    if kind is RedirectType.MIRROR:
        url = text_of(element, "MirrorURL") or ""
        if not url.startswith(("http://", "https://")):
            raise invalid("MirrorURL", url, "A Mirror has a MirrorURL that begins with http:// or https://.")
        if condition.status != 404:
            raise invalid("RedirectType", kind, "A Mirror's Condition has HttpErrorCodeReturnedEquals 404.")
    template = text_of(element, "ReplaceKeyWith") or ""
    prefix = text_of(element, "ReplaceKeyPrefixWith")
    replaces = switch_of(element, "EnableReplacePrefix")
    if template and (prefix or replaces):
        raise invalid("ReplaceKeyWith", template, "It excludes ReplaceKeyPrefixWith and EnableReplacePrefix.")
    if replaces is False:
        prefix = None
    return Redirect(
        kind,
        protocol=protocol,
        host_name=host_name,
        passes_query=switch_of(element, "PassQueryString") or False,
        replace_key_with=template,
        prefix=(prefix or "") if replaces else prefix,
        status=status,
    )


def _parse_type(text: str) -> RedirectType:
    try:
        return RedirectType(text)
    except ValueError:
        known = ", ".join(RedirectType)
        raise invalid("RedirectType", text, f"RedirectType is one of {known}.") from None


def _check_numbers(rules: Sequence[RoutingRule]) -> None:
    numbers = [rule.number for rule in rules]
    for number in numbers:
        if numbers.count(number) > 1:
            raise invalid("RuleNumber", number, "Each rule has a number of its own.")


def _normalized(element: Element) -> Element:
    """`element`, whose switches are spelt in lower case from now on."""
    for each in element.iter():
        if each.tag in _SWITCHES:
            each.text = "true" if read_switch(each) else "false"
    return element


def _required(element: Element, name: str) -> str:
    text = text_of(element, name)
    if text is None:
        raise MalformedXML(hint=f"<{element.tag}> has no <{name}>.")
    return text
