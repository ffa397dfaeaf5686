"""What the engine's Python has, what it lacks, and what to do about it."""

import importlib
import importlib.metadata
import sys
from dataclasses import asdict, dataclass
from typing import Any

MINIMUM_PYTHON = (3, 11)


@dataclass(frozen=True)
class Need:
    """A module that the engine imports.

    package: its name for pip. required: the main job cannot run without it. beside: other packages that its purpose needs.
    heavy: it is looked for and not imported, which would take seconds.
    """

    module: str
    package: str
    purpose: str
    required: bool
    beside: str = ""
    heavy: bool = False


NEEDS = (
    Need("numpy", "numpy", "arrays", True),
    Need("scipy", "scipy", "sparse solvers, distance transforms", True),
    Need("torch", "torch", "kinematics, differentiable rendering", True),
    Need("cv2", "opencv-python-headless", "optical flow, masks", True),
    Need("av", "av", "reading and writing video", True),
    Need("warp", "warp-lang", "the fast rasterizer; without it a slower one is used", False),
    Need("nvdiffrast", "nvdiffrast", "an alternative rasterizer on CUDA, for non-commercial use", False),
    Need("diffusers", "diffusers", "making driving videos from a prompt, restoring motion", False, "transformers accelerate huggingface_hub sentencepiece ftfy", heavy=True),
    Need("torchvision", "torchvision", "following the surface by the network RAFT", False, heavy=True),
    Need("ray", "ray", "batches of shots on a cluster of machines", False),
    Need("rich", "rich", "the live table of a batch; without it a line a change is printed", False),
)


@dataclass(frozen=True)
class Finding:
    """What became of one need. version: '' where it is missing. problem, cure: '' where all is well."""

    name: str
    required: bool
    version: str
    problem: str = ""
    cure: str = ""

    @property
    def stops_the_main_job(self) -> bool:
        """Whether the main job cannot run because of this."""
        return self.required and bool(self.problem)


def examine() -> tuple[Finding, ...]:
    """Look at this Python: its version, every module that the engine needs, and the devices torch can use."""
    return (_examine_python(), *(_examine_module(need) for need in NEEDS), _examine_device())


def healthy(findings: tuple[Finding, ...]) -> bool:
    """Whether the main job can run."""
    return not any(finding.stops_the_main_job for finding in findings)


def as_json(findings: tuple[Finding, ...]) -> dict[str, Any]:
    """The findings as JSON values: {"healthy": bool, "python": path, "findings": [...]}."""
    return {"healthy": healthy(findings), "python": sys.executable, "findings": [asdict(finding) for finding in findings]}


def as_text(findings: tuple[Finding, ...]) -> str:
    """The findings for a person to read, one line each, then the verdict."""
    lines = [f"Python: {sys.executable}"]
    for one in findings:
        if one.problem:
            lines.append(f"{'MISSING' if one.required else 'absent '}  {one.name}: {one.problem} {one.cure}")
        else:
            lines.append(f"ok       {one.name} {one.version}")
    lines.append("The main job can run." if healthy(findings) else "The main job cannot run: install what is MISSING.")
    return "\n".join(lines)


def _examine_python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < MINIMUM_PYTHON:
        wanted = ".".join(map(str, MINIMUM_PYTHON))
        return Finding("Python", True, version, f"it is {version}.", f"Use Python {wanted} or newer.")
    return Finding("Python", True, version)


def _examine_module(need: Need) -> Finding:
    """Import it, unless it is heavy: a package that is there but broken (a missing system library, say) must be told too."""
    try:
        version = importlib.metadata.version(need.package) if need.heavy else _version(importlib.import_module(need.module), need.package)
    except (ImportError, OSError) as error:  # a package that is not found is an ImportError too
        cure = f"Install it: python -m pip install {need.package} {need.beside}".strip()
        return Finding(need.module, need.required, "", f"cannot be imported ({error}); it is for {need.purpose}.", cure)
    return Finding(need.module, need.required, version)


def _examine_device() -> Finding:
    """What torch computes on: CUDA where it finds it, else the processor, which every stage can do with."""
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError):
        return Finding("device", False, "", "unknown without torch.")
    if torch.cuda.is_available():
        return Finding("device", False, f"CUDA: {torch.cuda.get_device_name()}")
    return Finding("device", False, "processor (no CUDA device found)")


def _version(module: Any, package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return str(getattr(module, "__version__", "of unknown version"))
