"""`oss-emulator load` and `export`: files to objects and back."""

import asyncio
import os
import pty
import sys
from pathlib import Path

import pytest

from emulator.cli import load, main
from emulator.config import AccessKey, Auth, ConfiguredBucket, FaultAction, FaultOccasion, FaultRule, Limits
from emulator.model import Acl
from tests.client import OssClient


@pytest.fixture
async def oss(make_oss) -> OssClient:
    """An emulator that checks signatures; its objects are public, so that plain requests can look at them."""
    bucket = ConfiguredBucket(name="examplebucket", acl=Acl.PUBLIC_READ_WRITE)
    return await make_oss(auth=Auth(), buckets=(bucket, "other"))


async def run(oss: OssClient, *arguments: object) -> int:
    return await asyncio.to_thread(main, [*map(str, arguments), "--endpoint", oss.endpoint])


def fill(folder: Path) -> dict[str, bytes]:
    """Files of many kinds under `folder`, by their path in it."""
    files = {
        "index.html": b"<p>hello",
        "dir/a b+c%20.txt": b"x" * 100,
        "dir/deep/测试.json": b"{}",
        "dir/empty": b"",
        "large.bin": os.urandom(3 * 1024 * 1024 + 1),
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return files


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_files_go_in_and_come_out_and_the_unchanged_stay(oss, tmp_path, capsys):
    files = fill(tmp_path / "in")
    assert await run(oss, "load", tmp_path / "in", "oss://examplebucket/site") == 0
    assert capsys.readouterr() == ("5 loaded, 0 unchanged, 0 failed\n", "")
    stored = await oss.get("site/index.html")
    assert stored.body == b"<p>hello"
    assert stored.headers["content-type"] == "text/html"
    assert (await oss.get("site/dir/deep/%E6%B5%8B%E8%AF%95.json")).headers["content-type"] == "application/json"

    (tmp_path / "in/index.html").write_bytes(b"<p>HELLO")
    assert await run(oss, "load", tmp_path / "in", "oss://examplebucket/site/", "--jobs", 1) == 0
    assert capsys.readouterr().out == "1 loaded, 4 unchanged, 0 failed\n"

    assert await run(oss, "export", "oss://examplebucket/site", tmp_path / "new/out") == 0
    assert capsys.readouterr() == ("5 exported, 0 unchanged, 0 failed\n", "")
    assert tree(tmp_path / "new/out") == files | {"index.html": b"<p>HELLO"}
    (tmp_path / "new/out/large.bin").write_bytes(b"\0" * len(files["large.bin"]))
    assert await run(oss, "export", "oss://examplebucket/site", tmp_path / "new/out") == 0
    assert capsys.readouterr().out == "1 exported, 4 unchanged, 0 failed\n"
    assert tree(tmp_path / "new/out")["large.bin"] == files["large.bin"]


async def test_object_whose_etag_is_no_md5_is_compared_by_crc(oss, tmp_path, capsys):
    started = await oss.request("POST", "/examplebucket/a.bin?uploads")
    upload = started.xml.findtext("UploadId")
    part = await oss.request("PUT", f"/examplebucket/a.bin?partNumber=1&uploadId={upload}", body=b"hello")
    document = (
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
        f"<ETag>{part.headers['etag']}</ETag></Part></CompleteMultipartUpload>"
    )
    done = await oss.request("POST", f"/examplebucket/a.bin?uploadId={upload}", body=document)
    assert done.status == 200
    for content, line in ((b"hello", "0 loaded, 1 unchanged"), (b"HELLO", "1 loaded, 0 unchanged")):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in/a.bin").write_bytes(content)
        assert await run(oss, "load", tmp_path / "in", "oss://examplebucket") == 0
        assert capsys.readouterr().out == f"{line}, 0 failed\n"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        pytest.param("..%2F..%2Fescaped", "no file name", id="dots"),
        pytest.param("a/../../escaped", "no file name", id="dots inside"),
        pytest.param("a/./escaped", "no file name", id="dot"),
        pytest.param("a//escaped", "no file name", id="two slashes"),
        pytest.param("a%00escaped", "no file name", id="NUL"),
        pytest.param("escaped/" + "x" * 300, "too long", id="long name"),
        pytest.param("link/escaped", "is a link", id="through a link"),
        pytest.param("escaped/", "ends with a slash but has content", id="folder with content"),
        pytest.param("file/escaped", "a file is in the way", id="below a file"),
        pytest.param("folder", "a folder of that name is in the way", id="where a folder is"),
    ],
)
async def test_key_that_is_no_file_stays_behind_and_the_others_come(oss, tmp_path, capsys, key, reason):
    await oss.put("good/%E4%B8%AD.txt", b"good")
    assert (await oss.put(key, b"bad")).status == 200
    out, outside = tmp_path / "jail/out", tmp_path / "jail/outside"
    for folder in (out / "folder", outside):
        folder.mkdir(parents=True)
    (out / "link").symlink_to(outside)
    (out / "file").write_bytes(b"mine")
    assert await run(oss, "export", "oss://examplebucket", out) == 1
    output = capsys.readouterr()
    assert output.out == "1 exported, 0 unchanged, 1 failed\n"
    assert reason in output.err
    assert output.err.count("\n") == 1
    assert tree(tmp_path / "jail") == {"out/file": b"mine", "out/good/中.txt": b"good"}


