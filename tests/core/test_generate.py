"""Every kind of model is loaded and sampled through the one code path; what cannot be used says so; sizes come back exactly."""

import json
import shutil

import cv2
import numpy as np
import pytest

pytest.importorskip("diffusers", reason="needs the extra 'generate'")

import tiny_models
from animamimic.core.candidate_files import candidates_with, still_of
from animamimic.core.errors import CancelledError, EngineError, InputError
from animamimic.core.prompts import STILL, full_prompt
from animamimic.core.settings import GenerateSettings
from animamimic.core.types import View
from animamimic.core.video.decode import open_film, pictures
from animamimic.core.video.generate import generate, kept, make, sampling
from animamimic.core.video.generate.latent_preview import coloured
from animamimic.core.video.generate.loading import load_pipeline
from animamimic.core.video.generate.memory import Device, MemoryPlan, plan_memory
from animamimic.core.video.generate.models import MODELS, row_of
from animamimic.core.video.generate.picture import brought_back, shape_for, start_picture
from animamimic.core.video.generate.source import find_pipeline, video_model, weight_bytes

TINY = {
    "Wan 2.2 TI2V 5B": tiny_models.wan_22_ti2v,
    "Wan 2.2 I2V 14B": tiny_models.wan_22,
    "Wan 2.1 I2V 14B": tiny_models.wan_21,
    "LTX-Video": tiny_models.ltx,
    "LTX-2": tiny_models.ltx2,
    "CogVideoX 5B I2V": tiny_models.cogvideox,
    "HunyuanVideo I2V": tiny_models.hunyuan,
    "Stable Video Diffusion XT": tiny_models.stable_video,
}
VIEW = View(96, 64, np.eye(4), np.eye(4))
PLAIN = MemoryPlan()


@pytest.fixture(scope="module")
def cog(tmp_path_factory):
    """A small model that is quick to sample."""
    return tiny_models.saved(tiny_models.cogvideox, tmp_path_factory.mktemp("cog"))


@pytest.fixture
def render():
    """A red square on nothing, RGBA."""
    picture = np.zeros((64, 96, 4), np.uint8)
    picture[20:44, 36:60] = (200, 30, 30, 255)
    return picture


def settings(folder, **more):
    return GenerateSettings(**{"prompt": "a fish swims", "model": str(folder), "steps": 2, "video_size": 64, **more})


def loaded(folder, plan=PLAIN):
    """What is known of a saved model, and its pipeline."""
    source = find_pipeline(str(folder), video_model)
    row = video_model(source.index, str(folder))
    return row, load_pipeline(source, plan, row.pipeline)


def sampled(folder, render, plan=PLAIN):
    """float[T, h, w, 3], 0 to 255, and the pipeline that made it."""
    row, pipeline = loaded(folder, plan)
    shape = shape_for(row, 96, 64, longer_side=64, frames=2)
    return np.array(sampling.sample(pipeline, row, sampling.Wish("a fish", "blur", start_picture(render, shape), shape, steps=1), lambda *_: None), float), pipeline


def shown(video):
    """int[T, H, W, 3]."""
    return np.array([picture.rgb for picture in pictures(open_film(video))], int)


@pytest.mark.parametrize("name", TINY)
def test_a_model_of_every_row_is_loaded_and_makes_a_video_that_its_seed_repeats(name, tmp_path, render):
    folder = tiny_models.saved(TINY[name], tmp_path / "model")
    told, previews = [], []
    made = generate(render, VIEW, settings(folder), tmp_path, frames=3, progress=lambda fraction, text: told.append((fraction, text)), show=previews.append)
    (row,) = [one for one in MODELS if one.name == name]
    assert made.notes["model"] == name
    assert open_film(made.videos[0]).fps == row.fps
    frames = list(pictures(open_film(made.videos[0])))
    assert len(frames) == max(row.frames_step + 1, 3)  # the least that the row's rule allows
    assert frames[0].rgb.shape == (64, 96, 3)
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert any("step 2 of 2" in text for _, text in told)
    assert [picture.shape[0] for picture in previews] == [make.SHEET_HEIGHT] * 2  # one a step, from latents however they are packed
    assert cv2.imread(str(still_of(made.videos[0]))).shape == (64, 96, 3)
    first = shown(made.videos[0])
    again, other = (shown(generate(render, VIEW, settings(folder), tmp_path, frames=3, seed=seed).videos[0]) for seed in (0, 1))
    np.testing.assert_array_equal(again, first)
    assert (other != first).any()


def test_every_row_is_tried():
    assert {row.name for row in MODELS} == set(TINY)


def test_candidates_differ_by_their_seed_and_one_is_made_again_alone(cog, tmp_path, render):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    first = generate(render, VIEW, settings(cog, candidates=2), one, seed=5, frames=9)
    again = generate(render, VIEW, settings(cog), two, seed=6, frames=9)
    assert [path.name for path in first.videos] == ["generated-1.mp4", "generated-2.mp4"]
    assert abs(shown(first.videos[0]) - shown(first.videos[1])).mean() > 10.0
    np.testing.assert_array_equal(shown(first.videos[1]), shown(again.videos[0]))  # also where another candidate was made before it
    sheet = cv2.imread(str(first.sheet))
    assert sheet.shape[0] == 2 * make.SHEET_HEIGHT
    assert candidates_with(first.videos[1]) == first.videos


