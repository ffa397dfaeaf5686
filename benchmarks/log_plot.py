"""Two logarithmic axes as a small SVG, without a plotting library."""

import math
from collections.abc import Sequence

SIDE, EDGE = 220, 44


def log_plot(title: str, across: str, points: Sequence[tuple[float, float]], order: float) -> str:
    """An SVG group: errors in % over a count, and a dashed line of the order that is promised."""
    xs, ys = ([math.log10(one[axis]) for one in points] for axis in (0, 1))
    low_x, high_x, low_y, high_y = min(xs), max(xs), min(ys) - 0.1, max(ys) + 0.1

    def place(x: float, y: float) -> str:
        return f"{EDGE + (x - low_x) / (high_x - low_x) * SIDE:.1f},{EDGE + (high_y - y) / (high_y - low_y) * SIDE:.1f}"

    promised = [(xs[0], ys[-1] + order * (xs[-1] - xs[0])), (xs[-1], ys[-1])]
    marks = [f'<circle cx="{place(x, y).split(",")[0]}" cy="{place(x, y).split(",")[1]}" r="3"/>' for x, y in zip(xs, ys, strict=True)]
    names = [f'<text x="{place(x, 0).split(",")[0]}" y="{EDGE + SIDE + 16}" text-anchor="middle">{one[0]:g}</text>' for x, one in zip(xs, points, strict=True)]
    values = [f'<text x="{EDGE - 6}" y="{place(0, y).split(",")[1]}" text-anchor="end">{one[1]:.3g}</text>' for y, one in zip(ys, points, strict=True)]
    lines = [
        f'<rect x="{EDGE}" y="{EDGE}" width="{SIDE}" height="{SIDE}" fill="white" stroke="grey"/>',
        f'<polyline points="{" ".join(place(x, y) for x, y in promised)}" fill="none" stroke="grey" stroke-dasharray="4"/>',
        f'<polyline points="{" ".join(place(x, y) for x, y in zip(xs, ys, strict=True))}" fill="none" stroke="black"/>',
        f'<text x="{EDGE}" y="{EDGE - 12}">{title}; dashed: order {order:g}</text>',
        f'<text x="{EDGE + SIDE / 2}" y="{EDGE + SIDE + 32}" text-anchor="middle">{across}</text>',
    ]
    return "\n".join([*lines, *marks, *names, *values])


def side_by_side(plots: Sequence[str]) -> str:
    """The file: groups beside each other."""
    step = SIDE + 2 * EDGE
    groups = "\n".join(f'<g transform="translate({number * step} 0)">\n{one}\n</g>' for number, one in enumerate(plots))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{step * len(plots)}" height="{SIDE + 2 * EDGE}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{groups}\n</svg>\n'
    )
