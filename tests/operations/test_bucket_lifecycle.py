import re

import pytest

from tests.client import OssClient, Response
from tests.conftest import HeldClock, MakeOss

WHOLE = """<?xml version="1.0" encoding="UTF-8"?>
<LifecycleConfiguration>
  <Rule>
    <ID>rule1</ID>
    <Prefix>logs/</Prefix>
    <Status>Enabled</Status>
    <Tag>
      <Key>k</Key>
      <Value>v</Value>
    </Tag>
    <Tag>
      <Key>empty</Key>
      <Value></Value>
    </Tag>
    <Filter>
      <ObjectSizeGreaterThan>500</ObjectSizeGreaterThan>
      <ObjectSizeLessThan>64500</ObjectSizeLessThan>
      <Not>
        <Prefix>logs/keep/</Prefix>
        <Tag>
          <Key>keep</Key>
          <Value>me</Value>
        </Tag>
      </Not>
      <Not>
        <Prefix>logs/never&amp;/</Prefix>
      </Not>
    </Filter>
    <Transition>
      <Days>30</Days>
      <StorageClass>IA</StorageClass>
      <IsAccessTime>false</IsAccessTime>
    </Transition>
    <Transition>
      <Days>60</Days>
      <StorageClass>DeepColdArchive</StorageClass>
    </Transition>
    <Expiration>
      <Days>365</Days>
    </Expiration>
    <NoncurrentVersionExpiration>
      <NoncurrentDays>10</NoncurrentDays>
    </NoncurrentVersionExpiration>
    <NoncurrentVersionTransition>
      <NoncurrentDays>5</NoncurrentDays>
      <StorageClass>IA</StorageClass>
    </NoncurrentVersionTransition>
  </Rule>
  <Rule>
    <ID>rule2</ID>
    <Prefix>old/</Prefix>
    <Status>Disabled</Status>
    <Expiration>
      <CreatedBeforeDate>2020-02-29T00:00:00.000Z</CreatedBeforeDate>
    </Expiration>
    <AbortMultipartUpload>
      <Days>7</Days>
    </AbortMultipartUpload>
  </Rule>
  <Rule>
    <ID>rule3</ID>
    <Prefix>markers/</Prefix>
    <Status>Enabled</Status>
    <Expiration>
      <ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker>
    </Expiration>
  </Rule>
  <Rule>
    <ID>rule4</ID>
    <Prefix>once/</Prefix>
    <Status>Enabled</Status>
    <Expiration>
      <Date>2030-01-01T00:00:00.000Z</Date>
    </Expiration>
  </Rule>
</LifecycleConfiguration>
"""


def rule(actions: str = "<Expiration><Days>1</Days></Expiration>", status: str = "Enabled", prefix: str = "") -> str:
    return f"<Rule><Prefix>{prefix}</Prefix><Status>{status}</Status>{actions}</Rule>"


async def put_rules(oss: OssClient, rules: str, **headers: str) -> Response:
    body = f'<LifecycleConfiguration xmlns="http://doc.oss.aliyuncs.com">{rules}</LifecycleConfiguration>'
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await oss.request("PUT", "/examplebucket?lifecycle", headers=fields, body=body)


async def get_rules(oss: OssClient) -> Response:
    return await oss.request("GET", "/examplebucket?lifecycle")


async def test_rules_come_back_as_they_were_set(oss: OssClient):
    answer = await oss.request("PUT", "/examplebucket?lifecycle", body=WHOLE)
    assert (answer.status, answer.body) == (200, b"")
    answer = await get_rules(oss)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    assert answer.body.decode() == WHOLE


async def test_elements_may_come_in_any_order_and_dates_without_milliseconds(oss: OssClient):
    date = "<Expiration><CreatedBeforeDate>2020-01-01T00:00:00Z</CreatedBeforeDate></Expiration>"
    await put_rules(oss, f"<Rule>{date}<Status>Enabled</Status><ID>a</ID></Rule>")
    answer = await get_rules(oss)
    assert [each.tag for each in answer.xml[0]] == ["ID", "Prefix", "Status", "Expiration"]
    assert answer.texts("Rule/Expiration/CreatedBeforeDate") == ["2020-01-01T00:00:00.000Z"]


