"""Following points from picture to picture: dense inverse search for real, the networks with random weights or stand-ins."""

import sys

import cv2
import numpy as np
import pytest
import torch
from animamimic.core.errors import InputError
from animamimic.core.video import flow
from animamimic.core.video.flow import COARSE_DIS, DIS, QUICK_DIS, file_with_weights, follower
from animamimic.core.video.raft import Raft

SHIFT = (4, -3)
"""Pixels to the right, and down."""

POINTS = np.array([[40.5, 50.5], [61.25, 33.75], [80.0, 60.0]], np.float32)

LAID_OUT_AS_COTRACKER = '''
import torch


class Predictor(torch.nn.Module):
    """Follows by the peak of the phase correlation of a film's two pictures, which is exact where one is the other moved round."""

    def __init__(self):
        super().__init__()
        self.model = torch.nn.Linear(2, 3)

    def forward(self, video, queries):
        frames, _, height, width = video.shape[1:]
        assert video.shape[:3] == (1, 2, 3) and 200 < video.max() <= 255
        assert queries.shape[0] == 1 and queries.shape[2] == 3 and (queries[..., 0] == 0).all()
        one, other = (torch.fft.fft2(picture.mean(0)) for picture in video[0])
        product = other * one.conj()
        place = int(torch.fft.ifft2(product / (product.abs() + 1e-3)).real.argmax())
        down, right = ((at + size // 2) % size - size // 2 for at, size in ((place // width, height), (place % width, width)))
        moved = queries[..., 1:] + torch.tensor([right, down])
        return torch.stack([queries[..., 1:], moved], 1), torch.tensor([True] + [False] * (queries.shape[1] - 1)).expand(1, 2, -1)


def cotracker3_offline(pretrained=True):
    assert not pretrained
    return Predictor()
'''


