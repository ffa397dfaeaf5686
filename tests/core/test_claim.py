"""A job folder is one run's at a time, and free again as soon as its process has ended, however it ended."""

import subprocess
import sys

import pytest
from animamimic.core.claim import DRIVER_LOCK, check_free, claim
from animamimic.core.errors import InputError

HOLD = "import sys, pathlib; from animamimic.core.claim import claim\nwith claim(pathlib.Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"


def test_a_folder_in_use_is_refused_until_its_process_is_killed(tmp_path):
    check_free(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="is in use by another run"):
            check_free(tmp_path)
        done = subprocess.run([sys.executable, "-m", "animamimic", "run", tmp_path], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, "is in use by another run" in done.stdout) == (2, True)
        with claim(tmp_path, DRIVER_LOCK):  # another lock
            pass
        holder.kill()
    check_free(tmp_path)
    with claim(tmp_path):
        pass
