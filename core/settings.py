"""Every setting of a run: one frozen dataclass a stage, with default, range and effect written beside each.

Blender's properties, the command line's options and the job file are all generated from these classes. Field names are
unique over all classes, since Blender and the command line show them flat. Imports the standard library alone.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, cast, get_type_hints

from .errors import InputError

Value = bool | int | float | str


def setting(
    default: Value,
    label: str,
    effect: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: dict[str, str] | None = None,
    path: bool = False,
) -> Any:
    """Declare a setting.

    label: its name in the panel. effect: the tooltip, what it does and when to change it, without a full stop at the end.
    minimum, maximum: hard limits. choices: identifier -> what it means, for a text setting with few values.
    path: the text is a file path.
    """
    return field(
        default=default,
        metadata={"label": label, "effect": effect, "minimum": minimum, "maximum": maximum, "choices": choices, "path": path},
    )


@dataclass(frozen=True)
class VideoSettings:
    """Where the driving frames come from."""

    video: str = setting("", "Driving Video", "Video, or first image of a sequence, that shows the subject move; its first frame shows it as it stands", path=True)
    mask_video: str = setting("", "Mask Video", "Optional video of the same length, white where the subject is; needed only if the background is not plain", path=True)
    timing: str = setting(
        "EVERY_FRAME",
        "Timing",
        "How the video's frames become the scene's; one that is generated keeps its speed",
        choices={"EVERY_FRAME": "One scene frame for each video frame", "MATCH_FPS": "Keep the video's speed: resample it to the scene's frame rate"},
    )
    camera: str = setting(
        "SCENE",
        "Camera",
        "The camera that the video was made from",
        choices={"SCENE": "The scene's active camera", "FRAME": "A new camera that looks at the subject and holds all of it"},
    )
    frame_start: int = setting(0, "Start", "Scene frame at which the subject stands as the video's first frame shows it; 0 is the scene's own start", minimum=0)
    frame_end: int = setting(0, "End", "Last scene frame to animate; 0 is as long as the video lasts", minimum=0)


@dataclass(frozen=True)
class GenerateSettings:
    """How a driving video is made where there is none."""

    prompt: str = setting("", "Prompt", "What the subject shall do, in English; makes the driving video where none is chosen")
    negative_prompt: str = setting("", "Negative Prompt", "What must not be seen; empty for a usual one")
    plain_prompt: bool = setting(False, "Prompt as Typed", "Leaves the prompts as they are; else a still camera, a plain background and the full body in view are added")
    model: str = setting("Wan-AI/Wan2.2-TI2V-5B-Diffusers", "Model", "Image-to-video model: the folder of a diffusers pipeline, or its name on the hub", path=True)
    candidates: int = setting(1, "Candidates", "How many videos are made, each with a seed of its own", minimum=1, maximum=16)
    pick: int = setting(0, "Pick", "Which candidate drives the motion, counted from 1; 0 takes the one that the fit can use best", minimum=0, maximum=16)
    steps: int = setting(0, "Steps", "Denoising steps; more takes longer; 0 is the model's usual number", minimum=0, maximum=200)
    guidance: float = setting(0.0, "Guidance", "How closely the model keeps to the prompt; 0 is its usual value", minimum=0.0, maximum=30.0)
    video_size: int = setting(0, "Video Size", "Longer side of the generated frames in pixels; smaller needs less memory; 0 is what the model was trained at", minimum=0, maximum=4096)
    quantize: str = setting(
        "OFF",
        "Weights",
        "How the model's weights are kept; fewer bits need less memory",
        choices={"OFF": "As they are", "FP8": "The denoiser's in 8 bits as float8, on any device", "INT8": "8 bits (bitsandbytes, CUDA)", "NF4": "4 bits (bitsandbytes, CUDA)"},
    )
    allow_download: bool = setting(False, "Allow Download", "Fetches the model from the hub where it is not on this machine; many gigabytes, under the model's own licence")
    hosted: bool = setting(False, "Hosted", "Sends the start picture and the prompt to a hosted service instead of computing here; needs an access token and may cost money")


@dataclass(frozen=True)
class RigSettings:
    """Where the skeleton comes from."""

    rig: str = setting(
        "AUTO",
        "Rig",
        "The skeleton that is animated",
        choices={"AUTO": "Make a new armature and weights for the subject", "KEEP": "Animate the armature that the subject already has"},
    )
    rig_detail: float = setting(1.0, "Detail", "More than 1 gives more and shorter bones, less gives fewer", minimum=0.25, maximum=4.0)
    max_influences: int = setting(4, "Influences", "How many bones may move one vertex; game engines want 4", minimum=1, maximum=8)
    rig_from_video: bool = setting(False, "Refine by Video", "Fits twice: after the first time a new rig gets a joint where the surface bends inside a bone, and loses bones that never turn")
    unirig: str = setting("", "UniRig", "Folder of a UniRig of your own, whose learned skeleton is taken instead of ours; empty for ours", path=True)
    unirig_python: str = setting("", "UniRig's Python", "The Python that has what UniRig needs; empty for the environment .venv in its folder, or else the one called python", path=True)


@dataclass(frozen=True)
class FitSettings:
    """How the motion is found."""

    fit_resolution: int = setting(256, "Resolution", "Longer side, in pixels, at which video and rendering are compared; higher helps thin limbs and takes longer", minimum=64, maximum=2048)
    rest_prior: float = setting(1.0, "Stay Near Rest", "Pulls bones towards the modelled pose where the video says little; raise it if unseen limbs wander", minimum=0.0, maximum=20.0)
    smoothness: float = setting(1.0, "Smoothness", "Pulls the motion towards even acceleration; raise it against jitter, lower it for abrupt motion", minimum=0.0, maximum=20.0)
    stretch: str = setting(
        "AUTO",
        "Stretch",
        "Whether bones may do more than turn: leave their place in their parent, or become longer and thinner",
        choices={
            "OFF": "Bones turn alone, as in a body with bones inside",
            "AUTO": "On a rig that is kept, single bones stretch, squash and slide where the video cannot be explained without; an automatic rig stays rigid",
        },
    )
    flow: str = setting(
        "DIS",
        "Flow",
        "How the drawn surface is found again in the frame",
        choices={
            "DIS": "Optical flow without a network: fast everywhere",
            "RAFT": "Optical flow by a network: needs torchvision and RAFT's weights on this machine; very slow without a GPU",
            "COTRACKER": "Points followed by the network CoTracker3, whose licence is non-commercial: needs its program and weights on this machine; very slow without a GPU",
        },
    )
    flow_weights: str = setting("", "Flow Weights", "File with the weights of the network that follows; empty for where torch keeps what it has fetched before", path=True)
    seed: int = setting(0, "Seed", "Start of everything random; the same seed gives the same result", minimum=0)


@dataclass(frozen=True)
class CurveSettings:
    """How many keys are written."""

    every_frame: bool = setting(False, "Key Every Frame", "Writes a key on every frame instead of few that play back the same motion")
    key_tolerance: float = setting(0.25, "Key Tolerance", "How far the surface may stray when keys are left out, in % of the subject's size", minimum=0.01, maximum=10.0)


@dataclass(frozen=True)
class TissueSettings:
    """Soft motion on top of the bones."""

    tissue: str = setting(
        "OFF",
        "Soft Tissue",
        "Flesh that follows the bones a beat late, as shape keys",
        choices={
            "OFF": "Bones alone",
            "PHYSICS": "Simulate flesh of the chosen material and bake it to shape keys",
            "FITTED": "The same, with stiffness, damping and softness fitted to the driving video from there, and no flesh where it shows none; without a video, what the last one told",
            "RESIDUAL": "What the driving video shows beyond the bones: cloth, fins, squash",
            "RESTORED": "What a video diffusion model imagines beyond the bones, from a rendering of their motion",
        },
    )
    material: str = setting(
        "FAT",
        "Material",
        "What the flesh is made of: how stiff it is and how fast its jiggling dies away",
        choices={
            "FAT": "Soft and sluggish: bellies, cheeks, slugs (10 kPa)",
            "MUSCLE": "Firm, comes to rest soon: limbs, necks, rumps (50 kPa)",
            "JELLY": "Very soft, wobbles for long (5 kPa)",
            "RUBBER": "Hardly bends, rings when struck: toys (1 MPa)",
            "TAIL": "Bends and swings on: tails, trunks, fins (30 kPa)",
            "CUSTOM": "The values of Stiffness and Damping below",
        },
    )
    softness: float = setting(0.6, "Softness", "How far from the skin towards the bones the flesh is free to move; 1 frees all but the bones themselves", minimum=0.05, maximum=1.0)
    stiffness: float = setting(10000.0, "Stiffness", "Young's modulus of the softest flesh in Pa, for the Custom material; thin parts are firmer", minimum=1e3, maximum=1e7)
    damping: float = setting(4.0, "Damping", "How fast jiggling dies away, per second, for the Custom material", minimum=0.0, maximum=100.0)
    tissue_size: float = setting(1.0, "Simulated Size", "Bounding-box diagonal, in metres, that the subject is simulated at whatever its size in the scene; larger moves slower and softer", minimum=0.01, maximum=1000.0)
    tissue_resolution: float = setting(4.0, "Resolution", "Edge of a cell of the simulation, in % of the subject's size; smaller shows finer jiggle and takes longer", minimum=1.5, maximum=20.0)
    tissue_limit: float = setting(5.0, "Limit", "Furthest that the flesh may stray from where the bones put it, in % of the subject's size; what would go further is bent back smoothly", minimum=0.1, maximum=50.0)
    ground: str = setting(
        "OFF",
        "Ground",
        "A level floor that the flesh does not sink through",
        choices={"OFF": "None", "ZERO": "At height zero of the scene", "LOWEST": "At the lowest point of the subject as it stands"},
    )
    shape_keys: int = setting(16, "Shape Keys", "Most shape keys that motion beyond the bones may use", minimum=1, maximum=32)


@dataclass(frozen=True)
class ResidualSettings:
    """Offsets of the surface that a video shows beyond the bones."""

    handle_distance: float = setting(8.0, "Handle Distance", "How far apart the points lie that carry the surface along, in % of its size; smaller follows finer folds and takes longer", minimum=3.0, maximum=30.0)
    bone_hold: float = setting(1.0, "Hold to Bones", "How strongly the surface is held where the bones put it; raise it against swimming, lower it for loose cloth", minimum=0.05, maximum=20.0)


@dataclass(frozen=True)
class RestoreSettings:
    """How a video diffusion model restores a rendering of the bones' motion."""

    restore_model: str = setting("", "Restoring Model", "Folder or downloaded hub id of a Wan image-to-video or Wan VACE model in the format of diffusers")
    restore_prompt: str = setting("", "Restoring Prompt", "What the video shows, in words: the subject, what it wears, how that moves")
    restore_strength: float = setting(0.7, "Restoring Strength", "Share of the model's noise that the rendering starts from; more imagines more, less keeps more", minimum=0.05, maximum=1.0)
    restore_identity: float = setting(0.2, "Keep Identity", "How strongly every step is pulled back to the rendering where the subject is; 0 not at all", minimum=0.0, maximum=10.0)
    restore_guidance: float = setting(5.0, "Guidance", "How strictly the model follows the prompt; 1 takes it as a hint and halves the time", minimum=1.0, maximum=20.0)
    restore_steps: int = setting(30, "Steps", "Steps of the whole schedule, of which the share of Restoring Strength is run", minimum=1, maximum=200)
    restore_size: int = setting(832, "Restored Size", "Longer side, in pixels, at which the model works; the sizes that it was trained at are best", minimum=32, maximum=2048)
    restore_orbit: float = setting(0.0, "Orbit", "How far the camera goes around the character from the first frame to the last, in degrees; 360 shows every side once, 0 stands still", minimum=0.0, maximum=360.0)
    restore_noise: str = setting(
        "FRESH",
        "Noise",
        "What the model is given between two steps",
        choices={
            "FRESH": "New noise at every step: forgets what the rendering has wrong",
            "ANCESTRAL": "As much new noise as the exact process has: keeps the model's full variety",
            "NONE": "No new noise: the deterministic way, for comparison",
        },
    )


