import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.storage.tree import Tree
from tests.storage.words import files_below


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    folder = tmp_path / "data"
    folder.mkdir()
    tree = Tree(folder, is_shown=True)
    tree.make_bucket("bucket")
    yield tree
    tree.release()


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """The folder of the bucket."""
    return tmp_path / "data" / "buckets" / "bucket"


@pytest.fixture
def blob(tmp_path: Path) -> str:
    """A file to be shown."""
    path = tmp_path / "data" / "blob"
    path.write_bytes(b"bytes")
    return str(path)


def walked(tree: Tree) -> list[str]:
    return [key for key, _ in tree.walk("bucket")]


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("key", id="flat"),
        pytest.param("a/b/c.txt", id="folders"),
        pytest.param(".hidden/.dot", id="dot files"),
        pytest.param("äß 漢\U0001f600\n\x01", id="any character"),
        pytest.param("back\\slash", id="backslash"),
        pytest.param("x" * 255, id="longest segment"),
        pytest.param("...", id="three dots"),
    ],
)
def test_a_key_is_shown_under_its_name_and_goes_with_its_folders(tree: Tree, bucket: Path, blob: str, key: str) -> None:
    tree.link("bucket", key, blob)
    assert (bucket / key).samefile(blob)
    assert walked(tree) == [key]
    tree.remove("bucket", key)
    tree.prune("bucket", key)
    assert list(bucket.iterdir()) == []


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("../outside", id="parent"),
        pytest.param("a/../../outside", id="parent in the middle"),
        pytest.param("..", id="parent alone"),
        pytest.param(".", id="itself"),
        pytest.param("a/./b", id="dot segment"),
        pytest.param("/outside", id="leading slash"),
        pytest.param("a//b", id="empty segment"),
        pytest.param("a/", id="trailing slash"),
        pytest.param("", id="empty"),
        pytest.param("nul\0", id="NUL"),
        pytest.param("x" * 256, id="long segment"),
        pytest.param("é" * 128, id="long segment in bytes"),
        pytest.param("\udcff", id="not UTF-8"),
    ],
)
def test_a_key_that_no_file_name_says_is_not_in_the_tree(tree: Tree, tmp_path: Path, blob: str, key: str) -> None:
    before = files_below(tmp_path)
    tree.link("bucket", key, blob)
    tree.remove("bucket", key)
    assert tree.look("bucket", key) is None
    with pytest.raises(OSError, match="No file name"):
        tree.take("bucket", key, blob + "2")
    assert files_below(tmp_path) == before
    assert tree.is_shown


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("../../outside/key", id="parents first"),
        pytest.param("folder/../../../outside/key", id="parents in the middle"),
        pytest.param("/outside/key", id="leading slash"),
        pytest.param("nul\0/key", id="NUL in a folder"),
        pytest.param("\udcff/key", id="not UTF-8"),
    ],
)
def test_tidying_up_after_a_key_touches_nothing_outside_its_bucket(tree: Tree, tmp_path: Path, key: str) -> None:
    for folder in ("outside", "data/outside", "data/buckets/bucket/folder"):
        (tmp_path / folder).mkdir()
    before = sorted(tmp_path.rglob("*"))
    tree.prune("bucket", key)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_replaces_whatever_file_stands_there(tree: Tree, bucket: Path, blob: str) -> None:
    (bucket / "key").write_bytes(b"dropped")
    tree.link("bucket", "key", blob)
    assert (bucket / "key").samefile(blob)


def test_a_key_and_a_key_below_it_are_not_both_shown(tree: Tree, bucket: Path, blob: str) -> None:
    tree.link("bucket", "a", blob)
    tree.link("bucket", "a/b", blob)
    assert walked(tree) == ["a"]
    tree.remove("bucket", "a/b")
    assert tree.look("bucket", "a/b") is None
    tree.remove("bucket", "a")
    tree.link("bucket", "a/b", blob)
    tree.link("bucket", "a", blob)
    tree.remove("bucket", "a")
    assert walked(tree) == ["a/b"]
    assert tree.look("bucket", "a") is None


def test_symbolic_links_are_neither_followed_nor_seen(tree: Tree, bucket: Path, blob: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"outside")
    (bucket / "folder").symlink_to(outside)
    (bucket / "file").symlink_to(outside / "file")
    assert walked(tree) == []
    assert tree.look("bucket", "file") is None
    assert tree.look("bucket", "folder/file") is None
    tree.remove("bucket", "folder/file")
    tree.link("bucket", "folder/new", blob)
    tree.prune("bucket", "folder/file")
    with pytest.raises(OSError, match="Not a directory"):
        tree.take("bucket", "folder/file", blob + "2")
    with pytest.raises(FileNotFoundError):
        tree.take("bucket", "file", blob + "2")
    assert [path.name for path in files_below(outside)] == ["file"]
    tree.remove("bucket", "file")
    tree.link("bucket", "file", blob)
    assert (outside / "file").read_bytes() == b"outside"
    assert (bucket / "file").samefile(blob)


