"""The objectives on pictures whose answer is known by hand, and their slopes against finite differences."""

import numpy as np
import pytest
import torch
from animamimic.core.fit import evidence as evidence_module
from animamimic.core.fit.compare import error_map
from animamimic.core.fit.evidence import Evidence, FrameEvidence, Kept, Surroundings, signed_distance
from animamimic.core.fit.look import Drawing
from animamimic.core.fit.memory import Memory
from animamimic.core.fit.objectives import ColourObjective, SilhouetteObjective, TargetObjective
from animamimic.core.render import Raster
from animamimic.core.video.pictures import sample

SIDE = 256


def evidence(image=None, mask=None):
    """A clip of one frame, 256 pixels wide: there, a pixel is the unit of all residuals."""
    image = np.full((SIDE, SIDE, 3), 255, np.uint8) if image is None else image
    mask = np.zeros((SIDE, SIDE), np.uint8) if mask is None else mask
    return Evidence(image[None], mask[None])


def square_mask(first=64, last=192):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[first:last, first:last] = 255
    return mask


def ramp(slope):
    """Brightness rises by `slope` levels of 255 a pixel to the right."""
    return np.repeat((np.arange(SIDE) * slope % 256).astype(np.uint8)[None, :, None], SIDE, 0).repeat(3, 2)


def slope_by_differences(objective, positions, step=1e-3):
    found = np.zeros(positions.shape)
    for axis in range(2):
        move = np.zeros(2)
        move[axis] = step
        found[..., axis] = (objective.quadratic(positions + move).cost - objective.quadratic(positions - move).cost)[:, None] / (2 * step)
    return found


def test_distance_to_a_square_and_half_covered_edge():
    distance = signed_distance(square_mask() / np.float32(255))
    assert distance[128, 60] == pytest.approx(3.5)  # the edge is at x = 64, the pixel's centre at 60.5
    assert distance[128, 64] == pytest.approx(-0.5)
    soft = square_mask() / np.float32(255)
    soft[:, 63] = soft[:, 64] * 0.25
    assert signed_distance(soft)[128, 63] == pytest.approx(0.25)  # a quarter covered: its centre is a quarter outside


def test_samples_lie_at_pixel_centres():
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_allclose(sample(image, np.array([[0.5, 0.5], [1.0, 0.5], [2.5, 2.5]], np.float32)), [0, 0.5, 10], atol=1e-5)


def test_silhouette_pulls_a_stray_rim_point_home():
    """A rim point 3 pixels right of the right edge (its own outline half a pixel outside of it): misfit 3.5, pushed left."""
    objective = SilhouetteObjective(evidence(mask=square_mask()), [0], np.ones((1, 1)), offset=-0.5, tolerance=1e6)
    model = objective.quadratic(np.array([[[195.0, 128.5]]]))
    assert model.cost[0] == pytest.approx(0.5 * 3.5**2, rel=1e-4)
    np.testing.assert_allclose(model.gradient[0, 0], [3.5, 0], atol=1e-3)
    np.testing.assert_allclose(model.information[0, 0], [[1, 0], [0, 0]], atol=1e-3)


def test_colour_on_a_ramp_finds_the_shift():
    """The frame is a ramp of 1/255 a pixel; a point that should be 10 levels darker lies 10 pixels too far right."""
    objective = ColourObjective(evidence(ramp(1)), [0], 1, np.full((1, 1, 3), 90.5 / 255, np.float32), np.ones((1, 1)), tolerance=1e6)
    model = objective.quadratic(np.array([[[101.0, 128.0]]]))
    step = -np.linalg.lstsq(model.information[0, 0], model.gradient[0, 0], rcond=None)[0]
    np.testing.assert_allclose(step, [-10, 0], atol=0.05)


def test_slanted_lines_pull_their_own_items_points():
    """Two items of two points; the second item's second point, (3, 4) off, is pulled twice: by 0.6 * 3 + 0.8 * 4 = 5 each time, along (0.6, 0.8)."""
    positions, targets = np.zeros((2, 2, 2)), np.zeros((2, 2, 2))
    positions[1, 1] = 3, 4
    objective = TargetObjective(1.0, np.array([[0, 0], [1, 1]]), targets, np.ones((2, 2)), np.tile([0.6, 0.8], (2, 2, 1)), tolerance=1e6)
    model = objective.quadratic(positions)
    np.testing.assert_allclose(model.gradient[1], [[0, 0], [6, 8]], rtol=1e-6)
    np.testing.assert_allclose(model.information[1], [np.zeros((2, 2)), [[0.72, 0.96], [0.96, 1.28]]], rtol=1e-6)
    np.testing.assert_allclose(model.information[0], [[[0.72, 0.96], [0.96, 1.28]], np.zeros((2, 2))], rtol=1e-6)
    np.testing.assert_allclose(model.cost, [0, 25], rtol=1e-6)


def test_target_and_line():
    """A free target 3 right and 4 down costs 12.5; as a line across x it costs 4.5 and ignores y."""
    positions = np.array([[[10.0, 10.0]]])
    owners, targets, weights = np.zeros((1, 1), int), np.array([[[13.0, 14.0]]]), np.ones((1, 1))
    free = TargetObjective(1.0, owners, targets, weights, None, tolerance=1e6).quadratic(positions)
    line = TargetObjective(1.0, owners, targets, weights, np.array([[[1.0, 0.0]]]), tolerance=1e6).quadratic(positions)
    assert free.cost[0] == pytest.approx(12.5)
    assert line.cost[0] == pytest.approx(4.5)
    np.testing.assert_allclose(line.gradient[0, 0], [-3, 0])