async def test_a_rule_without_an_id_is_given_a_uuid(oss: OssClient):
    await put_rules(oss, rule(prefix="a") + rule(prefix="b").replace("<Rule>", "<Rule><ID></ID>"))
    ids = (await get_rules(oss)).texts("Rule/ID")
    assert len(set(ids)) == 2
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", each) for each in ids)


async def test_putting_replaces_all_rules_and_they_survive_a_restart(make_oss: MakeOss):
    oss = await make_oss()
    await oss.request("PUT", "/examplebucket?lifecycle", body=WHOLE)
    await put_rules(oss, "<Rule><ID>x</ID>" + rule().removeprefix("<Rule>"))
    await oss.emulator.stop()
    assert (await get_rules(await make_oss())).texts("Rule/ID") == ["x"]


async def test_no_rules_are_404_and_deleting_them_204_either_way(oss: OssClient):
    await put_rules(oss, rule())
    for _ in range(2):
        answer = await oss.request("DELETE", "/examplebucket?lifecycle")
        assert (answer.status, answer.body) == (204, b"")
    answer = await get_rules(oss)
    assert (answer.status, answer.code, answer.message) == (
        404,
        "NoSuchLifecycle",
        "No Row found in Lifecycle Table.",
    )
    assert answer.texts("BucketName") == ["examplebucket"]
    for method in ("PUT", "GET", "DELETE"):
        answer = await oss.request(method, "/no-such-bucket?lifecycle", body=WHOLE if method == "PUT" else None)
        assert (answer.status, answer.code) == (404, "NoSuchBucket")


async def test_rules_by_access_time_say_from_when_on_accesses_count(make_oss: MakeOss, clock: HeldClock):
    oss = await make_oss(clock=clock)
    access = (
        "<Transition><Days>1</Days><StorageClass>IA</StorageClass><IsAccessTime>true</IsAccessTime>"
        "<ReturnToStdWhenVisit>True</ReturnToStdWhenVisit><AllowSmallFile>false</AllowSmallFile></Transition>"
    )
    await put_rules(oss, rule(access, prefix="a") + rule(prefix="b"))
    answer = await get_rules(oss)
    assert answer.texts("Rule/AtimeBase") == [str(int(clock.now().timestamp()))]
    assert [(each.tag, each.text) for each in answer.xml[0].find("Transition") or ()] == [
        ("Days", "1"),
        ("StorageClass", "IA"),
        ("IsAccessTime", "true"),
        ("ReturnToStdWhenVisit", "true"),
        ("AllowSmallFile", "false"),
    ]
    clock.step(86_400)
    await oss.request("PUT", "/examplebucket?lifecycle", body=answer.body)
    assert (await get_rules(oss)).body == answer.body


def days(number: object, selector: str = "Days") -> str:
    return f"<Expiration><{selector}>{number}</{selector}></Expiration>"


def to(storage_class: str, number: int, *, past: bool = False) -> str:
    name, selector = ("NoncurrentVersionTransition", "NoncurrentDays") if past else ("Transition", "Days")
    return f"<{name}><{selector}>{number}</{selector}><StorageClass>{storage_class}</StorageClass></{name}>"


def not_(inside: str) -> str:
    return f"<Filter><Not>{inside}</Not></Filter>{days(1)}"


