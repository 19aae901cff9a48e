"""A client that is made to wait for something that may happen."""

import asyncio

from emulator.wire.request import OssRequest


class Waiting:
    """Waits on behalf of `request`'s client. `is_over` once there is nobody to wait for: it has left, or is to leave.

    `wake` is a listener for whatever is waited for. It only takes note, so that who wakes loses no time.
    """

    def __init__(self, request: OssRequest) -> None:
        self._woken = asyncio.Event()
        self.is_over = False
        request.body.when_over(self._end)

    def wake(self, _: object = None) -> None:
        """Something has happened."""
        self._woken.set()

    async def pause(self, seconds: float) -> bool:
        """Until it is woken (also before: what happens between two pauses is not missed), at most so long; was it?"""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    def _end(self) -> None:
        self.is_over = True
        self.wake()
