"""Folders that are loaded into buckets: at the start, and after a reset."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from emulator import Emulator
from emulator.config import Config, ConfigError, ConfiguredBucket
from emulator.configure import load
from emulator.storage.directory import StoreError
from emulator.storage.store import Store
from tests.client import OssClient
from tests.conftest import MakeOss
from tests.storage.words import files_below

IMAGE = "img/%E6%B5%8B%E8%AF%95%201.png"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with two files, one of them further down."""
    folder = tmp_path / "files"
    (folder / "img").mkdir(parents=True)
    (folder / "a.txt").write_text("hello")
    (folder / "img/测试 1.png").write_bytes(b"\x89PNG" * 50_000)
    return folder


def buckets(folder: Path) -> tuple[ConfiguredBucket | str, ...]:
    return ("other", ConfiguredBucket(name="examplebucket", load=folder))


def odd_files(folder: Path) -> Path:
    """A folder in which only `a` and `link` can be objects."""
    folder.mkdir()
    (folder / "a").write_text("1")
    (folder / "a~").write_text("an editor's")
    (folder / "gone").symlink_to(folder / "nowhere")
    (folder / "link").symlink_to(folder / "a")
    (folder / "again").symlink_to(folder)
    (folder / "\\b").write_text("1")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).write_text("1")
    deep = folder / "/".join(["d" * 250] * 5)
    deep.mkdir(parents=True)
    (deep / "c").write_text("1")
    return folder


async def keys(oss: OssClient) -> list[str]:
    return (await oss.request("GET", "/examplebucket")).texts("Contents/Key")


async def reset(oss: OssClient) -> None:
    assert (await oss.request("POST", "/_emulator/reset")).status == 204


async def test_the_files_are_objects_from_the_start(make_oss: MakeOss, files: Path) -> None:
    oss = await make_oss(buckets=buckets(files))
    assert await keys(oss) == ["a.txt", "img/测试 1.png"]
    text = await oss.get("a.txt")
    assert (text.body, text.headers["content-type"], text.headers["x-oss-object-type"]) == (
        b"hello",
        "text/plain",
        "Normal",
    )
    assert text.headers["etag"] == '"5D41402ABC4B2A76B9719D911017C592"'
    image = await oss.get(IMAGE)
    assert (image.body, image.headers["content-type"]) == (b"\x89PNG" * 50_000, "image/png")
    assert (oss.emulator.data_dir / "buckets/examplebucket/a.txt").read_text() == "hello"


async def test_a_reset_puts_them_back_and_nothing_else(make_oss: MakeOss, files: Path) -> None:
    oss = await make_oss(buckets=buckets(files))
    (files / "a.txt").write_text("edited since")
    for _ in range(2):
        await oss.put("a.txt", "overwritten")
        await oss.put("new", "1")
        await oss.request("DELETE", f"/examplebucket/{IMAGE}")
        await reset(oss)
        assert await keys(oss) == ["a.txt", "img/测试 1.png"]
        assert (await oss.get("a.txt")).body == b"hello"
        assert len((await oss.get(IMAGE)).body) == 200_000
        assert (oss.emulator.data_dir / "buckets/examplebucket/a.txt").read_text() == "hello"
        assert not (oss.emulator.data_dir / "buckets/examplebucket/new").exists()
    assert (await oss.request("GET", "/examplebucket?stat")).texts("ObjectCount") == ["2"]


async def test_a_reset_makes_a_bucket_that_was_deleted_and_fills_it(make_oss: MakeOss, files: Path) -> None:
    oss = await make_oss(buckets=buckets(files))
    for key in ("a.txt", IMAGE):
        await oss.request("DELETE", f"/examplebucket/{key}")
    assert (await oss.request("DELETE", "/examplebucket")).status == 204
    await reset(oss)
    assert len(await keys(oss)) == 2


async def test_a_restart_loads_what_has_changed_and_leaves_the_rest(config: Config, files: Path) -> None:
    config = structs.replace(config, buckets=buckets(files))
    async with Emulator(config) as emulator:
        oss = OssClient(emulator)
        await oss.put("mine", "1")
        await oss.request("PUT", f"/examplebucket/{IMAGE}?acl", headers={"x-oss-object-acl": "private"})
    (files / "a.txt").write_text("edited")
    async with Emulator(config) as emulator:
        oss = OssClient(emulator)
        assert await keys(oss) == ["a.txt", "img/测试 1.png", "mine"]
        assert (await oss.get("a.txt")).body == b"edited"
        acl = await oss.request("GET", f"/examplebucket/{IMAGE}?acl")
        assert acl.texts(".//Grant") == ["private"]
        await reset(oss)
        assert await keys(oss) == ["a.txt", "img/测试 1.png"]
    assert len(files_below(config.storage.data_dir / "blobs")) == 2


async def test_what_can_be_no_key_is_passed_over(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = odd_files(tmp_path / "files")
    with caplog.at_level(logging.WARNING):
        assert await store.load("bucket", folder) == 2
    assert [entry.key for entry in store.list("bucket").entries] == ["a", "link"]  # type: ignore[union-attr]
    assert caplog.text.count("is not loaded") == 3


async def test_a_folder_that_cannot_be_read_stops_the_start(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere: cannot be loaded: No such file"):
        await store.load("bucket", tmp_path / "nowhere")


async def test_many_files_are_loaded_and_put_back(make_oss: MakeOss, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(100):
        (folder / f"{number:03}").write_text(str(number))
    oss = await make_oss(buckets=buckets(folder))
    await reset(oss)
    assert len(await keys(oss)) == 100
    assert (await oss.get("042")).body == b"42"


async def test_a_reset_that_fails_leaves_everything_as_it_was(
    make_oss: Any, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oss = await make_oss(buckets=buckets(files))
    await oss.put("mine", "1")
    blobs = files_below(oss.emulator.data_dir / "blobs")

    def fail(*_: object) -> None:
        raise OSError("broken")

    with monkeypatch.context() as broken:
        broken.setattr("emulator.storage.tree.Tree.put_aside", fail)
        assert (await oss.request("POST", "/_emulator/reset")).status == 500
    assert len(await keys(oss)) == 3
    assert (await oss.get("a.txt")).body == b"hello"
    assert files_below(oss.emulator.data_dir / "blobs") == blobs


def test_the_folder_has_to_be_there(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("buckets: [{name: photos, load: /no/such/folder}]")
    with pytest.raises(ConfigError, match=r"^buckets\[0\]\.load: expected an existing folder, got '/no/such/folder'"):
        load(file, {}, {})
    file.write_text("buckets: [{name: photos, load: 1}]")
    with pytest.raises(ConfigError, match=r"^buckets\[0\]\.load: expected a path"):
        load(file, {}, {})
    file.write_text(f"buckets: [{{name: photos, load: {tmp_path}}}]")
    assert load(file, {}, {}).loads == [("photos", tmp_path)]