PAST_EXPIRATION = "<NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays></NoncurrentVersionExpiration>"
DATE = "2030-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("rules", "code", "ec"),
    [
        pytest.param("", "MalformedXML", None, id="no rule"),
        pytest.param("<Rules/>", "MalformedXML", None, id="an element that there is not"),
        pytest.param(rule("<Expire/>"), "MalformedXML", None, id="an action that there is not"),
        pytest.param(rule(""), "MalformedXML", None, id="no action"),
        pytest.param(rule(status="On"), "MalformedXML", None, id="Status"),
        pytest.param(rule().replace("<Status>Enabled</Status>", ""), "MalformedXML", None, id="no Status"),
        pytest.param(rule(days(1) + days(2)), "MalformedXML", None, id="two Expirations"),
        pytest.param(rule(days("soon")), "MalformedXML", None, id="no number"),
        pytest.param(rule(days(0)), "InvalidArgument", None, id="0 days"),
        pytest.param(rule(days(-1)), "InvalidArgument", None, id="negative days"),
        pytest.param(rule(days("2030-01-01", "Date")), "MalformedXML", None, id="a date without a time"),
        pytest.param(rule(days("2030-01-01T01:00:00.000Z", "Date")), "MalformedXML", None, id="not midnight"),
        pytest.param(rule(days("2030-02-30T00:00:00.000Z", "Date")), "MalformedXML", None, id="no such day"),
        pytest.param(rule("<Expiration/>"), "MalformedXML", None, id="no selector"),
        pytest.param(
            rule(f"<Expiration><Days>1</Days><Date>{DATE}</Date></Expiration>"), "MalformedXML", None, id="two"
        ),
        pytest.param(
            rule(f"<Expiration><Days>1</Days><CreatedBeforeDate>{DATE}</CreatedBeforeDate></Expiration>"),
            "InvalidArgument",
            "0014-00000061",
            id="Days and CreatedBeforeDate",
        ),
        pytest.param(
            rule(
                "<Expiration><Days>1</Days><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
            ),
            "MalformedXML",
            None,
            id="days of delete markers",
        ),
        pytest.param(rule(to("Standard", 1)), "InvalidArgument", None, id="to Standard"),
        pytest.param(rule(to("Cellar", 1)), "InvalidArgument", None, id="to nowhere"),
        pytest.param(
            rule("<Transition><Days>1</Days></Transition>"), "MalformedXML", None, id="transition without a class"
        ),
        pytest.param(rule(to("IA", 2) + days(2)), "InvalidArgument", None, id="expires with its transition"),
        pytest.param(rule(to("Archive", 2) + to("IA", 3)), "InvalidArgument", None, id="from Archive to IA"),
        pytest.param(
            rule(to("ColdArchive", 3) + to("Archive", 3)), "InvalidArgument", None, id="two classes on one day"
        ),
        pytest.param(rule(to("IA", 1) + to("IA", 2)), "InvalidArgument", None, id="one class twice"),
        pytest.param(
            rule(to("IA", 5, past=True) + PAST_EXPIRATION), "InvalidArgument", None, id="versions"
        ),
        pytest.param(
            rule(to("IA", 1) + days(DATE, "CreatedBeforeDate")), "InvalidRequest", "0014-00000080", id="mixed selectors"
        ),
        pytest.param(
            rule("<Tag><Key>a</Key></Tag><AbortMultipartUpload><Days>1</Days></AbortMultipartUpload>"),
            "InvalidArgument",
            None,
            id="uploads with tags",
        ),
        pytest.param(rule("<Tag><Value>a</Value></Tag>" + days(1)), "MalformedXML", None, id="a tag without a key"),
        pytest.param(rule("<Tag><Key>a</Key></Tag>" * 2 + days(1)), "InvalidArgument", None, id="a tag twice"),
        pytest.param(rule("<Tag><Key>%</Key></Tag>" + days(1)), "InvalidArgument", None, id="no key of a tag"),
        pytest.param(
            rule("<Tag><Key>a</Key><Value>)</Value></Tag>" + days(1)), "InvalidArgument", None, id="no value of a tag"
        ),
        pytest.param(
            rule(
                "<Filter><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><ObjectSizeLessThan>5</ObjectSizeLessThan>"
                "</Filter>" + days(1)
            ),
            "InvalidArgument",
            None,
            id="no size is left",
        ),
        pytest.param(rule(not_(""), prefix="a/"), "MalformedXML", None, id="Not of nothing"),
        pytest.param(rule(not_("<Prefix>b/</Prefix>"), prefix="a/"), "InvalidArgument", None, id="Not of others"),
        pytest.param(rule(not_("<Prefix>a/</Prefix>"), prefix="a/"), "InvalidArgument", None, id="Not of all"),
        pytest.param(
            (rule(prefix="a") + rule(prefix="b")).replace("<Rule>", "<Rule><ID>x</ID>"),
            "InvalidArgument",
            None,
            id="an ID twice",
        ),
        pytest.param(rule().replace("<Rule>", f"<Rule><ID>{'é' * 128}</ID>"), "InvalidArgument", None, id="long ID"),
        pytest.param("".join(rule(prefix=f"{n:04}") for n in range(1001)), "MalformedXML", None, id="1001 rules"),
    ],
)  # fmt: skip
async def test_rules_that_cannot_be_are_refused_and_the_old_ones_stay(
    oss: OssClient, rules: str, code: str, ec: str | None
):
    await oss.request("PUT", "/examplebucket?lifecycle", body=WHOLE)
    answer = await put_rules(oss, rules)
    assert (answer.status, answer.code) == (400, code)
    assert answer.xml.findtext("EC") == ec
    assert answer.headers["x-emulator-hint"]
    assert (await get_rules(oss)).body.decode() == WHOLE


