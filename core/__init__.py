"""The engine: everything that happens between a captured scene and a result, without Blender.

`types`, `settings`, `errors` and `job` need numpy alone, since Blender's own Python imports them too. The stages
(`video`, `rig`, `render`, `fit`, `tissue`, `curves`) may import torch, scipy, OpenCV, Warp and PyAV; `pipeline` runs them.
"""
