"""The header Range as OSS reads it.

Source: "GetObject"; the suites of the C++, Java and Go SDKs for what leaves the object.
"""

import re

from emulator.errors import InvalidRange

# Only the first of several ranges counts. No size has twenty digits, and `int` refuses thousands of them.
_RANGE = re.compile(r"bytes=\s*([0-9]{0,19})-([0-9]{0,19})\s*(?:,|\Z)")


def parse_range(value: str, size: int, *, is_standard: bool) -> tuple[int, int] | None:
    """The offset and count of bytes that the header `Range: value` means of `size` bytes; `None` is the whole, as 200.

    Where the range leaves the object OSS gives the whole, unless `is_standard` (`x-oss-range-behavior: standard`) asks
    for what the HTTP standard says. A range that cannot be read is no range in either mode.

    Raises:
        InvalidRange: `bytes=-0` in either mode; in standard mode every range without a byte of the object.
    """
    match = _RANGE.match(value)
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        suffix = int(match[2])
        if suffix == 0:
            raise _invalid_range(value, size)
        start, end = size - suffix, size - 1
    else:
        start, end = int(match[1]), int(match[2]) if match[2] else max(size - 1, int(match[1]))
        if end < start:
            return None
    if start >= 0 and end < size:
        return start, end - start + 1
    if not is_standard:
        return None
    start, end = max(start, 0), min(end, size - 1)
    if start > end:
        raise _invalid_range(value, size)
    return start, end - start + 1


def _invalid_range(value: str, size: int) -> InvalidRange:
    return InvalidRange(
        headers={"Content-Range": f"bytes */{size}"},
        hint=f"Range: {value} names no byte of the object, which has {size}.",
    )
