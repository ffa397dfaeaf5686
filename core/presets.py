"""Named sets of settings: how much time for how much care. What a preset does not name keeps its value."""

from .settings import Value

PRESETS: dict[str, dict[str, Value]] = {
    "DRAFT": {"fit_resolution": 160, "key_tolerance": 0.5, "tissue_resolution": 6.0},
    "NORMAL": {"fit_resolution": 256, "key_tolerance": 0.25, "tissue_resolution": 4.0},
    "BEST": {"fit_resolution": 384, "key_tolerance": 0.1, "tissue_resolution": 3.0},
}

EFFECTS = {
    "DRAFT": "A quick look: compares small pictures, keeps fewest keys",
    "NORMAL": "What suits most clips",
    "BEST": "Compares larger pictures, which helps thin limbs, and takes about twice the time of Normal",
}