def test_it_ends_between_two_steps(cog, tmp_path, render):
    steps = []

    def cancel(fraction, text):
        if "step" in text:
            steps.append(text)
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        generate(render, VIEW, settings(cog, steps=9), tmp_path, frames=9, progress=cancel)
    assert len(steps) == 1


def test_memory_that_runs_out_is_told_with_what_to_change(cog, render, monkeypatch):
    row, pipeline = loaded(cog)
    shape = shape_for(row, 96, 64, longer_side=64, frames=9)
    wish = sampling.Wish("a", "", start_picture(render, shape), shape, steps=1)

    def exhausted(*_, **__):
        raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")

    monkeypatch.setattr(pipeline.transformer, "forward", exhausted)
    with pytest.raises(EngineError, match=r"Memory ran out for 9 frames of 64 x 48.*fewer frames"):
        sampling.sample(pipeline, row, wish, lambda *_: None)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda model: shutil.rmtree(model / "vae"), "its part vae is missing"),
        (lambda model: (model / "transformer/diffusion_pytorch_model.safetensors").unlink(), "its part transformer has no weights"),
        (lambda model: cut(model / "transformer/diffusion_pytorch_model.safetensors"), "is cut off"),
        (lambda model: (model / "transformer/x.safetensors.index.json").write_text('{"weight_map": {"a": "x-00002-of-00002.safetensors"}}'), "lacks x-00002-of-00002"),
        (lambda model: (model / "model_index.json").unlink(), "is no diffusers pipeline"),
    ],
)
def test_a_model_that_is_not_whole_says_what_it_lacks(cog, tmp_path, damage, sentence):
    model = tmp_path / "model"
    shutil.copytree(cog, model)
    damage(model)
    with pytest.raises(InputError, match=sentence):
        find_pipeline(str(model), video_model)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("model", ["/no/such/folder", "./nothing", "", "just-a-word", "a/b/c"])
def test_a_wrong_folder_is_told(model):
    with pytest.raises(InputError, match="There is no folder"):
        find_pipeline(model, video_model)


def test_a_model_that_is_not_here_is_not_fetched_without_leave(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"is not on this machine \(licence: Apache-2.0"):
        find_pipeline("Wan-AI/Wan2.2-TI2V-5B-Diffusers", video_model)


def test_a_text_to_video_model_is_refused(tmp_path):
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "WanPipeline", "transformer": ["diffusers", "WanTransformer3DModel"]}))
    with pytest.raises(InputError, match=r"\(WanPipeline\) makes no video from a picture. Choose an image-to-video model"):
        find_pipeline(str(tmp_path), video_model)


def test_another_image_to_video_pipeline_is_taken_by_its_call():
    import diffusers

    row = row_of({"_class_name": "SkyReelsV2ImageToVideoPipeline"}, diffusers)
    assert row.pipeline == "SkyReelsV2ImageToVideoPipeline"
    assert row.takes_prompt
    assert row_of({"_class_name": "StableDiffusionPipeline"}, diffusers) is None


def test_no_prompt_is_told(cog, tmp_path, render):
    with pytest.raises(InputError, match="There is no prompt"):
        generate(render, VIEW, settings(cog, prompt=" "), tmp_path)


def test_quantised_weights_without_their_library_are_told(cog):
    pytest.importorskip("diffusers")
    with pytest.raises(InputError, match="need bitsandbytes"):
        loaded(cog, MemoryPlan("cuda", quantize="NF4"))
    with pytest.raises(InputError, match="need a CUDA GPU"):
        loaded(cog, MemoryPlan("cpu", quantize="INT8"))


def test_weights_are_counted_from_the_files(cog):
    source, (_, pipeline) = find_pipeline(str(cog), video_model), loaded(cog)
    assert weight_bytes(source)["transformer"] == 2 * sum(one.numel() for one in pipeline.transformer.state_dict().values())


GIGA = 10**9


@pytest.mark.parametrize(
    ("free", "quantize", "offload", "tiling"),
    [(80, "OFF", "NONE", False), (45, "OFF", "NONE", True), (24, "OFF", "MODEL", True), (12, "OFF", "SEQUENTIAL", True), (12, "NF4", "NONE", True)],
)
def test_the_memory_plan_follows_free_memory(free, quantize, offload, tiling):
    weights = {"transformer": 10 * GIGA, "text_encoder": 11 * GIGA, "vae": GIGA}
    plan = plan_memory(weights, Device("cuda", free * GIGA, True), quantize)
    assert (plan.offload, plan.tiling, plan.dtype) == (offload, tiling, "bfloat16")
    assert "\n" not in plan.describe()
    assert plan_memory(weights, Device("cuda", free * GIGA, False)).dtype == "float16"
    assert plan_memory(weights, Device("cpu", free * GIGA, True)).dtype == "float32"


