"""Flags over environment over file over defaults, and one line for every mistake."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulator.config import AccessKey, Config, ConfigError, ConfiguredBucket
from emulator.configure import load
from emulator.model import Acl


@pytest.fixture
def write(tmp_path):
    """Writes a configuration file and gives its path."""

    def write_file(text: str) -> Path:
        file = tmp_path / "c.yaml"
        file.write_text(text)
        return file

    return write_file


def test_nothing_given_means_the_defaults():
    assert load(None, {"PATH": "/bin"}, {}) == Config()


def test_flags_beat_environment_beats_file_beats_defaults(write):
    file = write("server: {port: 1, host: file.test, idle_timeout_seconds: 3}\nprofile: real")
    environ = {"OSS_EMULATOR_SERVER_PORT": "2", "OSS_EMULATOR_SERVER_HOST": "env.test"}
    config = load(file, environ, {"server.port": "4"})
    assert config.server.port == 4
    assert config.server.host == "env.test"
    assert config.server.idle_timeout_seconds == 3
    assert config.server.stop_timeout_seconds == 10
    assert config.profile == "real"


def test_file_holds_every_kind_of_value(write):
    file = write(
        """
        auth:
          mode: off
          keys:
            - {id: a, secret: b}
            - {id: STS.a, secret: b, token: t, expires: 2030-01-01T00:00:00Z}
        buckets: [photos, {name: public, acl: public-read}]
        server:
        callback: {tls_verify: false, timeout_seconds: 2}
        storage: {data_dir: ~/oss}
        """
    )
    config = load(file, {}, {})
    assert config.auth.mode == "off"
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    assert config.auth.keys == (
        AccessKey(id="a", secret="b"),
        AccessKey(id="STS.a", secret="b", token="t", expires=expires),
    )
    assert config.buckets == ("photos", ConfiguredBucket(name="public", acl=Acl.PUBLIC_READ))
    assert config.server == Config().server
    assert config.callback.tls_verify is False
    assert config.storage.data_dir == Path.home() / "oss"


def test_rules_in_the_comment_of_the_example_are_rules(write):
    example = (Path(__file__).parent.parent / "config.example.yaml").read_text()
    rules = re.search(r"^#     - (\{allowed_origins.*?\})$", example, re.MULTILINE | re.DOTALL)
    assert rules is not None
    file = write(f"buckets: [{{name: photos, cors: [{rules[1].replace('#', '')}]}}]")
    (bucket,) = load(file, {}, {}).new_buckets(datetime(2024, 6, 1, tzinfo=UTC))
    assert bucket.cors is not None
    (rule,) = bucket.cors.rules
    assert rule.allowed_origins == ("http://localhost:*",)
    assert rule.allowed_methods == ("GET", "PUT", "POST")
    assert rule.max_age_seconds == 600


def test_environment_is_text_read_by_the_type_of_the_setting():
    config = load(
        None,
        {
            "OSS_EMULATOR_PROFILE": "real",
            "OSS_EMULATOR_BUCKETS": "[photos, {name: public, acl: public-read}]",
            "OSS_EMULATOR_SERVER_CNAMES": "{img.example.com: photos}",
            "OSS_EMULATOR_AUTH_ACCOUNT_ID": "0123",
            "OSS_EMULATOR_AUTH_KEYS": "[{id: a, secret: b}]",
            "OSS_EMULATOR_CALLBACK_TIMEOUT_SECONDS": "0.5",
            "OSS_EMULATOR_CALLBACK_TLS_VERIFY": "true",
            "OSS_EMULATOR_CALLBACK_FORBID_PRIVATE_ADDRESSES": "null",
            "OSS_EMULATOR_STORAGE_TREE": "0",
            "OSS_EMULATOR_STORAGE_DATA_DIR": "/data",
            "OSS_EMULATOR_CONTROL_TOKEN": "12",
        },
        {},
    )
    assert config.profile == "real"
    assert config.buckets == ("photos", ConfiguredBucket(name="public", acl=Acl.PUBLIC_READ))
    assert config.server.cnames == {"img.example.com": "photos"}
    assert config.auth.account_id == "0123"
    assert config.auth.keys == (AccessKey(id="a", secret="b"),)
    assert config.callback.timeout_seconds == 0.5
    assert config.callback.tls_verify is True
    assert config.callback.forbid_private_addresses is None
    assert config.storage.tree is False
    assert config.storage.data_dir == Path("/data")
    assert config.control.token == "12"


def test_variables_that_kubernetes_sets_for_a_service_of_this_name_are_not_ours():
    environ = {
        "OSS_EMULATOR_PORT": "tcp://10.0.0.1:80",
        "OSS_EMULATOR_PORT_80_TCP": "x",
        "OSS_EMULATOR_SERVICE_HOST": "10.0.0.1",
    }
    assert load(None, environ, {}) == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("server: {port: 70000}", "server.port: expected whole number <= 65535, got 70000", id="port"),
        pytest.param("server: {port: '80'}", "server.port: expected whole number, got '80'", id="text for a number"),
        pytest.param("server: {port: null}", "server.port: expected whole number, got null", id="null"),
        pytest.param("server: {prot: 1}", "server.prot: no such setting; did you mean server.port?", id="unknown key"),
        pytest.param("servre: {port: 1}", "servre: no such setting; did you mean server?", id="unknown section"),
        pytest.param("server: 3", "server: expected keys and values, got 3", id="section that is none"),
        pytest.param(
            "server: {idle_timeout_seconds: -1}",
            "server.idle_timeout_seconds: expected number > 0.0, got -1",
            id="negative timeout",
        ),
        pytest.param(
            "server: {cnames: {'a b': photos}}", "server.cnames: expected a host name without a port", id="cname host"
        ),
        pytest.param("server: {public_endpoint: http://a/b}", "server.public_endpoint: expected a host", id="endpoint"),
        pytest.param("profile: prod", "profile: expected one of dev, real, got 'prod'", id="unknown profile"),
        pytest.param("buckets: [Photos]", "buckets[0]: expected 3 to 63 lower-case letters", id="bucket name"),
        pytest.param("buckets: photos", "buckets: expected list, got 'photos'", id="no list"),
        pytest.param("buckets: [aaa, {name: aaa}]", "buckets[1]: aaa is in the list already", id="bucket twice"),
        pytest.param("buckets: [{acl: private}]", "buckets[0]: object missing required field name", id="no name"),
        pytest.param("buckets: [{name: aaa, cor: 1}]", "buckets[0]: no such key: cor", id="unknown key of a bucket"),
        pytest.param(
            "buckets: [{name: aaa, acl: open}]",
            "buckets[0].acl: expected one of default, private, public-read, public-read-write, got 'open'",
            id="unknown ACL",
        ),
        pytest.param(
            "buckets: [{name: aaa, cors: [{allowed_origins: ['*'], allowed_methods: [PATCH]}]}]",
            "buckets[0].cors[0].allowed_methods[0]: expected one of GET, PUT, DELETE, POST, HEAD, got 'PATCH'",
            id="method of a CORS rule",
        ),
        pytest.param(
            "buckets: [{name: aaa, cors: [{allowed_methods: [PUT]}]}]",
            "buckets[0].cors[0]: object missing required field allowed_origins",
            id="CORS rule without an origin",
        ),
        pytest.param(
            "buckets: [{name: aaa, cors: [{allowed_origins: ['*.*'], allowed_methods: [PUT]}]}]",
            "buckets[0].cors[0].allowed_origins[0]: expected text without blanks and with at most one *",
            id="two wildcards",
        ),
        pytest.param(
            "buckets: [{name: aaa, cors: none}]", "buckets[0].cors: expected one of allow-all, got 'none'", id="cors"
        ),
        pytest.param("cors: {default: all}", "cors.default: expected one of none, allow-all, got 'all'", id="default"),
        pytest.param("buckets: [{name: aaa, acl: default}]", "buckets[0].acl: expected private", id="ACL of objects"),
        pytest.param("auth: {keys: []}", "auth.keys: expected list of length >= 1", id="no keys"),
        pytest.param(
            "auth: {keys: [{id: a, secret: ''}]}", "auth.keys[0].secret: expected text of length >= 1", id="secret"
        ),
        pytest.param(
            "auth: {keys: [{id: a, secret: b}, {id: a, secret: c}]}",
            "auth.keys[1].id: a is in the list already",
            id="key id twice",
        ),
        pytest.param(
            "auth: {keys: [{id: a, secret: b, token: t, expires: 2030-01-01T00:00:00}]}",
            "auth.keys[0].expires: expected datetime with a timezone",
            id="expires without a zone",
        ),
        pytest.param(
            "auth: {keys: [{id: a, secret: b, expires: 2030-01-01T00:00:00Z}]}",
            "auth.keys[0].expires: only a key with a token can expire",
            id="expires without a token",
        ),
        pytest.param(
            "auth: {signatures: [v3]}", "auth.signatures[0]: expected one of v1, v2, v4, got 'v3'", id="signature"
        ),
        pytest.param("auth: {account_id: 12}", "auth.account_id: expected text, got 12", id="number for text"),
        pytest.param(
            "callback: {tls_verify: /no/such.pem}",
            "callback.tls_verify: expected an existing file, got '/no/such.pem'",
            id="CA file that is not there",
        ),
        pytest.param("storage: {data_dir: ''}", "storage.data_dir: expected a path, got ''", id="empty path"),
        pytest.param('storage: {data_dir: "a\\0b"}', "storage.data_dir: expected a path, got 'a\\x00b'", id="NUL"),
        pytest.param("server: {host: a..b}", "server.host: expected a host name or an IP address", id="empty label"),
        pytest.param("server: {host: ''}", "server.host: expected a host name or an IP address", id="empty host"),
        pytest.param(
            "server: {service_names: [oss.test:80]}",
            "server.service_names[0]: expected a host name",
            id="name with a port",
        ),
        pytest.param("storage: {tree: yes}", "storage.tree: expected boolean, got 'yes'", id="yes is no boolean"),
        pytest.param(
            "storage: {data_dir: x, ephemeral: true}", "storage.ephemeral: excludes storage.data_dir", id="both stores"
        ),
    ],
)
def test_file_with_a_mistake_gives_one_line_with_path_and_file(write, text, message):
    file = write(text)
    with pytest.raises(ConfigError) as caught:
        load(file, {}, {})
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(f"(in {file})")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0", "::", "::1", "fe80::1%eth0", "my-host", "my_app.test"])
def test_host_is_a_name_or_an_address(host):
    assert load(None, {}, {"server.host": host}).server.host == host


def test_file_that_is_no_yaml_gives_file_line_and_column(write):
    file = write("server:\n  port: [1\n")
    with pytest.raises(ConfigError, match=r"c\.yaml:3:1: "):
        load(file, {}, {})


def test_file_that_is_a_list_is_refused(write):
    with pytest.raises(ConfigError, match="expected sections such as"):
        load(write("- a"), {}, {})


def test_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        load(tmp_path / "none.yaml", {}, {})


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        pytest.param(
            "OSS_EMULATOR_SERVER_PORT",
            "x",
            "server.port: expected whole number, got 'x' (in environment variable OSS_EMULATOR_SERVER_PORT)",
            id="wrong type",
        ),
        pytest.param(
            "OSS_EMULATOR_SEVER_PORT",
            "1",
            "OSS_EMULATOR_SEVER_PORT: no such setting; did you mean OSS_EMULATOR_SERVER_PORT? (in the environment)",
            id="unknown",
        ),
        pytest.param("OSS_EMULATOR_BUCKETS", "[a", "buckets: 1:3: ", id="no YAML"),
        pytest.param("OSS_EMULATOR_CALLBACK_TIMEOUT_SECONDS", "nan", "callback.timeout_seconds: ", id="not a number"),
    ],
)
def test_environment_with_a_mistake_names_the_variable(variable, value, message):
    with pytest.raises(ConfigError) as caught:
        load(None, {variable: value}, {})
    assert str(caught.value).startswith(message)
    assert variable in str(caught.value)


def test_flag_with_a_mistake_is_named():
    with pytest.raises(ConfigError, match=r"server\.port: expected whole number, got 'x' \(flag --port\)"):
        load(None, {}, {"server.port": "x"})


def test_ephemeral_and_data_dir_exclude_each_other_as_flags():
    with pytest.raises(ConfigError, match=r"flag --ephemeral, flag --data-dir"):
        load(None, {}, {"storage.ephemeral": True, "storage.data_dir": "x"})


def test_data_dir_flag_takes_back_ephemeral_of_the_file(write):
    config = load(write("storage: {ephemeral: true}"), {}, {"storage.data_dir": "x"})
    assert config.storage.data_dir == Path("x")
    assert not config.storage.ephemeral


def test_ephemeral_of_the_environment_beats_data_dir_of_the_file(write):
    config = load(write("storage: {data_dir: x}"), {"OSS_EMULATOR_STORAGE_EPHEMERAL": "true"}, {})
    assert config.storage.ephemeral