def test_only_regular_files_are_seen(tree: Tree, bucket: Path, blob: str) -> None:
    os.mkfifo(bucket / "fifo")
    (bucket / "folder").mkdir()
    assert walked(tree) == []
    assert tree.look("bucket", "fifo") is None
    assert tree.look("bucket", "folder") is None
    with pytest.raises(FileNotFoundError):
        tree.take("bucket", "fifo", blob + "2")
    assert not Path(blob + "2").exists()


def test_a_walk_goes_in_the_order_of_the_keys(tree: Tree, blob: str) -> None:
    keys = ["a!", "a/b", "a/b.c", "a/c/d", "a0", "a-b", "A", "é", "a.txt"]
    for key in keys:
        tree.link("bucket", key, blob)
    assert walked(tree) == sorted(keys, key=str.encode)


@pytest.mark.parametrize(
    "name",
    ["notes~", ".notes.swp", "folder/.#notes", "#notes#", ".DS_Store", ".nfs0001", "\\backslash"],
)
def test_a_walk_passes_what_programs_leave_behind(tree: Tree, bucket: Path, name: str) -> None:
    (bucket / "folder").mkdir()
    (bucket / name).touch()
    assert walked(tree) == []
    assert tree.look("bucket", name) is not None


def test_a_walk_passes_names_that_no_key_has(tree: Tree, bucket: Path) -> None:
    Path(os.fsdecode(os.fsencode(bucket) + b"/\xff")).touch()
    deep = bucket / "/".join(["x" * 250] * 5)
    deep.parent.mkdir(parents=True)
    deep.touch()
    assert walked(tree) == []


def test_a_taken_file_keeps_its_place_and_becomes_read_only(tree: Tree, bucket: Path, tmp_path: Path) -> None:
    (bucket / "dropped").write_bytes(b"bytes")
    taken = tree.take("bucket", "dropped", str(tmp_path / "taken"))
    assert taken.st_size == 5
    assert (bucket / "dropped").samefile(tmp_path / "taken")
    assert (bucket / "dropped").stat().st_mode & 0o777 == 0o444


def test_a_taken_file_with_a_name_outside_keeps_its_mode(tree: Tree, bucket: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch(0o644)
    (bucket / "dropped").hardlink_to(outside)
    tree.take("bucket", "dropped", str(tmp_path / "taken"))
    assert outside.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("code", [errno.EPERM, errno.EXDEV, errno.ENOTSUP])
def test_a_file_system_without_links_ends_the_tree_with_one_warning(
    tree: Tree,
    bucket: Path,
    blob: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refuse)
    for key in ("one", "two"):
        tree.link("bucket", key, blob)
    assert [entry.levelno for entry in caplog.records] == [logging.WARNING]
    assert "no hard links" in caplog.text


def test_a_full_link_count_leaves_one_key_out_and_says_nothing(
    tree: Tree, bucket: Path, blob: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMLINK, "Too many links")

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", refuse)
        tree.link("bucket", "one", blob)
    tree.link("bucket", "two", blob)
    assert walked(tree) == ["two"]
    assert caplog.records == []


def test_a_tree_that_is_not_shown_still_loses_what_changed(tmp_path: Path, tree: Tree, bucket: Path, blob: str) -> None:
    tree.link("bucket", "key", blob)
    hidden = Tree(tmp_path / "data", is_shown=False)
    hidden.remove("bucket", "key")
    hidden.link("bucket", "key", blob)
    hidden.release()
    assert walked(tree) == []


def test_the_tree_comes_back_when_somebody_has_deleted_it(tree: Tree, bucket: Path, blob: str) -> None:
    bucket.rmdir()
    bucket.parent.rmdir()
    tree.release()
    tree.remove("bucket", "a/b")
    tree.link("bucket", "a/b", blob)
    assert (bucket / "a" / "b").samefile(blob)


def test_remove_bucket_leaves_files_that_nobody_has_adopted(tree: Tree, bucket: Path) -> None:
    (bucket / "empty" / "empty").mkdir(parents=True)
    (bucket / "full").mkdir()
    (bucket / "full" / "dropped").touch()
    tree.remove_bucket("bucket")
    assert sorted(path.name for path in bucket.rglob("*")) == ["dropped", "full"]
    (bucket / "full" / "dropped").unlink()
    tree.remove_bucket("bucket")
    assert not bucket.exists()


def test_a_folder_that_cannot_be_changed_is_an_error_where_a_link_would_be_left_over(
    tree: Tree, bucket: Path, blob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    tree.link("bucket", "key", blob)
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(PermissionError):
        tree.remove("bucket", "key")


def test_removals_are_on_disk_before_the_commit_where_power_may_be_cut(
    tmp_path: Path, tree: Tree, blob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    tree.link("bucket", "folder/key", blob)
    safe = Tree(tmp_path / "data", is_shown=True, fsync=True)
    safe.remove("bucket", "folder/key")
    safe.release()
    assert synced == ["folder"]