async def test_mixed_selectors_are_refused_in_oss_s_words(oss: OssClient):
    answer = await put_rules(oss, rule(to("IA", 1) + days(DATE, "CreatedBeforeDate")))
    assert answer.message == (
        "Found mixed CreatedBeforeDate and Days based Expiration and Transition for StorageClass IA actions"
    )


@pytest.mark.parametrize("body", ["", "<LifecycleConfiguration>", "<WebsiteConfiguration/>"])
async def test_what_is_no_lifecycle_document_is_malformed(oss: OssClient, body: str):
    answer = await oss.request("PUT", "/examplebucket?lifecycle", body=body)
    assert (answer.status, answer.code) == (400, "MalformedXML")


TAG = "<Tag><Key>a</Key><Value>{}</Value></Tag>" + days(1)
MARKERS = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"


@pytest.mark.parametrize(
    ("rules", "overlaps"),
    [
        pytest.param(rule(prefix="a") + rule(prefix="a"), "Expiration", id="the same prefix"),
        pytest.param(rule(prefix="ab") + rule(prefix="a"), "Expiration", id="one prefix in the other"),
        pytest.param(rule() + rule(prefix="a"), "Expiration", id="the whole bucket"),
        pytest.param(rule(prefix="a") + rule(prefix="b"), None, id="other prefixes"),
        pytest.param(rule(to("IA", 1)) + rule(), None, id="other actions"),
        pytest.param(rule(to("IA", 1)) + rule(to("Archive", 3)), "Transition", id="transitions"),
        pytest.param(rule(MARKERS) + rule(), None, id="objects and delete markers"),
        pytest.param(rule(TAG.format("x")) + rule(TAG.format("y")), None, id="other tags"),
        pytest.param(rule(TAG.format("x")) + rule(), "Expiration", id="tags and none"),
        pytest.param(rule(prefix="a") + rule(prefix="aa") + rule(prefix="ab"), "Expiration", id="two under one"),
        pytest.param(
            rule(to("IA", 1), prefix="a") + rule(prefix="aa") + rule(to("IA", 1), prefix="ab"),
            "Transition",
            id="with another between",
        ),
    ],
)
async def test_two_rules_do_not_do_the_same_to_one_object_unless_that_is_allowed(
    oss: OssClient, rules: str, overlaps: str | None
):
    answer = await put_rules(oss, rules)
    assert answer.status == (400 if overlaps else 200)
    if overlaps:
        assert (answer.code, answer.message) == ("InvalidArgument", f"Overlap for same action type {overlaps}")
        assert answer.texts("EC") == ["0014-00000084"]
        assert (await put_rules(oss, rules, x_oss_allow_same_action_overlap="false")).status == 400
    assert (await put_rules(oss, rules, x_oss_allow_same_action_overlap="true")).status == 200


async def test_a_thousand_rules_are_taken(oss: OssClient):
    tagged = "".join(rule(TAG.format(number)) for number in range(1000))
    assert (await put_rules(oss, tagged)).status == 200
    assert len((await get_rules(oss)).texts("Rule/ID")) == 1000
