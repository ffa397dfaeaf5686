"""Numbers as people read them."""

from collections.abc import Sequence
from itertools import pairwise

STEPS = "▁▂▃▄▅▆▇█"


def duration(seconds: float) -> str:
    """75 -> 1 min 15 s."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def bars(values: Sequence[float], columns: int) -> str:
    """A small graph of one character a column: the tallest bar is the largest value; several values in a column show their largest."""
    count = min(columns, len(values))
    if not count:
        return ""
    edges = [round(index * len(values) / count) for index in range(count + 1)]
    highest = [max(values[begin:end]) for begin, end in pairwise(edges)]
    top = max(highest) or 1.0
    return "".join(STEPS[min(len(STEPS) - 1, int(value / top * len(STEPS)))] for value in highest)
