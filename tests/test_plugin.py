"""The pytest plugin, in test sessions of their own: what it gives, what it says, and that it leaves nothing behind."""

import tempfile
import threading
from pathlib import Path

# Sessions in this process forget what they have imported, and some modules cannot be imported twice.
import alibabacloud_oss_v2  # noqa: F401
import cryptography.hazmat.primitives.asymmetric.padding
import cryptography.hazmat.primitives.serialization  # noqa: F401
import oss2  # noqa: F401
import pytest

import emulator.testing  # noqa: F401
from tests.testing.words import listening

pytest_plugins = ["pytester"]

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


@pytest.fixture
def session(pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A place for a session, with warnings as errors. After the test no thread and no temporary file may be left."""
    pytester.makeini(INI)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return pytester


def run(session: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the session in this process; see that no thread and no file of it is left."""
    threads = set(threading.enumerate())
    result = session.runpytest_inprocess(*arguments)
    assert set(threading.enumerate()) - threads == set()
    assert [path.name for path in Path(tempfile.gettempdir()).iterdir() if path.name.startswith("oss-emulator-")] == []
    return result


def test_oss_has_all_that_a_client_needs(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        import urllib.request

        def test_it(oss):
            assert (oss.access_key_id, oss.access_key_secret) == ("emulator", "emulator-secret")
            assert (oss.region, oss.bucket) == ("cn-hangzhou", "examplebucket")
            assert oss.environ["OSS_ENDPOINT"] == oss.endpoint
            with urllib.request.urlopen(oss.endpoint + "/_emulator/health", timeout=10) as answer:
                assert answer.status == 200
        """
    )
    run(session).assert_outcomes(passed=1)


def test_upload_with_a_callback_from_end_to_end(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        def test_it(oss, oss_receiver):
            oss_receiver.answer(body={"id": 7})
            callback = oss_receiver.callback("object=${object}&size=${size}")
            result = oss.client("oss2").put_object("a.txt", b"hello", headers={"x-oss-callback": callback})
            assert result.resp.read() == b'{"id": 7}'
            assert oss.callbacks.assert_once(object="a.txt").form == {"object": "a.txt", "size": "5"}
            assert oss_receiver.last.is_signed
            assert oss.get("a.txt") == b"hello"
        """
    )
    run(session).assert_outcomes(passed=1)


def test_every_test_finds_a_clean_slate(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        import pytest
        from emulator.testing import Answer

        endpoints = set()

        @pytest.mark.parametrize("number", range(3))
        def test_it(oss, oss_receiver, number):
            endpoints.add(oss.endpoint)
            assert oss.keys() == []
            assert len(oss.callbacks) == 0
            assert oss_receiver.requests == []
            oss.client("oss2").put_object("a", b"1", headers={"x-oss-callback": oss_receiver.callback("{}")})
            assert oss.callbacks.last.outcome == "success"
            oss_receiver.answer(status=500)

        def test_one_emulator_served_them_all():
            assert len(endpoints) == 1
        """
    )
    run(session).assert_outcomes(passed=4)


def test_async_tests_can_be_the_application_server_themselves(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        import asyncio, base64, json

        async def test_it(oss):
            async def application(reader, writer):
                await reader.readuntil(b"\\r\\n\\r\\n")
                writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\n{}")
                await writer.drain()
                writer.close()

            server = await asyncio.start_server(application, "127.0.0.1", 0)
            async with server:
                url = "http://127.0.0.1:%d/" % server.sockets[0].getsockname()[1]
                callback = {"callbackUrl": url, "callbackBody": "a=${object}"}
                headers = {"x-oss-callback": base64.b64encode(json.dumps(callback).encode()).decode()}
                bucket = oss.client("oss2")
                upload = asyncio.create_task(asyncio.to_thread(bucket.put_object, "a.txt", b"1", headers=headers))
                record = await oss.callbacks.wait_async(object="a.txt")
                await upload
            assert record.form == {"a": "a.txt"}
            assert record.outcome == "success"

        async def test_the_receiver_can_be_awaited(oss, oss_receiver):
            callback = oss_receiver.callback("{}", callbackBodyType="application/json")
            headers = {"x-oss-callback": callback}
            bucket = oss.client("oss2")
            upload = asyncio.create_task(asyncio.to_thread(bucket.put_object, "a.txt", b"1", headers=headers))
            assert (await oss_receiver.wait_async()).json == {}
            await upload
        """
    )
    run(session).assert_outcomes(passed=2)


def test_settings_are_overridden_by_a_session_fixture(session: pytest.Pytester) -> None:
    session.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def oss_emulator_config():
            return {"buckets": ["photos"], "auth": {"keys": [{"id": "me", "secret": "s"}], "region": "cn-beijing"}}
        """
    )
    session.makepyfile(
        """
        def test_it(oss):
            assert (oss.bucket, oss.access_key_id, oss.region) == ("photos", "me", "cn-beijing")
            oss.client("alibabacloud-oss-v2")
            assert oss.client("oss2").put_object("a", b"1").status == 200

        def test_further_emulators_have_them_too(oss, make_oss_emulator):
            other = make_oss_emulator(auth={"region": "any"}, profile="real")
            assert (other.bucket, other.access_key_id) == ("photos", "me")
            assert other.config.is_strict
            assert other.endpoint != oss.endpoint
            other.put("a", b"1")
            assert oss.keys() == []
        """
    )
    run(session).assert_outcomes(passed=2)


def test_wrong_settings_are_told_with_their_path(session: pytest.Pytester) -> None:
    session.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def oss_emulator_config():
            return {"auth": {"mod": "off"}}
        """
    )
    session.makepyfile("def test_it(oss): pass")
    result = run(session)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ConfigError: auth.mod: no such setting; did you mean auth.mode?*"])


