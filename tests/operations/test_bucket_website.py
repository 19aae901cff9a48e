import pytest

from tests.client import OssClient, Response
from tests.conftest import MakeOss

WHOLE = """<?xml version="1.0" encoding="UTF-8"?>
<WebsiteConfiguration>
  <IndexDocument>
    <Suffix>index.html</Suffix>
    <SupportSubDir>true</SupportSubDir>
    <Type>2</Type>
  </IndexDocument>
  <ErrorDocument>
    <Key>error.html</Key>
    <HttpStatus>200</HttpStatus>
  </ErrorDocument>
  <RoutingRules>
    <RoutingRule>
      <RuleNumber>1</RuleNumber>
      <Condition>
        <KeyPrefixEquals>abc/</KeyPrefixEquals>
        <KeySuffixEquals>.txt</KeySuffixEquals>
        <HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>
        <IncludeHeader>
          <Key>host</Key>
          <Equals>a &amp; b</Equals>
        </IncludeHeader>
      </Condition>
      <Redirect>
        <RedirectType>External</RedirectType>
        <Protocol>http</Protocol>
        <HostName>example.com</HostName>
        <PassQueryString>false</PassQueryString>
        <ReplaceKeyPrefixWith>def/</ReplaceKeyPrefixWith>
        <EnableReplacePrefix>true</EnableReplacePrefix>
        <HttpRedirectCode>302</HttpRedirectCode>
      </Redirect>
    </RoutingRule>
    <RoutingRule>
      <RuleNumber>2</RuleNumber>
      <Condition>
        <HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>
      </Condition>
      <Redirect>
        <RedirectType>Mirror</RedirectType>
        <MirrorURL>http://origin.example.com/</MirrorURL>
        <MirrorFollowRedirect>true</MirrorFollowRedirect>
        <MirrorHeaders>
          <PassAll>false</PassAll>
          <Pass>a-header</Pass>
          <Set>
            <Key>b-header</Key>
            <Value>True</Value>
          </Set>
        </MirrorHeaders>
        <SomethingNew>as it came</SomethingNew>
      </Redirect>
    </RoutingRule>
  </RoutingRules>
</WebsiteConfiguration>
"""
INDEX = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>"
EXTERNAL = "<RedirectType>External</RedirectType>"


def website(inside: str) -> str:
    return f'<WebsiteConfiguration xmlns="http://doc.oss.aliyuncs.com">{inside}</WebsiteConfiguration>'


def rules(*each: str) -> str:
    return "<RoutingRules>" + "".join(f"<RoutingRule>{rule}</RoutingRule>" for rule in each) + "</RoutingRules>"


def rule(redirect: str = EXTERNAL, condition: str = "<KeyPrefixEquals>a</KeyPrefixEquals>", number: object = 1) -> str:
    """The inside of a RoutingRule."""
    return (
        f"<RuleNumber>{number}</RuleNumber><Condition>{condition}</Condition>"
        f"<Redirect><HostName>example.com</HostName>{redirect}</Redirect>"
    )


async def put_website(oss: OssClient, body: str) -> Response:
    return await oss.request("PUT", "/examplebucket?website", body=body)


async def get_website(oss: OssClient) -> Response:
    return await oss.request("GET", "/examplebucket?website")


async def test_a_website_comes_back_as_it_was_set(oss: OssClient):
    answer = await put_website(oss, WHOLE)
    assert (answer.status, answer.body) == (200, b"")
    answer = await get_website(oss)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert answer.body.decode() == WHOLE


async def test_what_the_client_left_out_comes_back_with_its_default(oss: OssClient):
    await put_website(oss, website(f"{INDEX}<ErrorDocument><Key>e/r.html</Key></ErrorDocument>"))
    answer = await get_website(oss)
    assert [(each.tag, each.text) for each in answer.xml.iter() if not len(each)] == [
        ("Suffix", "index.html"),
        ("SupportSubDir", "false"),
        ("Type", "0"),
        ("Key", "e/r.html"),
        ("HttpStatus", "404"),
    ]


async def test_rules_come_back_in_the_order_of_their_numbers_and_switches_in_lower_case(oss: OssClient):
    switch = "<PassQueryString>True</PassQueryString>"
    await put_website(oss, website(rules(rule(number=7), rule(EXTERNAL + switch, number=3))))
    answer = await get_website(oss)
    assert answer.texts("RoutingRules/RoutingRule/RuleNumber") == ["3", "7"]
    assert answer.texts("RoutingRules/RoutingRule/Redirect/PassQueryString") == ["true"]
    assert answer.xml.find("IndexDocument") is None


async def test_putting_replaces_the_whole_website_and_it_survives_a_restart(make_oss: MakeOss):
    oss = await make_oss()
    await put_website(oss, WHOLE)
    await put_website(oss, website(INDEX))
    await oss.emulator.stop()
    answer = await get_website(await make_oss())
    assert [each.tag for each in answer.xml] == ["IndexDocument"]


async def test_no_website_is_404_and_deleting_it_204_either_way(oss: OssClient):
    await put_website(oss, WHOLE)
    for _ in range(2):
        answer = await oss.request("DELETE", "/examplebucket?website")
        assert (answer.status, answer.body) == (204, b"")
    answer = await get_website(oss)
    assert (answer.status, answer.code) == (404, "NoSuchWebsiteConfiguration")
    assert answer.message == "The specified bucket does not have a website configuration."
    assert answer.texts("BucketName") == ["examplebucket"]
    for method in ("PUT", "GET", "DELETE"):
        answer = await oss.request(method, "/no-such-bucket?website", body=WHOLE if method == "PUT" else None)
        assert (answer.status, answer.code) == (404, "NoSuchBucket")