async def test_key_that_is_absolute_below_the_prefix_stays_behind(oss, tmp_path, capsys):
    assert (await oss.put(f"p/{tmp_path}/escaped", b"bad")).status == 200
    assert await run(oss, "export", "oss://examplebucket/p", tmp_path / "out") == 1
    assert "no file name spells this key" in capsys.readouterr().err
    assert not (tmp_path / "escaped").exists()
    assert tree(tmp_path / "out") == {}


async def test_link_in_an_object_s_place_is_replaced_and_not_followed(oss, tmp_path):
    await oss.put("a.txt", b"new")
    await oss.put("folder/", b"")
    out, target = tmp_path / "out", tmp_path / "target"
    out.mkdir()
    target.write_bytes(b"old")
    (out / "a.txt").symlink_to(target)
    assert await run(oss, "export", "oss://examplebucket/", out) == 0
    assert target.read_bytes() == b"old"
    assert (out / "a.txt").read_bytes() == b"new"
    assert (out / "folder").is_dir()
    assert sorted(path.name for path in out.iterdir()) == ["a.txt", "folder"]


async def test_what_is_no_file_is_told_and_the_others_are_loaded(oss, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"a")
    os.mkfifo(folder / "pipe")
    (folder / "dangling").symlink_to(folder / "nowhere")
    (folder / "circle").symlink_to(folder)
    assert await run(oss, "load", folder, "oss://examplebucket") == 1
    output = capsys.readouterr()
    assert output.out == "1 loaded, 0 unchanged, 3 failed\n"
    assert output.err.count("\n") == 3
    for name in ("pipe", "dangling", "circle"):
        assert name in output.err


async def test_object_that_is_refused_is_told_and_the_others_are_loaded(make_oss, tmp_path, capsys):
    oss = await make_oss(limits=Limits(max_object_bytes=10))
    fill(tmp_path / "in")
    assert await run(oss, "load", tmp_path / "in", "oss://examplebucket") == 1
    output = capsys.readouterr()
    assert output.out == "3 loaded, 0 unchanged, 2 failed\n"
    assert "EntityTooLarge" in output.err


@pytest.fixture
def small_parts(monkeypatch) -> None:
    """Lets a file of more than 250,000 bytes be one that OSS takes in parts only."""
    monkeypatch.setattr(load, "MAX_PUT_BYTES", 250_000)
    monkeypatch.setattr(load, "PART_BYTES", 102_400)


@pytest.mark.usefixtures("small_parts")
async def test_a_file_that_is_too_long_for_one_request_goes_in_parts(make_oss, tmp_path, capsys):
    bucket = ConfiguredBucket(name="examplebucket", acl=Acl.PUBLIC_READ)
    oss = await make_oss(auth=Auth(), buckets=(bucket,), limits=Limits(max_object_bytes=250_000))
    files = {"whole.bin": os.urandom(250_000), "in parts.html": os.urandom(250_001)}
    folder = tmp_path / "in"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    assert await run(oss, "load", folder, "oss://examplebucket") == 0
    assert capsys.readouterr() == ("2 loaded, 0 unchanged, 0 failed\n", "")
    stored = await oss.get("in%20parts.html")
    assert (stored.body, stored.headers["content-type"]) == (files["in parts.html"], "text/html")
    assert stored.headers["etag"].endswith('-3"')
    assert (await oss.get("whole.bin")).body == files["whole.bin"]
    assert await run(oss, "load", folder, "oss://examplebucket") == 0
    assert capsys.readouterr().out == "0 loaded, 2 unchanged, 0 failed\n"