def pictures(height=90, width=120):
    """Two textured pictures float32[H, W, 3], the second the first moved round by `SHIFT`."""
    coarse = np.random.default_rng(0).random((height // 6, width // 6, 3))
    one = np.kron(coarse, np.ones((6, 6, 1))).astype(np.float32)
    one = (one + np.roll(one, 2, 0) + np.roll(one, 2, 1)) / 3
    return one, np.roll(one, (SHIFT[1], SHIFT[0]), (0, 1))


@pytest.fixture
def empty_hub(tmp_path, monkeypatch):
    """A folder of torch.hub's with nothing in it, and a network that nobody may ask."""

    def refuse(*_, **__):
        raise AssertionError("something was fetched")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    (tmp_path / "checkpoints").mkdir()
    return tmp_path


@pytest.fixture(scope="module")
def optical_flow():
    """torchvision's module. A torchvision that was built for another build of the same torch lacks its compiled operators and asks for
    two of their names when imported; RAFT uses none of them."""
    if not _imports_torchvision():
        pytest.skip("torchvision is not installed")
    from torchvision.models import optical_flow

    return optical_flow


def _imports_torchvision():
    try:
        import torchvision  # noqa: F401
    except ImportError:
        return False
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return True


@pytest.mark.parametrize("search", [DIS, QUICK_DIS, COARSE_DIS])
def test_dense_inverse_search_finds_a_known_shift_both_ways(search):
    found = search.follow(*pictures(), POINTS)
    assert np.abs(found.moved - SHIFT).max() < 0.3
    assert found.missed.max() < 0.3
    assert found.shown.tolist() == [1, 1, 1]


def settings(search):
    """What can be asked of OpenCV's search."""
    return {name: getattr(search, name)() for name in dir(search) if name.startswith("get") and name != "getDefaultName"}


def test_searches_are_opencvs_presets_but_the_quick_one():
    medium, fast = (cv2.DISOpticalFlow.create(preset) for preset in (cv2.DISOPTICAL_FLOW_PRESET_MEDIUM, cv2.DISOPTICAL_FLOW_PRESET_FAST))
    assert settings(DIS._search()) == settings(medium)
    assert settings(COARSE_DIS._search()) == settings(fast)
    quick = settings(medium) | {"getPatchStride": 6, "getGradientDescentIterations": 12, "getVariationalRefinementIterations": 3}
    assert settings(QUICK_DIS._search()) == quick


def test_points_whose_way_back_leads_elsewhere_are_missed_by_that_much():
    one, _ = pictures()
    other = pictures()[1].copy()
    other[:, :60] = 0.5  # the left half is covered
    missed = DIS.follow(one, other, np.array([[20.5, 45.5], [95.5, 45.5]], np.float32)).missed
    assert missed[1] < 0.5
    assert missed[0] > 2


def test_points_are_followed_as_in_the_whole_picture_though_only_their_surroundings_are_searched(monkeypatch):
    one, other = pictures(240, 240)
    points = np.array([[x, y] for x in (15.5, 40.5, 70.5) for y in (10.5, 60.5)], np.float32)
    around = DIS.follow(one, other, points)
    rows, columns = flow.window(points, one.shape)
    assert (rows.start, rows.stop < 150, columns.start, columns.stop < 200) == (0, True, 0, True)
    monkeypatch.setattr(flow, "MARGIN", 1.0)
    whole = DIS.follow(one, other, points)
    np.testing.assert_allclose(around.moved, whole.moved, atol=0.1)


def test_what_is_searched_reaches_as_far_as_the_whole_pictures_pyramid():
    """A single point at the border: three quarters of the longer side one way, half of it the other."""
    rows, columns = flow.window(np.array([[399.0, 5.0]], np.float32), (300, 400))
    assert (columns.stop - columns.start, rows.stop - rows.start) == pytest.approx((300, 200), abs=1)
    assert (columns.stop, rows.start) == (400, 0)


def test_no_points_are_followed_nowhere():
    found = DIS.follow(*pictures(), POINTS[:0])
    assert (found.moved.shape, found.missed.shape, found.shown.shape) == ((0, 2), (0,), (0,))


def test_raft_is_given_both_directions_and_its_last_answer_is_read_at_the_points():
    class Network(torch.nn.Module):
        """Says that everything moves by 5 plus a tenth of its column, and a half down, and the other way round exactly back."""

        def forward(self, first, second):
            assert first.shape == second.shape == (2, 3, 128, 168)  # 90 x 165 enlarged to its least height, and to a multiple of 8
            assert torch.equal(first, second.flip(0))
            assert first.min() >= -1 and first.max() <= 1 and first.min() < -0.5
            column = torch.arange(168.0) + 0.5
            there, back = 5 + 0.1 * column, -(5 + 0.1 * column) / 1.1
            flows = torch.stack([torch.stack([way.expand(128, 168), torch.full((128, 168), down)]) for way, down in ((there, 0.5), (back, -0.5))])
            return [torch.zeros_like(flows), flows]

    one, other = pictures(90, 165)
    found = Raft(Network()).follow(one[:, :165], other[:, :165], POINTS)
    assert found.moved == pytest.approx(np.stack([5 + 0.1 * POINTS[:, 0], [0.5] * 3], 1), abs=1e-4)
    assert found.missed.max() < 0.02


@pytest.mark.parametrize("size", ["small", "large"])
def test_raft_runs_from_a_file_of_weights_as_torch_keeps_them(optical_flow, empty_hub, size):
    torch.manual_seed(0)
    network = getattr(optical_flow, f"raft_{size}")(weights=None)
    names = {"small": "raft_small_C_T_V2-01064c6d.pth", "large": "raft_large_C_T_SKHT_V2-ff5fadd5.pth"}
    torch.save(network.state_dict(), empty_hub / "checkpoints" / names[size])
    one, other = pictures()
    found = follower("RAFT").follow(one, other, POINTS)
    again = follower("RAFT", str(empty_hub / "checkpoints" / names[size])).follow(one, other, POINTS)
    padded = [torch.from_numpy(np.pad(2 * one - 1, ((0, 38), (0, 8), (0, 0)), mode="edge")).permute(2, 0, 1)[None] for one in (one, other)]
    with torch.inference_mode():
        told = network.eval()(*padded)[-1][0, :, 50, 40]  # the pixel whose centre is the first point
    assert found.moved[0] == pytest.approx(told.numpy(), abs=1e-2)
    assert np.isfinite(found.missed).all()
    assert np.array_equal(found.moved, again.moved)


def test_cotracker_is_asked_from_the_hubs_folder_and_says_what_is_hidden(empty_hub):
    program = empty_hub / "facebookresearch_co-tracker_main"
    program.mkdir()
    (program / "hubconf.py").write_text(LAID_OUT_AS_COTRACKER)
    torch.save(torch.nn.Linear(2, 3).state_dict(), empty_hub / "checkpoints" / "scaled_offline.pth")
    found = follower("COTRACKER").follow(*pictures(), POINTS)
    assert found.moved == pytest.approx(np.tile(SHIFT, (3, 1)), abs=1e-4)
    assert found.missed.max() < 1e-4
    assert found.shown.tolist() == [1, 0, 0]


def test_the_file_with_weights_is_the_one_given_or_where_torch_keeps_it(empty_hub):
    kept, given = empty_hub / "checkpoints" / "scaled_offline.pth", empty_hub / "own.pth"
    for path in (kept, given):
        path.touch()
    assert file_with_weights("COTRACKER") == kept
    assert file_with_weights("COTRACKER", str(given)) == given


def test_what_is_missing_is_told_and_never_fetched(empty_hub, monkeypatch):
    with pytest.raises(InputError, match=r"CoTracker needs its program.*choose DIS"):
        follower("COTRACKER")
    for name in ("torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r"needs torchvision.*choose DIS"):
        follower("RAFT")
    with pytest.raises(InputError, match="no optical flow called 'LUCAS'"):
        follower("LUCAS")


def test_missing_and_wrong_weights_are_told(optical_flow, empty_hub):
    with pytest.raises(InputError, match=r"weights of RAFT are not on this machine.*raft_large"):
        follower("RAFT")
    wrong = empty_hub / "wrong.pth"
    with pytest.raises(InputError, match=r"not on this machine: .*wrong\.pth"):
        follower("RAFT", str(wrong))
    wrong.write_text("no weights")
    with pytest.raises(InputError, match="cannot be read as weights"):
        follower("RAFT", str(wrong))
    torch.save(["a list"], wrong)
    with pytest.raises(InputError, match="holds no weights"):
        follower("RAFT", str(wrong))
    torch.save(torch.nn.Linear(2, 3).state_dict(), wrong)
    with pytest.raises(InputError, match="another network than RAFT"):
        follower("RAFT", str(wrong))
