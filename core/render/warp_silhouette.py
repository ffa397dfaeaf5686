# mypy: disable-error-code="valid-type,index,assignment,return-value,misc,operator,arg-type,call-overload,empty-body"
"""Warp kernel of the walk over the mesh, along a scanline, to the edge where the surface turns away."""

import warp as wp

from .warp_screen import OPTIONS, on_screen

wp.set_module_options(OPTIONS)

MOST_STEPS = wp.constant(256)
CELL = 8
MARK = wp.constant(wp.uint8(255))
REACH = wp.constant(2.5)
"""Pixels from an edge to the centre of a pixel that looks for it: a walk meets edges a pixel from where it starts, which is that pixel or its right or
lower neighbour; the rest is for rounding."""


@wp.kernel
def to_screen(clip: wp.array2d(dtype=wp.vec4), width: int, height: int, screen: wp.array2d(dtype=wp.vec2)) -> None:
    """Where the vertices land. One thread a frame and vertex."""
    f, v = wp.tid()
    screen[f, v] = on_screen(clip[f, v], width, height)


@wp.func
def cross(p: wp.vec2, q: wp.vec2) -> float:
    """Cross product; changes sign exactly when p and q change places."""
    return p[0] * q[1] - p[1] * q[0]


@wp.func
def exit_edge(
    screen: wp.array2d(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    f: int,
    t: int,
    entered: int,
    axis: int,
    start: wp.vec2,
    sign: float,
) -> wp.vec2:
    """Where the scanline through `start` leaves triangle t.

    axis: 0 along x, 1 along y. entered: the edge that it came in by, -1 at first. sign: +1 or -1, the way that it goes.
    Returns how far from `start` the crossing lies, pixels, and the edge's number, -1 where no other edge is crossed.
    """
    best = wp.float32(-1.0e9)
    edge = wp.float32(-1.0)
    for k in range(3):
        p = screen[f, triangles[t, k]]
        q = screen[f, triangles[t, (k + 1) % 3]]
        off_p = p[1 - axis] - start[1 - axis]
        off_q = q[1 - axis] - start[1 - axis]
        along = (p[axis] - off_p / (off_q - off_p) * (q[axis] - p[axis]) - start[axis]) * sign
        along = wp.where((off_p >= 0.0) != (off_q >= 0.0), along, best)  # no branch here, since nobody could foretell which way it goes
        along = wp.where(k == entered, best, along)
        edge = wp.where(along > best, float(k), edge)
        best = wp.where(along > best, along, best)
    return wp.vec2(best, edge)


@wp.func
def turns_away(screen: wp.array2d(dtype=wp.vec2), triangles: wp.array2d(dtype=wp.int32), f: int, t: int, k: int, beyond: int) -> bool:
    """Whether the surface ends or folds back at edge k of triangle t. beyond: 4 * neighbour + its edge, -1 for none."""
    if beyond < 0:
        return True
    t2 = beyond >> 2
    k2 = beyond & 3
    p = screen[f, triangles[t, k]]
    along = screen[f, triangles[t, (k + 1) % 3]] - p
    here = cross(along, screen[f, triangles[t, (k + 2) % 3]] - p)
    there = cross(along, screen[f, triangles[t2, (k2 + 2) % 3]] - p)
    return not (here * there <= 0.0)  # a neighbour behind the camera is NaN, was not drawn, and so ends the surface


@wp.func
def find_silhouette(
    screen: wp.array2d(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    neighbours: wp.array2d(dtype=wp.int32),
    f: int,
    first: int,
    goal: int,
    axis: int,
    start: wp.vec2,
    sign: float,
) -> int:
    """Walk from triangle `first` along the scanline until the surface turns away: 3 * triangle + edge, or -1 where it does not
    within a pixel or before the triangle `goal`, which the other pixel sees."""
    t = int(first)
    entered = wp.int32(-1)
    found = wp.int32(-1)
    steps = wp.int32(0)
    while steps < MOST_STEPS:
        steps = steps + 1
        crossing = exit_edge(screen, triangles, f, t, entered, axis, start, sign)
        k = int(crossing[1])
        if k < 0 or wp.abs(crossing[0]) > 1.0:
            steps = MOST_STEPS
        else:
            beyond = neighbours[t, k]
            if turns_away(screen, triangles, f, t, k, beyond):
                edge = screen[f, triangles[t, (k + 1) % 3]] - screen[f, triangles[t, k]]
                if wp.abs(edge[1 - axis]) >= wp.abs(edge[axis]):
                    found = 3 * t + k
                steps = MOST_STEPS
            else:
                t = beyond >> 2
                entered = beyond & 3
                if t == goal:
                    steps = MOST_STEPS
    return found


@wp.func_native("""
    const int *beyond = neighbours.data + 3 * a;
    return (beyond[0] >> 2 == b) | (beyond[1] >> 2 == b) << 1 | (beyond[2] >> 2 == b) << 2;
    """)
def shared_edges(neighbours: wp.array2d(dtype=wp.int32), a: int, b: int) -> int:
    """One bit for each of triangle a's edges, set where b lies across it."""
    ...


@wp.func
def goes_straight_on(
    screen: wp.array2d(dtype=wp.vec2), triangles: wp.array2d(dtype=wp.int32), neighbours: wp.array2d(dtype=wp.int32), f: int, a: int, b: int
) -> bool:
    """Whether triangles a and b share an edge over which the surface goes on: the common case inside, told without a walk."""
    shared = shared_edges(neighbours, a, b)
    if shared == 0:
        return False
    k = wp.where((shared & 1) != 0, 0, wp.where((shared & 2) != 0, 1, 2))
    return not turns_away(screen, triangles, f, a, k, neighbours[a, k])


@wp.kernel
def mark_turns(
    screen: wp.array2d(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    neighbours: wp.array2d(dtype=wp.int32),
    width: int,
    height: int,
    cells: wp.array3d(dtype=wp.uint8),
) -> None:
    """Mark the cells of `CELL` x `CELL` pixels from which a walk can meet an edge where the surface turns away. One thread a frame and triangle."""
    f, t = wp.tid()
    for k in range(3):
        if turns_away(screen, triangles, f, t, k, neighbours[t, k]):
            p = screen[f, triangles[t, k]]
            q = screen[f, triangles[t, (k + 1) % 3]]
            total = p[0] + p[1] + q[0] + q[1]
            if total == total:  # a walk meets no edge with an end that is not a number
                left = int(wp.clamp(wp.min(p[0], q[0]) - REACH, 0.0, float(width))) // CELL
                right = int(wp.clamp(wp.max(p[0], q[0]) + REACH, -1.0, float(width - 1))) // CELL
                top = int(wp.clamp(wp.min(p[1], q[1]) - REACH, 0.0, float(height))) // CELL
                bottom = int(wp.clamp(wp.max(p[1], q[1]) + REACH, -1.0, float(height - 1))) // CELL
                for row in range(top, bottom + 1):
                    for column in range(left, right + 1):
                        cells[f, row, column] = MARK


@wp.func_native("""
    unsigned int marks;
    memcpy(&marks, cells.data + (frame * cells.shape[1] + row) * cells.shape[2] + column, 4);
    return marks;
    """)
def marks_of(cells: wp.array3d(dtype=wp.uint8), frame: int, row: int, column: int) -> wp.uint32:
    """One bit for each of 32 pixels of a row, set where its cell is marked: four cells' marks as they lie in memory, the first the lowest."""
    ...


@wp.func_native("""
    const int *here = ids.data + pixel, *there = here + step;
    unsigned int differ = 0;
    #ifndef __CUDA_ARCH__
    typedef int numbers __attribute__((ext_vector_type(16)));
    typedef bool answers __attribute__((ext_vector_type(16)));
    if (pixel + step + 32 <= ids.shape[0]) {
        for (int k = 0; k < 32; k += 16) {
            numbers one, other;
            __builtin_memcpy(&one, here + k, 64);
            __builtin_memcpy(&other, there + k, 64);
            differ |= (unsigned int)__builtin_bit_cast(unsigned short, __builtin_convertvector(one != other, answers)) << k;
        }
        return count < 32 ? differ & ((1u << count) - 1) : differ;
    }
    #endif
    for (int k = 0; k < 32 && k < count; k++) differ |= (unsigned int)(here[k] != there[k]) << k;
    return differ;
    """)
def differing(ids: wp.array(dtype=wp.int32), pixel: int, count: int, step: int) -> wp.uint32:
    """One bit for each of 32 pixels from `pixel` on, but no more than `count`, set where the one `step` further sees another triangle."""
    ...


@wp.func_native("""
    int k = 0;
    #ifdef __CUDA_ARCH__
    k = __ffs(bits) - 1;
    #else
    k = __builtin_ctz(bits);
    #endif
    return k;
    """)
def lowest(bits: wp.uint32) -> int:
    """The number of the lowest bit that is set."""
    ...


@wp.func
def crossing_between(
    ids: wp.array(dtype=wp.int32),
    depth: wp.array(dtype=wp.float32),
    screen: wp.array2d(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    neighbours: wp.array2d(dtype=wp.int32),
    f: int,
    pixel: int,
    other: int,
    start: wp.vec2,
    axis: int,
) -> wp.vec2i:
    """The silhouette's edge between two pixels' centres (3 * triangle + edge, or -1), and whether `other` is the nearer one.

    start: the centre of `pixel`. `other`, to its right (axis 0) or below it (axis 1), sees another triangle.
    """
    a = ids[pixel]
    b = ids[other]
    swapped = int(a < 0)
    if a >= 0 and b >= 0:
        swapped = int(depth[pixel] > depth[other])
        if goes_straight_on(screen, triangles, neighbours, f, wp.where(swapped, b, a), wp.where(swapped, a, b)):
            return wp.vec2i(-1, swapped)
    if swapped:
        start[axis] = start[axis] + 1.0
        return wp.vec2i(find_silhouette(screen, triangles, neighbours, f, b, a, axis, start, -1.0), 1)
    return wp.vec2i(find_silhouette(screen, triangles, neighbours, f, a, b, axis, start, 1.0), 0)


@wp.kernel
def silhouette_crossings(
    ids: wp.array(dtype=wp.int32),
    depth: wp.array(dtype=wp.float32),
    screen: wp.array2d(dtype=wp.vec2),
    triangles: wp.array2d(dtype=wp.int32),
    neighbours: wp.array2d(dtype=wp.int32),
    cells: wp.array3d(dtype=wp.uint8),
    width: int,
    height: int,
    count: wp.array(dtype=wp.int32),
    places: wp.array(dtype=wp.int64),
    edges: wp.array(dtype=wp.int32),
) -> None:
    """All pairs of neighbouring pixels with a silhouette between them, in no order. One thread a row."""
    f, row = wp.tid()
    first = (f * height + row) * width
    for axis in range(2):
        step = wp.where(axis == 1, width, 1)
        pairs = wp.where(axis == 1, wp.where(row + 1 < height, width, 0), width - 1)
        for block in range(0, pairs, 32):
            differ = marks_of(cells, f, row // CELL, block // CELL)
            if differ != wp.uint32(0):
                differ = differ & differing(ids, first + block, pairs - block, step)
            while differ != wp.uint32(0):
                column = block + lowest(differ)
                differ = differ & (differ - wp.uint32(1))
                pixel = first + column
                start = wp.vec2(float(column) + 0.5, float(row) + 0.5)
                found = crossing_between(ids, depth, screen, triangles, neighbours, f, pixel, pixel + step, start, axis)
                if found[0] >= 0:
                    slot = wp.atomic_add(count, 0, 1)
                    places[slot] = wp.int64(pixel) * wp.int64(4) + wp.int64(2 * axis + found[1])
                    edges[slot] = found[0]
