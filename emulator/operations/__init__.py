"""What OSS does: a file is a chapter of the API reference, and the folder is the registry."""

import importlib
import pkgutil

from emulator.operations import _table

for _chapter in pkgutil.iter_modules(__path__):
    if not _chapter.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_chapter.name}")

TABLE = _table.Table(_table.TABLE)
resolve = TABLE.resolve
