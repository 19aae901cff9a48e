"""The plan of the house, held to the imports: they go down the floors, never up or sideways."""

import ast
from collections.abc import Iterator
from pathlib import Path

import emulator

ROOT = Path(emulator.__file__).parent

# From the roof down. A room may import its own files and any room on a floor below.
FLOORS = [
    {"__main__", "pytest_plugin"},
    {"cli", "testing"},
    {"server"},
    {"app", "control"},
    {"operations", "sts"},
    {"transport"},
    {"auth", "context"},
    {"wire", "callback", "storage", "image"},
    {"request_lines"},
    {"faults", "configure", "request_log", "temporary_keys"},
    {"log"},
    {"config"},
    {"errors", "model", "clock", "ring", "wildcard", "yaml_text"},
    {"version_id"},
]
FACE = {"emulator"}  # the package's own __init__: the version, and the public names


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            for name in node.names:
                yield f"{node.module}.{name.name}"
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _room(module: str) -> str | None:
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "emulator" else None


def _floor(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def test_every_room_has_a_floor() -> None:
    rooms = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - {"__init__"} <= set().union(*FLOORS)


def test_imports_go_down_the_floors() -> None:
    rooms = set().union(*FLOORS)
    wrong = []
    for path in ROOT.rglob("*.py"):
        own = path.relative_to(ROOT).with_suffix("").parts[0]
        if own == "__init__":
            continue
        for module in _imports(path):
            room = _room(module)
            if room in rooms and room != own and _floor(room) <= _floor(own):
                wrong.append(f"{path.relative_to(ROOT.parent)} reaches for emulator.{room}")
    assert wrong == []


def test_only_the_corridor_knows_aiohttp_s_server_side() -> None:
    knowing = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if path.parent.name != "transport" and any(module.startswith("aiohttp.web") for module in _imports(path))
    }
    assert knowing == {"app.py", "server.py", "testing/receiver.py"}  # the last is another server
