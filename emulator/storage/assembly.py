"""Where the parts of an upload are written so that completing it moves nothing: side by side in one blob.

Every part but the last has the same size in nearly every upload, so the first one tells where each will lie in the
object: its slot. A part that is written to its slot, by its number, lies where the object needs it; when all do, the
blob is the object. A part that has no slot has a blob of its own, and the upload is completed by copying.

A slot has one writer at a time, and once its part is acknowledged none ever again: bytes that a row names stay as they
are. While an upload is being completed nobody is given one, for the blob may become an object's, which does not change.
"""

from collections.abc import Sequence

from emulator.model import Part
from emulator.storage.blobs import Blobs, BlobWriter

# Where a slot may end: far beyond real objects, and not too far for any file system worth its name.
MAX_BYTES = 1 << 40


class Slot:
    """The place of one part in an assembly, open for writing and nobody else's until it is kept or discarded."""

    def __init__(self, assembly: "Assembly", number: int, position: int, size: int, writer: BlobWriter) -> None:
        """It is that of the part `number`, whose `size` bytes `writer` writes from `position` on."""
        self.blob = assembly.blob
        self.position = position
        self._assembly = assembly
        self._number = number
        self._room = size
        self._writer = writer
        self._is_settled = False

    def write(self, data: bytes) -> None:
        """Append `data`, all of it.

        Raises:
            OSError: the disk is full, or broken.
            ValueError: the part is longer than was said.
        """
        self._room -= len(data)
        if self._room < 0:
            raise ValueError("The part does not fit into its slot")
        self._writer.write(data)

    def finish(self) -> None:
        """Close the file, safe on disk if that was asked for."""
        self._writer.finish()
        self._assembly.sync_name()

    def keep(self) -> None:
        """Say that the part is acknowledged: nobody writes here again."""
        self._settle(is_taken=True)

    def discard(self) -> None:
        """Give the slot back; what was written to it does not count. Saying so again changes nothing."""
        self._writer.close()
        self._settle(is_taken=False)

    def _settle(self, *, is_taken: bool) -> None:
        if not self._is_settled:  # else it may be somebody else's by now
            self._is_settled = True
            self._assembly.settle(self._number, is_taken=is_taken)


class Assembly:
    """The slots of an upload, each `grid` bytes wide, in the blob `blob`."""

    def __init__(self, blobs: Blobs, grid: int) -> None:
        """Make the blob.

        Raises:
            OSError: the disk is full, or broken.
        """
        self.blob = blobs.new_id()
        self._blobs = blobs
        self._grid = grid
        self._in_flight: set[int] = set()
        self._taken: set[int] = set()
        blobs.make_assembly(self.blob)

    def claim(self, number: int, size: int) -> Slot | None:
        """The slot of the part `number`, which has `size` bytes, if it can be had."""
        position = (number - 1) * self._grid
        if number in self._in_flight or number in self._taken:
            return None
        if size > self._grid or position + size > MAX_BYTES:
            return None
        try:
            writer = self._blobs.open_assembly(self.blob, position)
        except OSError:  # a blob of its own may still be had, or tells what is wrong
            return None
        self._in_flight.add(number)
        return Slot(self, number, position, size, writer)

    def settle(self, number: int, *, is_taken: bool) -> None:
        """Say that nobody writes to this slot any more, and never will if it `is_taken`. In whatever thread."""
        if is_taken:
            self._taken.add(number)
        self._in_flight.discard(number)

    def sync_name(self) -> None:
        """Make the blob's name outlive a power cut, if that was asked for."""
        self._blobs.sync_name(self.blob)

    def is_made_of(self, parts: Sequence[Part]) -> bool:
        """Whether its bytes are those of `parts`, and stay so as long as nobody claims a slot."""
        size = 0
        for part in parts:
            if part.blob != self.blob or part.position != size:
                return False
            size += part.size
        found = self._blobs.stat(self.blob)
        return not self._in_flight and found is not None and found.st_size == size
