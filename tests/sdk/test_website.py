"""A bucket as a website, through the official SDKs."""

import urllib.request
from typing import Any

import alibabacloud_oss_v2 as v2
import oss2
import pytest

from emulator import EmulatorThread
from tests.sdk.clients import BUCKET, CLIENTS, Oss2, OssV2
from tests.sdk.conftest import KEY_ID, KEY_SECRET, RunNode, ali_oss
from tests.sdk.verbs import refusal

NONE = (404, "NoSuchWebsiteConfiguration")


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_oss2_sets_reads_and_deletes_a_website(emulator: EmulatorThread, version: str) -> None:
    wrapped = CLIENTS["oss2"](emulator.endpoint, KEY_ID, KEY_SECRET, version)
    assert isinstance(wrapped, Oss2)
    bucket, models = wrapped.bucket, oss2.models
    assert refusal(bucket.get_bucket_website) == NONE
    headers = models.RedirectMirrorHeaders(True, ["a"], ["b"], [models.MirrorHeadersSet("c", "d")])
    mirror = models.Redirect(
        oss2.models.REDIRECT_TYPE_MIRROR,
        pass_query_string=True,
        mirror_url="http://origin.test/",
        mirror_pass_query_string=True,
        mirror_follow_redirect=False,
        mirror_check_md5=True,
        mirror_headers=headers,
    )
    moved = models.Redirect(
        oss2.models.REDIRECT_TYPE_EXTERNAL,
        proto="https",
        host_name="example.com",
        replace_key_prefix_with="new/",
        http_redirect_code=302,
    )
    asked = models.ConditionInlcudeHeader("host", "a")
    rules = [
        models.RoutingRule(1, models.Condition("", 404, [asked]), mirror),
        models.RoutingRule(2, models.Condition("old/", 404), moved),
    ]
    assert bucket.put_bucket_website(models.BucketWebsite("index.html", "出错.html", rules)).status == 200
    got = bucket.get_bucket_website()
    assert (got.index_file, got.error_file) == ("index.html", "出错.html")
    first, second = got.rules
    assert (first.rule_num, first.condition.http_err_code_return_equals, first.redirect.mirror_url) == (
        1,
        404,
        "http://origin.test/",
    )
    assert (first.redirect.mirror_follow_redirect, first.redirect.mirror_headers.pass_all) == (False, True)
    assert first.redirect.mirror_headers.set_list[0].value == "d"
    assert (second.redirect.proto, second.redirect.http_redirect_code) == ("https", 302)
    assert refusal(bucket.put_bucket_website, models.BucketWebsite("a/b", "c")) == (400, "InvalidArgument")
    assert bucket.delete_bucket_website().status == 204
    assert refusal(bucket.get_bucket_website) == NONE


def test_alibabacloud_oss_v2_sets_reads_and_deletes_a_website(emulator: EmulatorThread) -> None:
    wrapped = CLIENTS["alibabacloud-oss-v2"](emulator.endpoint, KEY_ID, KEY_SECRET, "v4")
    assert isinstance(wrapped, OssV2)
    client = wrapped.client
    rule = v2.RoutingRule(
        rule_number=3,
        condition=v2.RoutingRuleCondition(
            key_prefix_equals="old/", key_suffix_equals=".txt", http_error_code_returned_equals=404
        ),
        redirect=v2.RoutingRuleRedirect(
            redirect_type="Mirror",
            mirror_url="https://origin.test/",
            mirror_sni=True,
            mirror_async_status=303,
            mirror_taggings=v2.MirrorTaggings(taggings=[v2.MirrorTagging(key="k", value="v")]),
            transparent_mirror_response_codes="400",
        ),
    )
    configuration = v2.WebsiteConfiguration(
        index_document=v2.IndexDocument(suffix="index.html", support_sub_dir=True, type=1),
        error_document=v2.ErrorDocument(key="error.html", http_status=200),
        routing_rules=v2.RoutingRules(routing_rules=[rule]),
    )
    put = client.put_bucket_website(v2.PutBucketWebsiteRequest(bucket=BUCKET, website_configuration=configuration))
    assert put.status_code == 200
    got: Any = client.get_bucket_website(v2.GetBucketWebsiteRequest(bucket=BUCKET)).website_configuration
    assert vars(got.index_document) == vars(configuration.index_document)
    assert vars(got.error_document) == vars(configuration.error_document)
    (got_rule,) = got.routing_rules.routing_rules
    assert got_rule.rule_number == 3
    assert vars(got_rule.condition) == vars(rule.condition)
    assert (got_rule.redirect.mirror_sni, got_rule.redirect.mirror_async_status) == (True, 303)
    assert got_rule.redirect.mirror_taggings.taggings[0].value == "v"
    assert got_rule.redirect.transparent_mirror_response_codes == "400"
    broken = v2.WebsiteConfiguration(index_document=v2.IndexDocument(suffix="index.html", type=7))
    assert refusal(
        client.put_bucket_website, v2.PutBucketWebsiteRequest(bucket=BUCKET, website_configuration=broken)
    ) == (400, "InvalidArgument")
    client.delete_bucket_website(v2.DeleteBucketWebsiteRequest(bucket=BUCKET))
    assert refusal(client.get_bucket_website, v2.GetBucketWebsiteRequest(bucket=BUCKET)) == NONE


def test_ali_oss_sets_reads_and_deletes_a_website(emulator: EmulatorThread, run_node: RunNode) -> None:
    result = run_node(
        "run.js",
        ali_oss(emulator, authorizationV4=True),
        """
        await client.putBucketWebsite("examplebucket", {
          index: "index.html", supportSubDir: "true", type: "1", error: "error.html",
          routingRules: [{
            RuleNumber: "1",
            Condition: {KeyPrefixEquals: "abc/", HttpErrorCodeReturnedEquals: "404"},
            Redirect: {RedirectType: "External", HostName: "example.com", ReplaceKeyWith: "x${key}"},
          }],
        });
        const {index, supportSubDir, type, error, routingRules} = await client.getBucketWebsite("examplebucket");
        await client.deleteBucketWebsite("examplebucket");
        const refusal = await client.getBucketWebsite("examplebucket").catch((e) => [e.status, e.code]);
        return {index, supportSubDir, type, error, routingRules, refusal};
        """,
    )
    assert result == {
        "index": "index.html",
        "supportSubDir": "true",
        "type": "1",
        "error": "error.html",
        "routingRules": [
            {
                "RuleNumber": "1",
                "Condition": {"KeyPrefixEquals": "abc/", "HttpErrorCodeReturnedEquals": "404"},
                "Redirect": {
                    "RedirectType": "External",
                    "HostName": "example.com",
                    "ReplaceKeyWith": "x${key}",
                },
            }
        ],
        "refusal": list(NONE),
    }


def test_a_website_made_by_an_sdk_is_served(emulator: EmulatorThread) -> None:
    wrapped = CLIENTS["oss2"](emulator.endpoint, KEY_ID, KEY_SECRET, "v4")
    assert isinstance(wrapped, Oss2)
    wrapped.bucket.put_bucket_acl("public-read")
    wrapped.bucket.put_object("index.html", b"<h1>hello</h1>", headers={"Content-Type": "text/html"})
    wrapped.bucket.put_bucket_website(oss2.models.BucketWebsite("index.html", "error.html"))
    with urllib.request.urlopen(f"{emulator.endpoint}/{BUCKET}/") as page:
        assert (page.headers["Content-Type"], page.read()) == ("text/html", b"<h1>hello</h1>")
    assert [entry.key for entry in wrapped.bucket.list_objects().object_list] == ["index.html"]
