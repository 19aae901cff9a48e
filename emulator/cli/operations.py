"""`oss-emulator operations`: which operations OSS has, and what the emulator does of them."""

import argparse

from emulator.cli.command import Commands


def add_to(commands: Commands) -> None:
    """Describe the command."""
    text = "print the operations of OSS, and which of them are emulated"
    description = (
        f"{text}. What is stored only is checked, kept and given back, and has no effect here; what is not emulated "
        "answers 501."
    )
    commands.add_parser("operations", help=text, description=description).set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the operation table."""
    from emulator.operations import TABLE

    rows = [("OPERATION", "STATE", "REQUEST"), *((row.name, row.state, row.route) for row in TABLE.rows)]
    width = max(len(name) for name, _, _ in rows)
    for name, state, route in rows:
        print(f"{name:<{width}}  {state:<12}  {route}")
    return 0
