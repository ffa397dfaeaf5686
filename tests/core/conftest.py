"""Makes the helpers beside these tests importable, and the benchmarks' maker of small jobs. One thread, as the engine has: the tests'
models are tiny, and threads that wait for each other by spinning cost a multiple on a busy machine."""

import sys
from pathlib import Path

import torch

sys.path += [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / "benchmarks")]
torch.set_num_threads(1)
