"""The rasterizer's kernels compile for CUDA, which needs no GPU."""

import importlib

import pytest


@pytest.mark.parametrize("name", ["warp_visibility", "warp_interpolation", "warp_silhouette", "warp_blend"])
def test_kernels_compile_for_cuda(name, tmp_path):
    wp = pytest.importorskip("warp")
    module = importlib.import_module(f"animamimic.core.render.{name}")
    if not wp.get_cuda_supported_archs():
        pytest.skip("this build of Warp has no CUDA compiler")
    wp.compile_aot_module(module, arch=75, module_dir=tmp_path, use_ptx=True)
    assert list(tmp_path.glob("*.ptx"))
