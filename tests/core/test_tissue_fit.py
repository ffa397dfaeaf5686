"""The material that made a film is found in it again, from a start that is ten times off."""

from dataclasses import replace

import numpy as np
import pytest
from animamimic.core.fit import skin
from animamimic.core.job import PROGRESS_FILE, Request
from animamimic.core.narrator import Narrator
from animamimic.core.settings import Settings
from animamimic.core.soft_stage import beyond_bones
from animamimic.core.time_left import TimeLeft
from animamimic.core.tissue import fit_material, implicit, material_fit, soft_body
from animamimic.core.tissue.cage_motion import move_cage
from animamimic.core.tissue.footage import Footage
from animamimic.core.types import TissueParameters
from animamimic.core.video import flow
from animamimic.core.video.flow import Followed
from soft_films import film, front_view
from soft_subjects import FPS, SETTINGS, column, motion_of, one_bone

TRUE = TissueParameters(np.array([1.5e5]), 3.0, 0.6)


@pytest.fixture(scope="module")
def shaken():
    """A column whose foot is shaken sideways, filmed: body, motion, view, clip, surface float32[T, V, 3]."""
    mesh = column(sides=16, rings=24)
    time = np.arange(15) / FPS
    places = np.zeros((len(time), 3))
    places[:, 0] = 0.3 * np.sin(2 * np.pi * 1.5 * time) * np.minimum(1, 4 * time)
    rig, motion = one_bone(mesh), motion_of(places=places)
    body = soft_body(mesh, rig, motion, FPS, replace(SETTINGS, tissue_resolution=12.0))
    course = move_cage(body.motion, body.recipe.material(TRUE))
    surface = (skin(rig, motion) + body.recipe.cage.at_vertices(course.offsets)).astype(np.float32)
    view = front_view(2.2, 128)
    return body, motion, view, film(mesh, view, surface, FPS), surface


@pytest.mark.parametrize("wrong", [10.0, 0.1])
def test_a_stiffness_ten_times_off_is_found_within_a_quarter(shaken, wrong):
    body, motion, view, clip, _ = shaken
    found = fit_material(body, replace(TRUE, stiffness=wrong * TRUE.stiffness, damping=6.0), motion, view, clip)
    assert found.parameters.stiffness[0] == pytest.approx(TRUE.stiffness[0], rel=0.25)
    assert found.after < 0.5 * found.before
    assert found.seen


def test_where_the_film_shows_the_bones_alone_no_flesh_is_made(shaken, tmp_path):
    body, motion, view, *_ = shaken
    short = replace(motion, rotations=motion.rotations[:8], translations=motion.translations[:8], scales=motion.scales[:8])
    clip = film(body.mesh, view, skin(body.rig, short), FPS)
    settings = Settings(tissue=replace(body.settings, tissue="FITTED", tissue_resolution=20.0))
    narrator = Narrator(tmp_path, TimeLeft(("tissue",), {"tissue": 1.0}))
    tissue, report = beyond_bones(narrator, Request(settings, body.mesh, body.rig, view, FPS), body.rig, short, clip)
    assert tissue.names == () and tissue.offsets.shape == (0, len(body.mesh.vertices), 3) and tissue.values.shape == (8, 0)
    assert tissue.fitted is None, "a re-bake shall not play what no video showed"
    assert tissue.softness is not None, "the group to paint is left all the same"
    assert not report["seen"] and report["shape_keys"] == 0
    assert "none is made" in (tmp_path / PROGRESS_FILE).read_text()


def test_the_picture_s_gradient_is_its_derivative(shaken):
    body, motion, view, clip, surface = shaken
    footage = Footage.of(body.mesh, view, clip)
    footage = footage.followed(skin(body.rig, motion))
    bent = (0.5 * skin(body.rig, motion) + 0.5 * surface).astype(np.float32)
    way = (surface - bent).astype(np.float32)
    _, gradient = footage.difference(bent)
    # The outline's part is exact between two pixels' events only: a mean over a way of some length evens them out.
    ahead, behind = (footage.difference(bent + share * way)[0] for share in (0.1, -0.1))
    assert float((gradient * way).sum()) == pytest.approx((ahead - behind) / 0.2, rel=0.1)


class Sideways:
    """Flow that says that everything has gone two pixels to the right, and is sure of half of it."""

    asked = 0

    def follow(self, one, other, points):
        self.asked += 1
        count = len(points)
        return Followed(np.tile(np.float32([2, 0]), (count, 1)), np.zeros(count, np.float32), np.full(count, 0.5, np.float32))


def test_the_flow_that_was_chosen_tells_where_the_surface_is(shaken):
    body, motion, view, clip, _ = shaken
    rigid = skin(body.rig, motion)
    footage = Footage.of(body.mesh, view, clip, Sideways()).followed(rigid)
    places = footage._pixels(rigid[:, footage.visible])
    assert footage.targets == pytest.approx(places + np.float32([2, 0]), abs=1e-3)
    assert footage.trust.max() == pytest.approx(0.5)


def test_the_setting_of_the_flow_counts_for_the_flesh_too(shaken, tmp_path, monkeypatch):
    body, motion, view, clip, _ = shaken
    settings = Settings(tissue=replace(body.settings, tissue="FITTED", tissue_resolution=20.0))
    settings = replace(settings, fit=replace(settings.fit, flow="RAFT", flow_weights="some.pth"))
    short = replace(motion, rotations=motion.rotations[:3], translations=motion.translations[:3], scales=motion.scales[:3])
    clip = replace(clip, frames=clip.frames[:3], masks=clip.masks[:3])
    sideways, names = Sideways(), []
    monkeypatch.setattr(flow, "follower", lambda *name: names.append(name) or sideways)
    narrator = Narrator(tmp_path, TimeLeft(("tissue",), {"tissue": 1.0}))
    beyond_bones(narrator, Request(settings, body.mesh, body.rig, view, FPS), body.rig, short, clip)
    assert names == [("RAFT", "some.pth")]
    assert sideways.asked > 0


def test_no_material_is_simulated_twice(shaken, monkeypatch):
    body, motion, view, clip, _ = shaken
    short = replace(motion, rotations=motion.rotations[:6], translations=motion.translations[:6], scales=motion.scales[:6])
    body = soft_body(body.mesh, body.rig, short, FPS, body.settings)
    clip = replace(clip, frames=clip.frames[:6], masks=clip.masks[:6])
    tried = []

    def counted(motion, material, **others):
        tried.append((material.young.tobytes(), material.damping, material.pull.tobytes()))
        return move_cage(motion, material, **others)

    monkeypatch.setattr(material_fit, "move_cage", counted)
    fit_material(body, replace(TRUE, stiffness=10 * TRUE.stiffness, damping=6.0), short, view, clip)
    assert len(set(tried)) == len(tried)


def test_a_like_motion_saves_steps_and_changes_nothing(shaken, monkeypatch):
    body, *_ = shaken
    like = move_cage(body.motion, body.recipe.material(TRUE))
    other = body.recipe.material(replace(TRUE, stiffness=1.02 * TRUE.stiffness))
    steps, direction = [], implicit._newton_direction
    monkeypatch.setattr(implicit, "_newton_direction", lambda *arguments: steps.append(1) or direction(*arguments))
    alone = move_cage(body.motion, other)
    many = len(steps)
    guessed = move_cage(body.motion, other, like=like)
    assert np.abs(guessed.offsets - alone.offsets).max() * body.motion.scale < 2 * body.motion.tolerance
    assert len(steps) - many < 0.8 * many
