"""Makes the helpers beside these tests importable, and the benchmarks' maker of small jobs."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / "benchmarks")]
