"""A bucket as a website, as a browser sees it."""

from emulator.config import ConfiguredBucket
from emulator.model import Acl
from tests.browser.conftest import Browser, MakeEmulator
from tests.browser.test_presigned import bucket_of

PAGE = b'<link rel="stylesheet" href="/style.css"><a href="guide">guide</a>'


def test_a_browser_walks_through_a_website(browser: Browser, make_emulator: MakeEmulator) -> None:
    emulator = make_emulator(buckets=(ConfiguredBucket(name="examplebucket", acl=Acl.PUBLIC_READ),))
    bucket = bucket_of(emulator)
    for key, body, kind in (
        ("index.html", PAGE, "text/html"),
        ("style.css", b"a {color: rgb(1, 2, 3)}", "text/css"),
        ("guide/index.html", b"<title>guide</title>", "text/html"),
        ("error.html", b"<title>sorry</title>", "text/html"),
    ):
        bucket.put_object(key, body, headers={"Content-Type": kind})
    website = """
    <WebsiteConfiguration>
      <IndexDocument><Suffix>index.html</Suffix><SupportSubDir>true</SupportSubDir></IndexDocument>
      <ErrorDocument><Key>error.html</Key></ErrorDocument>
      <RoutingRules><RoutingRule>
        <RuleNumber>1</RuleNumber>
        <Condition><KeyPrefixEquals>manual/</KeyPrefixEquals></Condition>
        <Redirect>
          <RedirectType>External</RedirectType><ReplaceKeyPrefixWith>guide/</ReplaceKeyPrefixWith>
          <HttpRedirectCode>302</HttpRedirectCode>
        </Redirect>
      </RoutingRule></RoutingRules>
    </WebsiteConfiguration>
    """
    bucket.put_bucket_website(website)
    origin = emulator.endpoint.replace("127.0.0.1", "examplebucket.localhost")
    result = browser.visit(
        f"{origin}/",
        f"""
        const color = await page.$eval("a", (link) => getComputedStyle(link).color);
        await Promise.all([page.waitForNavigation(), page.click("a")]);
        const guide = [page.url(), await page.title()];
        const missing = await page.goto("{origin}/nothing");
        const sorry = [missing.status(), await page.title()];
        await page.goto("{origin}/manual/");
        return {{color, guide, sorry, moved: [page.url(), await page.title()]}};
        """,
    )
    assert result == {
        "color": "rgb(1, 2, 3)",
        "guide": [f"{origin}/guide/", "guide"],
        "sorry": [404, "sorry"],
        "moved": [f"{origin}/guide/", "guide"],
    }