def test_outliers_lose_their_pull():
    owners, weights = np.zeros((1, 1), int), np.ones((1, 1))
    far = TargetObjective(1.0, owners, np.array([[[1000.0, 0.0]]]), weights, None, tolerance=4.0).quadratic(np.zeros((1, 1, 2)))
    assert far.cost[0] < 0.5 * 4**2
    assert np.abs(far.gradient).max() < 1e-3


@pytest.mark.parametrize("tolerance", [0.05, 1e3])
def test_gradients_agree_with_finite_differences(tolerance):
    """Weights of robust costs are exact derivatives, so the gradient is the cost's slope."""
    noise = np.random.default_rng(0).integers(0, 255, (SIDE // 8, SIDE // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    for objective in (
        ColourObjective(evidence(noise), [0], 0, np.full((1, 1, 3), 0.5, np.float32), np.ones((1, 1)), tolerance),
        TargetObjective(1.0, np.zeros((1, 1), int), np.array([[[101.0, 99.0]]]), np.ones((1, 1)), None, 40 * tolerance),
    ):
        position = np.array([[[100.3, 100.2]]])
        exact, differences = objective.quadratic(position).gradient, slope_by_differences(objective, position, 0.05)
        np.testing.assert_allclose(exact, differences, atol=0.08 * np.abs(differences).max())


def test_many_samples_and_none():
    """More samples than OpenCV takes in one row, and none at all."""
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    positions = np.tile(np.array([[2.5, 1.5]], np.float32), (70_000, 1))
    np.testing.assert_array_equal(sample(image, positions), 6)
    assert sample(np.zeros((3, 4, 3), np.float32), positions[:0]).shape == (0, 3)


def test_a_pixel_s_error_is_its_limited_colour_difference_and_its_mask_s():
    # Two pixels: one drawn in 0.4 over 0.2 (a contrast at which the mask counts whole), the other left as background.
    image, background = (np.array([[[left] * 3, [right] * 3]], np.float32) for left, right in ((0.2, 0.4), (0.2, 1.0)))
    kept = Kept(np.zeros((1, 2), np.float32), np.zeros((0, 2), np.float32), Surroundings((0, 1), background[:, 1:]))
    ready = FrameEvidence(np.rint(255 * image).astype(np.uint8), np.array([[204, 51]], np.uint8), 1.0, kept)
    colours = np.array([[[[0.4] * 3, [0.0] * 3]]], np.float32)
    raster = Raster(torch.tensor([[[0, -1]]], dtype=torch.int32), torch.zeros(1, 1, 2), torch.zeros(1, 0, 4), torch.zeros(0, 3, dtype=torch.int32), "numpy")
    drawing = Drawing(np.zeros((0, 3)), raster, 0, colours[0], np.ones((1, 2), bool))
    drawn, empty = error_map(ready, drawing)[0]
    assert drawn == pytest.approx(3 * 0.2**2 + (1 - 0.8) ** 2)
    assert empty == pytest.approx(3 * 0.3**2 + 0.2**2)  # 0.6 apart, limited to 0.3


def test_surroundings_are_the_frame_s_own_but_where_the_subject_is():
    image = ramp(1)
    image[square_mask() > 0] = 7
    ready = evidence(image, square_mask())[0]
    outside = np.ones((SIDE, SIDE), bool)
    outside[62:194, 62:194] = False
    np.testing.assert_array_equal(ready.background[outside], ready.image[outside])
    assert ready.background[100:150, 100:150].min() > 0.15  # carried on from around it
    assert ready.kept.surroundings.window.shape == (132, 132, 3)


def test_memory_lets_go_of_what_was_not_asked_for_longest_and_makes_it_again():
    made = []

    def make(number):
        made.append(number)
        return [number] * 10

    memory = Memory(5, 25, len)
    assert [memory.get(number, make)[0] for number in (0, 1, 0, 2, 0, 1)] == [0, 1, 0, 2, 0, 1]
    assert made == [0, 1, 2, 1]
    assert (len(memory), memory.taken) == (2, 20)


def test_memory_notices_what_grew_and_keeps_the_least():
    memory = Memory(5, 25, len, least=2)
    grown = memory.get(0, lambda _: [0] * 10)
    grown.extend([0] * 30)
    memory.get(1, lambda _: [0] * 10)
    assert (len(memory), memory.taken) == (2, 50)
    memory.get(2, lambda _: [0] * 10)
    assert (len(memory), memory.taken) == (2, 20)


def test_a_frame_counts_what_it_made():
    ready = evidence(ramp(1), square_mask())[0]
    assert ready.bytes == 0
    assert (ready.blurred(2) is ready.blurred(2), ready.bytes) == (True, 12 * SIDE**2)
    assert (ready.slope.shape, ready.bytes) == ((SIDE, SIDE, 2), 20 * SIDE**2)
    assert ready.error_of_background.max() > 0
    assert ready.bytes == (20 + 4 + 12) * SIDE**2


def test_a_frame_is_measured_while_something_is_added_to_it(monkeypatch):
    """As by another thread, between two steps of whoever walks what the frame holds."""
    ready = evidence(ramp(1), square_mask())[0]
    ready.blurred(2)

    class Meanwhile(tuple):
        def __contains__(self, name):
            vars(ready)[f"added{len(vars(ready))}"] = None
            return super().__contains__(name)

    monkeypatch.setattr(evidence_module, "CHEAP", Meanwhile(evidence_module.CHEAP))
    assert ready.bytes == 12 * SIDE**2
