"""`oss-emulator operations`."""

from emulator.cli import main
from emulator.operations import TABLE


def test_operations_prints_every_row_of_the_table(capsys):
    assert main(["operations"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == ["OPERATION", "EMULATED", "REQUEST"]
    assert [tuple(line.split(maxsplit=2)) for line in lines] == [
        (row.name, "yes" if row.function else "no", row.route) for row in TABLE.rows
    ]
    assert any(line.startswith("PutObject ") and " yes " in line for line in lines)
