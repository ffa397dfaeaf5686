"""Restoration by tiny Wan models of the real classes, saved and loaded in the real format."""

import shutil
from dataclasses import replace

import caped
import numpy as np
import pytest
import torch
from animamimic.core import job, pipeline
from animamimic.core.errors import InputError
from animamimic.core.residual.coarse import coarse_film
from animamimic.core.settings import RestoreSettings, from_flat
from animamimic.core.types import Clip
from animamimic.core.video import write_film
from animamimic.core.video.restore import load_restorer, restore_video, restoring_class, velocity_of
from animamimic.core.video.sampler import Renoise, SelfGuidance, sample
from animamimic.core.video.wan import NEGATIVE_PROMPT, Latents

pytest.importorskip("diffusers", reason="the optional dependencies for generation are not installed")

from PIL import Image
from tiny_wan import RESTORERS, text_to_video

SETTINGS = RestoreSettings(restore_prompt="a cape waves", restore_steps=3, restore_size=64)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Name -> folder of a saved pipeline."""
    root = tmp_path_factory.mktemp("models")
    for name, make in {**RESTORERS, "text": text_to_video}.items():
        make().save_pretrained(root / name)
    return root


def clip(frames=7, height=48, width=64):
    """A red square that moves right on white."""
    pictures, masks = np.full((frames, height, width, 3), 255, np.uint8), np.zeros((frames, height, width), np.uint8)
    for frame in range(frames):
        pictures[frame, 10:30, 5 + 3 * frame : 25 + 3 * frame] = (200, 30, 30)
        masks[frame, 10:30, 5 + 3 * frame : 25 + 3 * frame] = 255
    return Clip(pictures, masks, 24.0)


@pytest.mark.parametrize("name", RESTORERS)
def test_each_kind_of_wan_restores_and_a_seed_is_a_result(saved, name):
    """Seven frames, which the model makes nine of; the same seed gives the same film, another seed another."""
    loaded, coarse = load_restorer(str(saved / name)), clip()
    told = []
    first = restore_video(loaded, coarse, SETTINGS, 1, lambda fraction, text: told.append((fraction, text)))
    assert first.shape == coarse.frames.shape
    assert first.dtype == np.uint8
    assert any("step 2 of 2" in text for _, text in told)
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    np.testing.assert_array_equal(first, restore_video(loaded, coarse, SETTINGS, 1))
    assert (first != restore_video(loaded, coarse, SETTINGS, 2)).any()


@pytest.mark.parametrize("name", RESTORERS)
def test_the_velocity_is_the_one_that_the_pipeline_itself_follows(saved, name):
    """Our deterministic sampler without guidance against the library's own loop with its Euler scheduler, from the same noise."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    loaded, frames = load_restorer(str(saved / name)), clip(frames=5).frames
    loaded.scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    settings = replace(SETTINGS, restore_guidance=4.0)
    pictures = [Image.fromarray(frame) for frame in frames]
    driven = {"video": pictures} if name == "vace" else {"image": pictures[0]}
    with torch.inference_mode():
        reference = Latents(loaded.vae, torch.device("cpu")).encode(frames)
        velocity, given = velocity_of(loaded, frames, reference, settings)
        sigmas = [float(sigma) for sigma in loaded.scheduler.sigmas]
        guidance = SelfGuidance(reference, torch.ones(()), 0.0)
        ours = sample(velocity, sigmas, guidance, strength=1.0, generator=torch.Generator().manual_seed(5), renoise=Renoise.NONE)
        if given is not None:
            ours[:, :, 0] = given[:, :, 0]
        noise = torch.randn(reference.shape, generator=torch.Generator().manual_seed(5))
        theirs = loaded(
            **driven, prompt=settings.restore_prompt, negative_prompt=NEGATIVE_PROMPT, height=48, width=64, num_frames=5,
            num_inference_steps=settings.restore_steps, guidance_scale=4.0, latents=noise, output_type="latent", return_dict=False,
        )[0]  # fmt: skip
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_a_strong_pull_decodes_the_coarse_video_itself(saved):
    """With the whole picture held, what comes out is what the autoencoder makes of what went in: no step of ours scales or shifts it."""
    loaded, coarse = load_restorer(str(saved / "vace")), clip(frames=5)
    coarse = Clip(coarse.frames, np.full_like(coarse.masks, 255), 24.0)
    held = RestoreSettings(restore_prompt="a cape", restore_steps=3, restore_size=64, restore_identity=10.0, restore_noise="NONE")
    latents = Latents(loaded.vae, torch.device("cpu"))
    with torch.inference_mode():
        expected = latents.decode(latents.encode(coarse.frames))
    # The last step pulls by 1 - sigma of it times ten, which is more than all.
    assert np.abs(restore_video(loaded, coarse, held, 1).astype(int) - expected.astype(int)).max() <= 1


