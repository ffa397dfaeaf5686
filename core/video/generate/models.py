"""The image-to-video models that are known by name: what each accepts, needs and allows.

Frame rules, size multiples, default steps and guidance: the pipelines of diffusers 0.42 (`check_inputs`, `__call__`, the VAE's
compression and the transformer's patches). Memory: the Wan 2.2 models' is their makers' figure, the others' a class of card estimated
from the size of their weights. Licences are named as a hint, to be read by the user. None was run with its real weights here.
A pipeline that is not in the table is taken by what its own call and its parts say, see `row_of`.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class VideoModel:
    """One kind of model.

    name: for people. id: on the hub, '' for a pipeline that is not in the table. pipeline: the diffusers class that makes a video
        from a picture. stored_as: other classes that the same weights are published under.
    marks: entries of model_index.json that must be there, where several rows share a class; the first row that fits is taken.
    frames_step: the frames must be one more than a multiple of this (CogVideoX decodes latent frames in pairs after the first, hence 8). frames: made where nobody asks for a number.
    most_frames: more than that it was not trained for. size_multiple: of width and height, pixels. area: pixels of a frame that it
        was trained at. fps: that it was trained at. steps, guidance: usual ones.
    takes_prompt: whether it listens to words. call_names: what its call calls "guidance" and "fps", where it has them.
    memory_gb: of the GPU, without offloading. licence: its name and what it allows.
    """

    name: str
    id: str
    pipeline: str
    frames_step: int
    frames: int
    most_frames: int
    size_multiple: int
    area: int
    fps: float
    steps: int
    guidance: float
    memory_gb: int
    licence: str
    stored_as: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    takes_prompt: bool = True
    call_names: Mapping[str, str] = field(default_factory=lambda: {"guidance": "guidance_scale"})


APACHE = "Apache-2.0: free, also commercially"

MODELS = (
    VideoModel("Wan 2.2 TI2V 5B", "Wan-AI/Wan2.2-TI2V-5B-Diffusers", "WanImageToVideoPipeline", 4, 81, 121, 32, 1280 * 704, 24.0, 50, 5.0, 24, APACHE, stored_as=("WanPipeline",), marks=("expand_timesteps",)),
    VideoModel("Wan 2.2 I2V 14B", "Wan-AI/Wan2.2-I2V-A14B-Diffusers", "WanImageToVideoPipeline", 4, 81, 81, 16, 832 * 480, 16.0, 40, 3.5, 80, APACHE, marks=("transformer_2",)),
    VideoModel("Wan 2.1 I2V 14B", "Wan-AI/Wan2.1-I2V-14B-480P-Diffusers", "WanImageToVideoPipeline", 4, 81, 81, 16, 832 * 480, 16.0, 50, 5.0, 80, APACHE),
    VideoModel(
        "LTX-Video", "Lightricks/LTX-Video", "LTXImageToVideoPipeline", 8, 97, 257, 32, 704 * 512, 25.0, 50, 3.0, 24,
        "the model's own terms, which differ between its versions: read them on its page", stored_as=("LTXPipeline",), call_names={"guidance": "guidance_scale", "fps": "frame_rate"},
    ),
    VideoModel(
        "LTX-2", "Lightricks/LTX-2", "LTX2ImageToVideoPipeline", 8, 121, 241, 32, 768 * 512, 24.0, 30, 3.0, 80,
        "LTX-2 Community License: read it before commercial use", stored_as=("LTX2Pipeline",), call_names={"guidance": "guidance_scale", "fps": "frame_rate"},
    ),
    VideoModel("CogVideoX 5B I2V", "THUDM/CogVideoX-5b-I2V", "CogVideoXImageToVideoPipeline", 8, 49, 49, 16, 720 * 480, 8.0, 50, 6.0, 24, "CogVideoX License: commercial use wants a registration"),
    VideoModel(
        "HunyuanVideo I2V", "hunyuanvideo-community/HunyuanVideo-I2V", "HunyuanVideoImageToVideoPipeline", 4, 81, 129, 16, 1280 * 720, 24.0, 50, 1.0, 80,
        "Tencent Hunyuan Community License: not for the EU, the UK and South Korea",
    ),
    VideoModel(
        "Stable Video Diffusion XT", "stabilityai/stable-video-diffusion-img2vid-xt", "StableVideoDiffusionPipeline", 1, 25, 25, 64, 1024 * 576, 7.0, 25, 3.0, 24,
        "Stability AI Community License: read it before commercial use", takes_prompt=False, call_names={"guidance": "max_guidance_scale", "fps": "fps"},
    ),
)
"""The best choice for most people first: it is the default."""


def named(model: str) -> VideoModel | None:
    """The row of a hub id; None where there is none."""
    return next((row for row in MODELS if row.id.lower() == model.lower()), None)


def row_of(index: Mapping[str, Any], classes: Any) -> VideoModel | None:
    """The row for a pipeline folder.

    index: its model_index.json. classes: the module that holds the pipeline classes, diffusers.
    None where the pipeline cannot start a video from a picture.
    """
    stored = index["_class_name"]
    for row in MODELS:
        if stored in (row.pipeline, *row.stored_as) and all(present(index.get(mark)) for mark in row.marks):
            return row
    kind = getattr(classes, stored, None)
    accepted = set(inspect.signature(kind.__call__).parameters) if kind is not None else set()
    if not {"image", "num_frames"} <= accepted:
        return None
    names = {ours: theirs for ours, theirs in (("guidance", "guidance_scale"), ("fps", "frame_rate")) if theirs in accepted}
    licence = "unknown: read it on the model's page"
    return VideoModel(stored, "", stored, 4, 49, 1000, 32, 832 * 480, 24.0, 50, 5.0, 80, licence, takes_prompt="prompt" in accepted, call_names=names)


def present(entry: Any) -> bool:
    """Whether an entry of model_index.json holds something: parts that a model goes without are [null, null] in it."""
    return entry not in (None, False) and entry != [None, None]