def test_a_start_that_fails_tells_port_and_cause(session: pytest.Pytester) -> None:
    with listening() as port:
        session.makepyfile(f"def test_it(make_oss_emulator): make_oss_emulator(server={{'port': {port}}})")
        result = run(session)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [f"*ServerError: server.port: cannot listen on 127.0.0.1 port {port}: Address already*"]
    )


def test_a_callback_that_does_not_come_fails_with_the_nearest(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        def test_it(oss, oss_receiver):
            headers = {"x-oss-callback": oss_receiver.callback("a=1")}
            oss.client("oss2").put_object("photos/b.txt", b"1", headers=headers)
            oss.callbacks.wait(object="photos/a.txt", timeout=0.01)
        """
    )
    result = run(session)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *AssertionError: No callback with object='photos/a.txt' came within 0.01 s.",
            "E *Recorded:",
            "E *PutObject examplebucket/photos/b.txt -> 200 success, sent to http://127.0.0.1:*/callback",
            "test_*.py:4: AssertionError",
        ]
    )


def test_the_emulator_s_warnings_stand_beside_a_failure(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        import oss2

        def test_it(oss):
            oss2.Bucket(oss2.Auth("emulator", "wrong"), oss.endpoint, oss.bucket).put_object("a", b"1")
        """
    )
    result = run(session)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Captured log call*", "*SignatureDoesNotMatch*"])


@pytest.mark.slow
def test_eight_workers_in_parallel_do_not_meet(session: pytest.Pytester) -> None:
    session.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def oss_emulator_config():
            return {"auth": {"mode": "off"}}
        """
    )
    session.makepyfile(
        """
        from urllib.request import Request, urlopen

        import pytest

        @pytest.mark.parametrize("number", range(32))
        def test_it(oss, oss_receiver, number):
            assert oss.keys() == []
            headers = {"x-oss-callback": oss_receiver.callback("object=${object}")}
            url = f"{oss.endpoint}/{oss.bucket}/{number}"
            urlopen(Request(url, b"%d" % number, headers, method="PUT"), timeout=30).close()
            assert oss.keys() == [str(number)]
            assert oss.get(str(number)) == str(number).encode()
            assert oss.callbacks.assert_once().object == str(number)
            assert [request.form for request in oss_receiver.requests] == [{"object": str(number)}]
        """
    )
    result = session.runpytest_subprocess("-n", "8", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=32)
    assert list(Path(tempfile.gettempdir()).glob("oss-emulator-*")) == []


def test_it_costs_nothing_where_it_is_not_used(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
        import sys

        def test_it():
            mine = {name for name in sys.modules if name.partition(".")[0] == "emulator"}
            assert mine == {"emulator", "emulator.pytest_plugin"}
            assert "aiohttp" not in sys.modules
        """
    )
    session.runpytest_subprocess("-p", "no:xdist", "-p", "no:pytester").assert_outcomes(passed=1)


def test_the_fixtures_explain_themselves(session: pytest.Pytester) -> None:
    result = session.runpytest_inprocess("--fixtures", "-v")
    for name in ("oss", "oss_receiver", "make_oss_emulator", "oss_emulator_config"):
        result.stdout.re_match_lines([rf"{name}( \[session scope\])? -- .*pytest_plugin\.py:\d+"])