@pytest.mark.parametrize("name", ["Wan 2.2 TI2V 5B", "HunyuanVideo I2V"])
def test_offloading_and_tiling_change_nothing_but_memory(name, tmp_path, render):
    """The library's own hooks, on the processor: parts that are moved away and back give the same video."""
    folder = tiny_models.saved(TINY[name], tmp_path / "model")
    whole, _ = sampled(folder, render)
    moved, pipeline = sampled(folder, render, MemoryPlan(offload="MODEL", tiling=True))
    assert abs(moved - whole).max() <= 1.0
    assert pipeline.transformer._hf_hook is not None
    assert pipeline.vae.use_tiling


def test_layers_are_offloaded_one_by_one_where_the_plan_says_so(cog, monkeypatch):
    """The call alone: accelerate cannot move layers from the processor to itself."""
    from diffusers import CogVideoXImageToVideoPipeline

    asked = []
    monkeypatch.setattr(CogVideoXImageToVideoPipeline, "enable_sequential_cpu_offload", lambda self, device: asked.append(device))
    loaded(cog, MemoryPlan("cuda", "float32", offload="SEQUENTIAL"))
    assert asked == ["cuda"]


def test_weights_of_eight_bits_are_kept_so_and_computed_with(tmp_path, render):
    import torch

    folder = tiny_models.saved(TINY["Wan 2.2 TI2V 5B"], tmp_path / "model")
    whole, _ = sampled(folder, render)
    coarse, pipeline = sampled(folder, render, MemoryPlan(quantize="FP8"))
    assert {one.weight.dtype for one in pipeline.transformer.blocks.modules() if isinstance(one, torch.nn.Linear)} == {torch.float8_e4m3fn}
    assert 0.0 < abs(coarse - whole).mean() < 10.0


def test_a_process_that_makes_many_videos_loads_its_model_once(cog, tmp_path, render, monkeypatch):
    loads = []
    monkeypatch.setattr(kept, "load_pipeline", lambda source, *more: loads.append(source.folder) or load_pipeline(source, *more))
    models = kept.Models(keep=True)
    for seed in (5, 6):
        generate(render, VIEW, settings(cog, steps=1), tmp_path, seed=seed, frames=9, models=models)
    assert loads == [cog]
    other = shutil.copytree(cog, tmp_path / "other")
    for folder in (other, cog):
        generate(render, VIEW, settings(folder, steps=1), tmp_path, frames=9, models=models)
    assert loads == [cog, other, cog]  # one is kept, not several
    generate(render, VIEW, settings(cog, steps=1), tmp_path, frames=9)
    assert len(loads) == 4


def test_the_preview_has_the_colours_of_the_start_picture():
    """Latents that are a mixture of the colours, with noise: the map found on the first frame colours the middle one."""
    generator = np.random.default_rng(0)
    pictures_seen = generator.uniform(0, 255, (3, 24, 40, 3))
    mixture = generator.normal(size=(3, 16))
    latents = (pictures_seen / 255 @ mixture).transpose(3, 0, 1, 2) + generator.normal(0, 0.01, (16, 3, 24, 40))
    shown = coloured(latents.astype(np.float32), np.round(pictures_seen[0]).astype(np.uint8))
    assert abs(shown - pictures_seen[1]).mean() < 5.0


@pytest.mark.parametrize("row", MODELS, ids=lambda row: row.name)
@pytest.mark.parametrize("size", [(512, 512), (512, 288), (270, 480)])
def test_shapes_are_what_the_model_accepts_and_come_back_exactly(row, size):
    for wanted in (0, 2, 24, 1000):
        shape = shape_for(row, *size, frames=wanted)
        assert shape.width % row.size_multiple == shape.height % row.size_multiple == 0
        assert (shape.frames - 1) % row.frames_step == 0
        assert 2 <= shape.frames <= row.most_frames
        assert shape.frames >= min(wanted, (row.most_frames - 1) // row.frames_step * row.frames_step + 1)
    corners = np.zeros((size[1], size[0], 4), np.uint8)
    corners[..., 3] = 255
    corners[size[1] // 2 :, size[0] // 2 :, :3] = 255  # an edge through the middle of each axis
    (back,) = brought_back([start_picture(corners, shape)], shape, *size)
    assert back.shape == (size[1], size[0], 3)
    assert abs(float(back.mean()) - float(corners[..., :3].mean())) < 2.0
    grey = back[..., 0].astype(float)
    assert grey[-1].searchsorted(128) == pytest.approx(size[0] // 2, abs=1)
    assert grey[:, -1].searchsorted(128) == pytest.approx(size[1] // 2, abs=1)


def test_help_keeps_the_camera_still_once():
    assert full_prompt("a fish swims.", True) == f"a fish swims, {STILL}"
    assert full_prompt(full_prompt("a fish swims", True), True) == f"a fish swims, {STILL}"
    assert full_prompt("a fish swims", False) == "a fish swims"
