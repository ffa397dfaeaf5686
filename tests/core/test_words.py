"""Numbers as people read them."""

import pytest
from animamimic.animamimic_addon import words


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (75.2, "1 min 15 s")])
def test_durations(seconds, text):
    assert words.duration(seconds) == text


def test_bars_rise_with_the_values_and_show_the_largest_of_a_column():
    assert words.bars([0.0, 0.5, 1.0], 9) == "▁▅█"
    assert words.bars([0.0, 1.0, 0.0, 0.0], 2) == "█▁"
    assert words.bars([], 9) == ""
    assert words.bars([0.0, 0.0], 9) == "▁▁"