@dataclass(frozen=True)
class MachineSettings:
    """How much of the machine the engine may use. None of it changes the result beyond rounding."""

    threads: int = setting(0, "Threads", "Processor cores that one run uses, 0 for all of them; the motion is the same with any number", minimum=0, maximum=64)
    memory_limit: float = setting(0.0, "Memory Limit", "Most memory of one run in GB, 0 for three quarters of the machine's; a run that needs more ends with a message instead of slowing down the machine", minimum=0.0, maximum=4096.0)


@dataclass(frozen=True)
class Settings:
    """All settings of one run."""

    video: VideoSettings = VideoSettings()
    generate: GenerateSettings = GenerateSettings()
    rig: RigSettings = RigSettings()
    fit: FitSettings = FitSettings()
    curves: CurveSettings = CurveSettings()
    tissue: TissueSettings = TissueSettings()
    residual: ResidualSettings = ResidualSettings()
    restore: RestoreSettings = RestoreSettings()
    machine: MachineSettings = MachineSettings()


@dataclass(frozen=True)
class Declared:
    """One setting as declared: what a property or an option is generated from."""

    stage: str
    name: str
    type: type
    default: Value
    label: str
    effect: str
    minimum: float | None
    maximum: float | None
    choices: dict[str, str] | None
    path: bool


