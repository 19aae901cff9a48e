import pytest

from emulator.errors import InvalidBucketName, InvalidObjectName
from emulator.wire.address import Address, Resolver, check_bucket_name, check_key, host_id, is_bucket_name

RESOLVER = Resolver(
    service_names=("oss.test", "deep.oss.test", "minio"),
    cnames={"img.example.com": "examplebucket", "Cdn.Localhost": "cdnbucket"},
)


def path_style(bucket: str = "", key: str = "") -> Address:
    return Address(bucket=bucket, key=key, is_path_style=True)


def virtual_host(bucket: str, key: str = "") -> Address:
    return Address(bucket=bucket, key=key, is_path_style=False)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8280",
        "10.0.0.7:80",
        "[::1]",
        "[::1]:8280",
        "[fe80::1%25eth0]:8280",
        "localhost",
        "localhost:8280",
        "LocalHost:8280",
        "localhost.:8280",
        "oss.localhost:8280",
        "emulator:8280",
        "oss.test",
        "deep.oss.test",
        "minio:9000",
        "oss-cn-hangzhou.aliyuncs.com",
        "oss-cn-hangzhou-internal.aliyuncs.com",
        "cn-hangzhou.oss.aliyuncs.com",
        "oss-accelerate.aliyuncs.com",
        "oss-accelerate-overseas.aliyuncs.com",
        "s3.oss-cn-hangzhou.aliyuncs.com",
        "s3.oss-cn-hangzhou-internal.aliyuncs.com",
        "unknown.dotted.host:8280",
        "a.b.localhost",
        "oss-cn-hangzhou.aliyuncs.com.example.com",
        "",
    ],
)
def test_path_names_the_bucket_under(host: str) -> None:
    assert RESOLVER.resolve(host, "/") == path_style()
    assert RESOLVER.resolve(host, "/examplebucket") == path_style("examplebucket")
    assert RESOLVER.resolve(host, "/examplebucket/") == path_style("examplebucket")
    assert RESOLVER.resolve(host, "/examplebucket/dir/a.txt") == path_style("examplebucket", "dir/a.txt")


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("examplebucket.localhost", "examplebucket"),
        ("examplebucket.localhost:8280", "examplebucket"),
        ("ExampleBucket.LOCALHOST", "examplebucket"),
        ("examplebucket.localhost.", "examplebucket"),
        ("examplebucket.oss.localhost:8280", "examplebucket"),
        ("examplebucket.emulator:8280", "examplebucket"),
        ("examplebucket.oss.test", "examplebucket"),
        ("examplebucket.deep.oss.test", "examplebucket"),
        ("examplebucket.minio", "examplebucket"),
        ("examplebucket.oss-cn-hangzhou.aliyuncs.com", "examplebucket"),
        ("examplebucket.oss-cn-hangzhou-internal.aliyuncs.com", "examplebucket"),
        ("examplebucket.cn-hangzhou.oss.aliyuncs.com", "examplebucket"),
        ("examplebucket.oss-accelerate.aliyuncs.com", "examplebucket"),
        ("examplebucket.s3.oss-cn-hangzhou.aliyuncs.com", "examplebucket"),
        ("oss-bucket.oss-cn-hangzhou.aliyuncs.com", "oss-bucket"),
        ("img.example.com:80", "examplebucket"),
        ("IMG.example.com", "examplebucket"),
        ("cdn.localhost", "cdnbucket"),
    ],
)
def test_host_names_the_bucket(host: str, bucket: str) -> None:
    assert RESOLVER.resolve(host, "/") == virtual_host(bucket)
    assert RESOLVER.resolve(host, "/dir/a.txt") == virtual_host(bucket, "dir/a.txt")
    assert RESOLVER.resolve(host, "/dir/a.txt") == virtual_host(bucket, "dir/a.txt"), "the second time from the cache"


def test_host_that_starts_with_a_dot_is_the_service() -> None:
    assert RESOLVER.resolve(".oss-cn-hangzhou.aliyuncs.com", "/") == Address(is_path_style=False)
    assert RESOLVER.resolve(".oss-cn-hangzhou.aliyuncs.com", "/examplebucket/a") == Address(is_path_style=False)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        pytest.param("/dir%2Fa.txt", "dir/a.txt", id="slash encoded"),
        pytest.param("/a+b%2Bc%20d", "a b+c d", id="blanks and plus"),
        pytest.param("/%E7%9B%AE", "目", id="UTF-8"),
        pytest.param("/(a)!*'", "(a)!*'", id="raw marks"),
        pytest.param("//a", "/a", id="two slashes"),
        pytest.param("/a//b/", "a//b/", id="empty segment"),
        pytest.param("/./a/../b", "./a/../b", id="dots are text"),
        pytest.param("/%2e%2e/a", "../a", id="encoded dots are text"),
        pytest.param("/%FF", "\udcff", id="no UTF-8"),
    ],
)
def test_key_is_decoded_and_never_normalised(path: str, key: str) -> None:
    assert RESOLVER.resolve("examplebucket.localhost", path).key == key
    assert RESOLVER.resolve("localhost", f"/examplebucket{path}").key == key


