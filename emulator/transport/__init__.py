"""How requests and answers travel: aiohttp's server side, and the only code that knows it but for `emulator.app`."""