def test_the_first_frame_that_a_model_is_given_stays(saved):
    """TI2V 5B: whatever is sampled, the first frame's latents are those of the given picture."""
    loaded, coarse = load_restorer(str(saved / "ti2v_5b")), clip(frames=5)
    latents = Latents(loaded.vae, torch.device("cpu"))
    with torch.inference_mode():
        given = latents.decode(latents.encode(coarse.frames[:1]))
    np.testing.assert_array_equal(restore_video(loaded, coarse, SETTINGS, 3)[0], given[0])


@pytest.mark.parametrize("kind", ["RESIDUAL", "RESTORED"])
def test_a_run_bakes_what_lies_beyond_the_bones(saved, tmp_path, kind):
    """Video, fit, the layer, keys: the engine's whole way. What random weights imagine is noise, so only bounds are asked of it."""
    subject, view = caped.caped(frames=5), caped.camera(64)
    write_film(tmp_path / "driving.mp4", caped.film(subject, caped.camera(128)).frames, caped.FPS)
    chosen = {"tissue": kind, "fit_resolution": 64, "restore_model": str(saved / "vace"), "restore_steps": 2, "restore_size": 64, "restore_orbit": 180.0}
    job.write_request(tmp_path, job.Request(from_flat(chosen), subject.mesh, subject.rig, view, caped.FPS, "driving.mp4"))
    assert pipeline.run(tmp_path) == 0
    result = job.read_result(tmp_path)
    assert result.tissue is not None and len(result.tissue.names) > 0
    assert result.tissue.values.shape == (5, len(result.tissue.names))
    np.testing.assert_array_equal(result.tissue.values[0], 0)
    assert np.isfinite(result.tissue.offsets).all()
    assert result.report["tissue"]["largest_pct"] < 40
    assert "settle" in result.report["fit"]["seconds"]  # the bones were found beneath what moves on its own
    assert (tmp_path / "restored.mp4").exists() == (tmp_path / "coarse.mp4").exists() == (kind == "RESTORED")


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("", "No model is chosen"),
        ("no/such/model", "There is no folder"),
        ("text", "is a WanPipeline, which cannot restore a video"),
        ("half", "its part transformer is missing"),
        ("empty", "is no diffusers pipeline"),
    ],
)
def test_a_model_that_cannot_restore_is_told_in_a_sentence(saved, tmp_path, model, sentence):
    if model == "half":
        shutil.copytree(saved / "vace", tmp_path / "half")
        shutil.rmtree(tmp_path / "half" / "transformer")
    (tmp_path / "empty").mkdir()
    place = {"text": saved / "text", "half": tmp_path / "half", "empty": tmp_path / "empty"}.get(model, model)
    with pytest.raises(InputError, match=sentence):
        load_restorer(str(place))


def test_weights_published_for_text_restore_too_where_they_take_a_picture():
    """Wan 2.2 TI2V 5B is stored as a WanPipeline."""
    assert restoring_class({"_class_name": "WanPipeline", "expand_timesteps": True}, "5B") == "WanImageToVideoPipeline"


def test_the_coarse_film_shows_what_the_bones_do():
    """Against the truth of a subject without waves: silhouettes agree, and the frame given is drawn again as it was."""
    subject, view = caped.caped(frames=5, wave=0.0), caped.camera(128)
    truth = caped.film(subject, view)
    coarse = coarse_film(subject.mesh, subject.rig, subject.motion, view, truth.frames[0], caped.FPS)
    both, either = np.minimum(coarse.masks, truth.masks).sum((1, 2), float), np.maximum(coarse.masks, truth.masks).sum((1, 2), float)
    assert (both / either).min() > 0.97
    inside = truth.masks[0] == 255
    assert np.abs(coarse.frames[0].astype(int) - truth.frames[0].astype(int))[inside].mean() < 8
