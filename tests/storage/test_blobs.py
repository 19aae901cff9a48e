import errno
import os
from pathlib import Path

import pytest

from emulator.storage.blobs import Blobs
from tests.storage.words import files_below


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path, run=7, fsync=False)


def test_a_blob_lies_in_the_folder_that_its_id_begins_with(blobs: Blobs, tmp_path: Path) -> None:
    blob = blobs.new_id()
    blobs.write(blob, b"bytes")
    path = tmp_path / "blobs" / blob[:2] / blob
    assert path.read_bytes() == b"bytes"
    assert path.stat().st_mode & 0o777 == 0o444


def test_ids_do_not_repeat_and_spread_over_256_folders(blobs: Blobs) -> None:
    ids = {blobs.new_id() for _ in range(512)}
    assert len(ids) == 512
    assert len({blob[:2] for blob in ids}) == 256


def test_what_is_written_has_the_time_that_is_told(blobs: Blobs) -> None:
    blob = blobs.new_id()
    mtime_ns = blobs.write(blob, b"bytes")
    assert (found := blobs.stat(blob))
    assert found.st_mtime_ns == mtime_ns


def test_a_staged_file_moves_in_whole(blobs: Blobs, tmp_path: Path) -> None:
    writer = blobs.stage()
    writer.write(b"two ")
    writer.write(b"pieces")
    writer.finish()
    blob = blobs.new_id()
    blobs.move_in(blob, writer.path)
    with blobs.open(blob) as file:
        assert file.read() == b"two pieces"
    assert [path.name for path in files_below(tmp_path)] == [blob]


def test_a_write_that_the_disk_takes_in_parts_is_whole(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    blob = blobs.new_id()
    blobs.write(blob, b"ten bytes.")
    monkeypatch.undo()
    with blobs.open(blob) as file:
        assert file.read() == b"ten bytes."


def test_a_failed_write_leaves_nothing(blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        blobs.write(blobs.new_id(), b"bytes")
    assert files_below(tmp_path) == []


def test_a_missing_blob_is_no_file(blobs: Blobs) -> None:
    blob = blobs.new_id()
    with pytest.raises(FileNotFoundError):
        blobs.open(blob)
    assert blobs.stat(blob) is None
    blobs.remove(blob)


def test_unreferenced_blobs_are_those_of_earlier_runs_that_no_row_names(tmp_path: Path) -> None:
    earlier = Blobs(tmp_path, run=6, fsync=False)
    old = [earlier.new_id() for _ in range(600)]
    for blob in old:
        earlier.write(blob, b"")
    now = Blobs(tmp_path, run=7, fsync=False)
    now.write(now.new_id(), b"")
    (tmp_path / "blobs" / "00" / "somebody's notes").touch()
    referenced = set(old[::3])
    assert set(now.unreferenced(sorted({*referenced, "ff-9-gone"}))) == set(old) - referenced


def test_left_staged_is_what_earlier_runs_have_left(tmp_path: Path) -> None:
    left = Blobs(tmp_path, run=6, fsync=False).stage()
    left.close()
    now = Blobs(tmp_path, run=7, fsync=False)
    now.stage().close()
    assert now.left_staged() == [left.path]


def test_put_aside_leaves_an_empty_folder_and_the_old_blobs_to_be_removed(blobs: Blobs, tmp_path: Path) -> None:
    blob = blobs.new_id()
    blobs.write(blob, b"old")
    aside = blobs.put_aside()
    assert files_below(tmp_path / "blobs") == []
    assert [path.read_bytes() for path in files_below(Path(aside))] == [b"old"]


def test_everything_is_on_disk_before_it_is_told_where_power_may_be_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    blobs = Blobs(tmp_path, run=1, fsync=True)
    blob = blobs.new_id()
    blobs.write(blob, b"bytes")
    assert synced == ["blobs", blob, blob[:2]]
    synced.clear()
    writer = blobs.stage()
    writer.finish()
    blobs.move_in(blobs.new_id(), writer.path)
    assert synced == [Path(writer.path).name, "blobs", "02"]
