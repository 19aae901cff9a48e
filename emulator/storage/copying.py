"""Bytes from file to file, inside the kernel where it can: on some file systems nothing is moved at all."""

import errno
import os

_PIECE_BYTES = 1024 * 1024
_NOT_HERE = {errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP}


def copy_bytes(source: int, offset: int, target: int, target_offset: int, count: int) -> None:
    """Copy `count` bytes from `offset` of the open file `source` to `target_offset` of the open file `target`.

    Raises:
        OSError: the disk is full, or broken, or `source` has fewer bytes.
    """
    end = offset + count
    shift = target_offset - offset
    while offset < end:
        copied = _copy_some(source, offset, target, offset + shift, end - offset)
        if copied == 0:
            raise OSError(errno.EIO, "The file is shorter than it was")
        offset += copied


def write_bytes(target: int, data: bytes) -> None:
    """Write all of `data` where the open file `target` stands."""
    written = os.write(target, data)
    while written < len(data):
        written += os.write(target, memoryview(data)[written:])


def _copy_some(source: int, offset: int, target: int, target_offset: int, count: int) -> int:
    try:
        return os.copy_file_range(source, target, count, offset, target_offset)
    except AttributeError:  # no Linux
        pass
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
    piece = os.pread(source, min(count, _PIECE_BYTES), offset)
    return os.pwrite(target, piece, target_offset)
