"""A ring: the last few of an endless row of things, numbered, and honest about what had to go."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Ring(Generic[Item]):
    """Keeps the last `size` items, oldest first. The first ever added is number 1; clearing does not begin anew."""

    def __init__(self, size: int) -> None:
        self._items: deque[Item] = deque(maxlen=size)
        self._cleared = 0
        self.newest = 0
        """The number of the newest item; 0 before there was any."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def evicted(self) -> int:
        """How many had to go since the ring was last cleared."""
        return self.newest - self._cleared - len(self._items)

    def add(self, item: Item) -> None:
        """Keep `item`; in a full ring the oldest one goes."""
        self._items.append(item)
        self.newest += 1

    def after(self, number: int) -> tuple[list[Item], int]:
        """The items behind `number`, and how many of those that came behind it had to go."""
        gone = self.newest - len(self._items)
        return list(islice(self._items, max(0, number - gone), None)), max(0, gone - max(number, self._cleared))

    def clear(self) -> None:
        """Forget every item, and what had to go."""
        self._items.clear()
        self._cleared = self.newest