def test_bucket_named_in_host_and_path_has_two_readings() -> None:
    address = RESOLVER.resolve("examplebucket.oss-cn-hangzhou.aliyuncs.com", "/examplebucket/dir/a.txt")
    assert (address.bucket, address.key) == ("examplebucket", "examplebucket/dir/a.txt")
    assert address.alternative == path_style("examplebucket", "dir/a.txt")


@pytest.mark.parametrize("path", ["/examplebucket2/a", "/dir/examplebucket", "/"])
def test_other_paths_have_one_reading(path: str) -> None:
    assert RESOLVER.resolve("examplebucket.localhost", path).alternative is None


def test_thousands_of_hosts_do_not_fill_the_memory() -> None:
    resolver = Resolver()
    for number in range(3000):
        assert resolver.resolve(f"bucket{number}.localhost", "/a").bucket == f"bucket{number}"
    assert len(resolver._buckets) <= 1000


def test_a_domain_is_a_bucket_s_from_the_moment_it_is_given_to_it() -> None:
    domains: dict[str, str] = {}
    resolver = Resolver(cnames={"img.a.test": "configured"}, bucket_of=domains.get)
    assert resolver.resolve("www.a.test:80", "/examplebucket/a").key == "a"
    domains |= dict.fromkeys(("www.a.test", "img.a.test", "localhost", "127.0.0.1", "dotless"), "given")
    assert resolver.resolve("WWW.a.test:80", "/examplebucket/a") == Address("given", "examplebucket/a", False)
    assert resolver.resolve("img.a.test", "/a").bucket == "configured"
    for host in ("localhost", "127.0.0.1:80", "dotless"):
        assert resolver.resolve(host, "/examplebucket/a").bucket == "examplebucket"
    del domains["www.a.test"]
    assert resolver.resolve("www.a.test", "/examplebucket/a").bucket == "examplebucket"


@pytest.mark.parametrize("name", ["abc", "a-1", "0" * 63])
def test_good_bucket_name_is_taken(name: str) -> None:
    assert is_bucket_name(name)
    check_bucket_name(name)


@pytest.mark.parametrize("name", ["", "ab", "0" * 64, "Abc", "-abc", "abc-", "a_c", "a.c", "a/c", "目目目", "abc\n"])
def test_bad_bucket_name_is_refused(name: str) -> None:
    assert not is_bucket_name(name)
    with pytest.raises(InvalidBucketName) as caught:
        check_bucket_name(name)
    assert caught.value.elements["BucketName"] == name
    assert caught.value.hint


@pytest.mark.parametrize(
    "key",
    ["a", "a/", "a//b", "../a", "a\\b", " ", "\0", "a" * 1023, "目" * 341, "\N{GRINNING FACE}" * 255 + "abc"],
    ids=lambda key: f"{key[:3]!r} of {len(key.encode())} bytes",
)
def test_good_key_is_taken(key: str) -> None:
    check_key(key)


@pytest.mark.parametrize(
    ("key", "ec"),
    [
        pytest.param("", "0016-00000001", id="empty"),
        pytest.param("/a", "0016-00000005", id="leading slash"),
        pytest.param("\\a", "0016-00000005", id="leading backslash"),
        pytest.param("a" * 1024, "0016-00000003", id="1,024 letters"),
        pytest.param("目" * 342, "0016-00000003", id="1,026 bytes of Chinese"),
        pytest.param("\N{GRINNING FACE}" * 256, "0016-00000003", id="1,024 bytes of emoji"),
        pytest.param("a\udcff", "0016-00000004", id="no UTF-8"),
    ],
)
def test_bad_key_is_refused(key: str, ec: str) -> None:
    with pytest.raises(InvalidObjectName) as caught:
        check_key(key)
    assert caught.value.ec == ec


@pytest.mark.parametrize(
    ("host", "name"),
    [("localhost", "localhost"), ("a.localhost:80", "a.localhost"), ("[::1]:80", "[::1]"), ("[::1", "[::1"), ("", "")],
)
def test_host_id_has_no_port(host: str, name: str) -> None:
    assert host_id(host) == name
