"""The table: a figure a row, a subject a column, the ratio to the emulator beside it, and whether the reach is met."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

SUBJECT = "emulator"


@dataclass(frozen=True)
class Reach:
    """What a figure of the emulator should be: `factor` times as good as `against`, or `factor` itself.

    `against` is a column of the same row, or a name in its `beside`; empty for an absolute bound in the row's unit.
    """

    factor: float
    against: str = ""


@dataclass(frozen=True)
class Row:
    """One figure of every subject that has it, medians over the rounds.

    `beside` are figures of the same unit, taken in the same rounds, that belong to no subject.
    """

    measure: str
    unit: str
    better: Literal["more", "less"]
    figures: Mapping[str, float]
    beside: Mapping[str, float] = field(default_factory=dict)
    reaches: Sequence[Reach] = ()

    def ratio(self, other: str) -> float | None:
        """Say how many times better the emulator is than `other`: above 1 is for the emulator, whatever the unit."""
        own = self.figures.get(SUBJECT)
        theirs = self.figures.get(other, self.beside.get(other))
        if not own or not theirs:
            return None
        return own / theirs if self.better == "more" else theirs / own

    def verdict(self, reach: Reach) -> str:
        """Say in a few words whether a reach is met and, if not, by how much it is missed."""
        own = self.figures.get(SUBJECT)
        if reach.against:
            ratio, wanted = self.ratio(reach.against), f"{reach.factor:.3g}x {reach.against}"
            part = None if ratio is None else ratio / reach.factor
        else:
            wanted = f"{reach.factor:g} {self.unit}"
            part = None if not own else (own / reach.factor if self.better == "more" else reach.factor / own)
        if part is None:
            return f"{wanted}: n/a"
        return f"{wanted}: ok" if part >= 1 else f"{wanted}: MISSED by {(1 - part) * 100:.0f} %"


def number(value: float) -> str:
    """Spell a figure with three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(row: Row, name: str) -> str:
    """Spell a figure and, if it is not the emulator's own, how many times better the emulator is."""
    value = row.figures.get(name)
    if value is None:
        return "n/a"
    ratio = None if name == SUBJECT else row.ratio(name)
    return number(value) + ("" if ratio is None else f" ({ratio:.2f}x)")


def render(rows: Sequence[Row], subjects: Sequence[str], notes: Sequence[str]) -> str:
    """Lay out the table, and the notes under it."""
    lines = [["", "", *subjects, "beside", "reach"]]
    for row in rows:
        beside = [
            f"{name} {number(value)}" + (f" ({ratio:.2f}x)" if (ratio := row.ratio(name)) else "")
            for name, value in row.beside.items()
        ]
        verdicts = [row.verdict(reach) for reach in row.reaches]
        cells = [cell(row, name) for name in subjects]
        lines.append([row.measure, row.unit, *cells, ", ".join(beside), "; ".join(verdicts)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = "\n".join(
        "  ".join(
            word.rjust(width) if 2 <= column < 2 + len(subjects) else word.ljust(width)
            for column, (word, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
    legend = f"(2.00x): {SUBJECT} is twice as good as that, be more or less better."
    return "\n".join([text, "", legend, *notes])
