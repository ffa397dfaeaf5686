"""Which settings make a difference as the others stand: the panel greys those that make none."""

from collections.abc import Callable, Iterable
from typing import Any

Rule = Callable[[Any], bool]
"""Whether a setting counts, given all of them."""


def counts(name: str, settings: Any) -> bool:
    """Whether changing this setting would change what a run makes. settings: the scene's."""
    return all(rule(settings) for rule in RULES.get(name, ()))


def _generates(settings: Any) -> bool:
    """A video can be generated: there is a prompt."""
    return bool(settings.prompt)


def _generates_here(settings: Any) -> bool:
    return not settings.hosted


def _rigs(settings: Any) -> bool:
    """A kept rig stays as it is."""
    return settings.rig == "AUTO"


def _has_unirig(settings: Any) -> bool:
    return bool(settings.unirig)


def _follows_by_network(settings: Any) -> bool:
    return settings.flow != "DIS"


def _leaves_keys_out(settings: Any) -> bool:
    return not settings.every_frame


def _has_soft_motion(settings: Any) -> bool:
    return settings.tissue != "OFF"


def _simulates(settings: Any) -> bool:
    return settings.tissue in {"PHYSICS", "FITTED"}


def _has_own_material(settings: Any) -> bool:
    return settings.material == "CUSTOM"


def _follows_a_video(settings: Any) -> bool:
    """A video says what the flesh does."""
    return settings.tissue in {"RESIDUAL", "RESTORED"}


def _each(names: Iterable[str], *rules: Rule) -> dict[str, tuple[Rule, ...]]:
    return dict.fromkeys(names, rules)


RULES: dict[str, tuple[Rule, ...]] = {
    **_each(("negative_prompt", "plain_prompt", "model", "candidates", "pick", "steps", "guidance", "video_size", "hosted"), _generates),
    **_each(("quantize", "allow_download"), _generates, _generates_here),
    **_each(("rig_detail", "max_influences", "rig_from_video", "unirig"), _rigs),
    **_each(("unirig_python",), _rigs, _has_unirig),
    **_each(("flow_weights",), _follows_by_network),
    **_each(("key_tolerance",), _leaves_keys_out),
    **_each(("material", "softness", "tissue_size", "tissue_resolution", "tissue_limit", "ground"), _simulates),
    **_each(("stiffness", "damping"), _simulates, _has_own_material),
    **_each(("shape_keys",), _has_soft_motion),
    **_each(("handle_distance", "bone_hold"), _follows_a_video),
}
"""Settings that do not always count."""