MIRROR = "<RedirectType>Mirror</RedirectType><MirrorURL>http://a.test/</MirrorURL>"


@pytest.mark.parametrize(
    ("inside", "code", "argument"),
    [
        pytest.param("", "MalformedXML", None, id="nothing"),
        pytest.param("<Indexdocument/>", "MalformedXML", None, id="an element that there is not"),
        pytest.param(INDEX + INDEX, "MalformedXML", None, id="two indexes"),
        pytest.param("<IndexDocument></IndexDocument>", "MalformedXML", None, id="no Suffix"),
        pytest.param(INDEX.replace("index.html", ""), "InvalidArgument", "Suffix", id="empty Suffix"),
        pytest.param(INDEX.replace("index.html", "a/b"), "InvalidArgument", "Suffix", id="Suffix with a slash"),
        pytest.param(
            "<IndexDocument><Suffix>a</Suffix><Type>3</Type></IndexDocument>", "InvalidArgument", "Type", id="Type"
        ),
        pytest.param(
            "<IndexDocument><Suffix>a</Suffix><SupportSubDir>yes</SupportSubDir></IndexDocument>",
            "MalformedXML",
            None,
            id="SupportSubDir",
        ),
        pytest.param("<ErrorDocument/>", "MalformedXML", None, id="no Key"),
        pytest.param("<ErrorDocument><Key></Key></ErrorDocument>", "InvalidArgument", "Key", id="empty Key"),
        pytest.param(
            "<ErrorDocument><Key>a</Key><HttpStatus>500</HttpStatus></ErrorDocument>",
            "InvalidArgument",
            "HttpStatus",
            id="HttpStatus",
        ),
        pytest.param(
            rules(*(rule(number=number) for number in range(1, 22))), "InvalidArgument", "RoutingRules", id="21 rules"
        ),
        pytest.param(rules(rule(), rule()), "InvalidArgument", "RuleNumber", id="a number twice"),
        pytest.param(rules(rule(number=0)), "InvalidArgument", "RuleNumber", id="number 0"),
        pytest.param(rules(rule(number="one")), "MalformedXML", None, id="no number"),
        pytest.param(rules("<RuleNumber>1</RuleNumber>"), "MalformedXML", None, id="no Condition"),
        pytest.param(rules(rule("")), "MalformedXML", None, id="no RedirectType"),
        pytest.param(
            rules(rule("<RedirectType>Sideways</RedirectType>")), "InvalidArgument", "RedirectType", id="RedirectType"
        ),
        pytest.param(rules(rule(f"{EXTERNAL}<Protocol>ftp</Protocol>")), "InvalidArgument", "Protocol", id="Protocol"),
        pytest.param(rules(rule().replace("example.com", "http://a")), "InvalidArgument", "HostName", id="HostName"),
        pytest.param(
            rules(rule(f"{EXTERNAL}<HttpRedirectCode>200</HttpRedirectCode>")),
            "InvalidArgument",
            "HttpRedirectCode",
            id="HttpRedirectCode",
        ),
        pytest.param(
            rules(rule(f"{EXTERNAL}<PassQueryString>1</PassQueryString>")), "MalformedXML", None, id="PassQueryString"
        ),
        pytest.param(
            rules(rule(f"{EXTERNAL}<ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith>")),
            "InvalidArgument",
            "ReplaceKeyWith",
            id="key and prefix replaced",
        ),
        pytest.param(rules(rule(MIRROR)), "InvalidArgument", "RedirectType", id="Mirror of what is there"),
        pytest.param(
            rules(rule("<RedirectType>Mirror</RedirectType>")), "InvalidArgument", "MirrorURL", id="Mirror of nothing"
        ),
        pytest.param(
            rules(rule(condition="<HttpErrorCodeReturnedEquals>200</HttpErrorCodeReturnedEquals>")),
            "InvalidArgument",
            "HttpErrorCodeReturnedEquals",
            id="HttpErrorCodeReturnedEquals",
        ),
        pytest.param(rules(rule(condition="<Moon>full</Moon>")), "MalformedXML", None, id="unknown condition"),
        pytest.param(
            rules(rule(condition="<IncludeHeader><Key>a</Key></IncludeHeader>")), "MalformedXML", None, id="header"
        ),
        pytest.param(
            rules(rule(condition="<IncludeHeader><Key>a</Key><Equals>b</Equals></IncludeHeader>" * 11)),
            "InvalidArgument",
            "IncludeHeader",
            id="11 headers",
        ),
    ],
)
async def test_a_website_that_cannot_be_is_refused_and_the_old_one_stays(
    oss: OssClient, inside: str, code: str, argument: str | None
):
    await put_website(oss, WHOLE)
    answer = await put_website(oss, website(inside))
    assert (answer.status, answer.code) == (400, code)
    assert answer.xml.findtext("ArgumentName") == argument
    assert answer.headers["x-emulator-hint"]
    assert (await get_website(oss)).body.decode() == WHOLE


@pytest.mark.parametrize("body", ["", "<WebsiteConfiguration>", "<LifecycleConfiguration/>"])
async def test_what_is_no_website_document_is_malformed(oss: OssClient, body: str):
    answer = await put_website(oss, body)
    assert (answer.status, answer.code) == (400, "MalformedXML")


async def test_content_md5_is_checked(oss: OssClient):
    headers = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    answer = await oss.request("PUT", "/examplebucket?website", headers=headers, body=WHOLE)
    assert (answer.status, answer.code) == (400, "InvalidDigest")