@pytest.mark.usefixtures("small_parts")
async def test_an_upload_in_parts_that_fails_leaves_nothing_and_says_why(make_oss, tmp_path, capsys):
    fault = FaultRule(on=FaultOccasion(operation="UploadPart", nth=2), do=FaultAction(error="AccessDenied"))
    oss = await make_oss(faults=(fault,))
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a").write_bytes(b"x" * 300_000)
    assert await run(oss, "load", folder, "oss://examplebucket") == 1
    output = capsys.readouterr()
    assert output.out == "0 loaded, 0 unchanged, 1 failed\n"
    assert "403 AccessDenied" in output.err
    assert (await oss.request("GET", "/examplebucket?uploads")).xml.find("Upload") is None
    assert (await oss.get("a")).status == 404


async def test_listing_goes_on_from_page_to_page(oss, tmp_path, capsys):
    async with asyncio.TaskGroup() as group:
        for start in range(11):
            group.create_task(put_many(oss, range(start * 100, start * 100 + 100)))
    assert await run(oss, "export", "oss://examplebucket/many", tmp_path / "out", "--jobs", 32) == 0
    assert capsys.readouterr().out == "1100 exported, 0 unchanged, 0 failed\n"
    assert len(tree(tmp_path / "out")) == 1100


async def put_many(oss: OssClient, numbers: range) -> None:
    for number in numbers:
        await oss.put(f"many/{number}", str(number))


async def test_refusals_of_the_bucket_end_with_1_and_one_line(oss, tmp_path, capsys, monkeypatch):
    fill(tmp_path / "in")
    for arguments, code in (
        (["oss://nosuchbucket"], "404 NoSuchBucket"),
        (["oss://other", "--access-key-secret", "wrong"], "403 SignatureDoesNotMatch"),
        (["oss://other", "--access-key-id", "nobody"], "403 InvalidAccessKeyId"),
        (["oss://other", "--region", "cn-beijing"], "400 InvalidArgument"),
    ):
        assert await run(oss, "load", tmp_path / "in", *arguments) == 1
        error = capsys.readouterr().err
        assert code in error
        assert error.count("\n") == 1
    monkeypatch.setenv("OSS_ACCESS_KEY_ID", "nobody")
    assert await run(oss, "export", "oss://other", tmp_path / "out") == 1
    assert "InvalidAccessKeyId" in capsys.readouterr().err


async def test_temporary_credentials_sign_too(make_oss, tmp_path, capsys):
    keys = (AccessKey(id="STS.1", secret="s", token="the/token=="),)
    oss = await make_oss(auth=Auth(keys=keys))
    (tmp_path / "a.txt").write_bytes(b"a")
    flags = ["--access-key-id", "STS.1", "--access-key-secret", "s", "--security-token", "the/token=="]
    assert await run(oss, "load", tmp_path, "oss://examplebucket/sts", *flags) == 0


def test_server_that_is_not_there_ends_with_1_and_one_line(tmp_path, capsys, unused_endpoint):
    assert main(["export", "oss://b", str(tmp_path), "--endpoint", unused_endpoint]) == 1
    error = capsys.readouterr().err
    assert "no emulator answers" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["load", "/no/such", "oss://b"], id="no folder"),
        pytest.param(["load", "/tmp", "b/c"], id="no oss://"),
        pytest.param(["export", "oss://", "/tmp"], id="no bucket"),
        pytest.param(["export", "oss://b", "/tmp", "--jobs", "0"], id="no jobs"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


async def test_terminal_gets_a_bar(oss, tmp_path):
    fill(tmp_path / "in")
    leader, follower = pty.openpty()
    command = ["load", str(tmp_path / "in"), "oss://examplebucket", "--endpoint", oss.endpoint]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "emulator", *command, stderr=follower, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    os.close(follower)
    shown = os.read(leader, 65_536).decode()
    os.close(leader)
    assert process.returncode == 0
    assert output == b"5 loaded, 0 unchanged, 0 failed\n"
    assert "\rloading [" in shown
    assert "/5 objects" in shown
    assert shown.endswith("\r\033[K")