def declared() -> tuple[Declared, ...]:
    """Every setting of every stage, in order."""
    found: list[Declared] = []
    for stage in dataclasses.fields(Settings):
        kind: Any = type(stage.default)
        hints = get_type_hints(kind)
        found += [Declared(stage.name, one.name, hints[one.name], cast(Value, one.default), **one.metadata) for one in dataclasses.fields(kind)]
    return tuple(found)


def from_flat(values: dict[str, Value]) -> Settings:
    """Settings from name -> value over all stages; what is not named keeps its default.

    Raises InputError for an unknown name, a wrong type, an unknown choice or a value out of range.
    """
    known = {one.name: one for one in declared()}
    stages: dict[str, dict[str, Value]] = {}
    for name, value in values.items():
        if name not in known:
            raise InputError(f"There is no setting called {name!r}.", f"The settings are: {', '.join(known)}.")
        one = known[name]
        stages.setdefault(one.stage, {})[name] = _checked(one, value)
    defaults = Settings()
    changed: dict[str, Any] = {stage: dataclasses.replace(getattr(defaults, stage), **values) for stage, values in stages.items()}
    return dataclasses.replace(defaults, **changed)


def to_flat(settings: Settings) -> dict[str, Value]:
    """Name -> value over all stages; the inverse of `from_flat`."""
    return {one.name: getattr(getattr(settings, one.stage), one.name) for one in declared()}


def _checked(one: Declared, value: Value) -> Value:
    """The value in the declared type, or InputError."""
    if one.type is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not one.type:
        raise InputError(f"{one.name} is {value!r}.", f"It must be of type {one.type.__name__}.")
    if one.choices is not None and value not in one.choices:
        raise InputError(f"{one.name} is {value!r}.", f"It must be one of {', '.join(one.choices)}.")
    low, high = one.minimum, one.maximum
    if isinstance(value, int | float) and not ((low is None or value >= low) and (high is None or value <= high)):
        raise InputError(f"{one.name} is {value}.", f"It must lie between {low if low is not None else 'any'} and {high if high is not None else 'any'}.")
    return value
