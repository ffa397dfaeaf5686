"""Wheels that only pretend, of everything that the engine needs: setting it up then takes seconds and no network."""

import re
import zipfile

from animamimic.core import doctor, environment

NUMPY = "def __getattr__(name):\n    return list\n"
TYPING = "class NDArray:\n    def __class_getitem__(cls, kind):\n        return cls\n"
TORCH = "class cuda:\n    is_available = staticmethod(lambda: False)\n"


def make(folder, without=()):
    """Write them, in the versions of constraints.txt, but for those named in `without`."""
    folder.mkdir()
    modules = {need.package: need.module for need in doctor.NEEDS}
    pinned = dict(re.findall(r"^([\w-]+)==([\w.]+)", environment.CONSTRAINTS.read_text("utf-8"), re.M))
    pinned["numpy"] = "1.26.4"
    for package in environment.packages():
        if package not in without:
            _make(folder, package, pinned[package], modules.get(package, package))


def _make(folder, package, version, module):
    name = package.replace("-", "_")
    files = {f"{module}/__init__.py": {"numpy": NUMPY, "torch": TORCH}.get(module, "")}
    if module == "numpy":
        files["numpy/typing.py"] = TYPING
    info = f"{name}-{version}.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))
