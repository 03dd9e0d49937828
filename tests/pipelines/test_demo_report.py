"""What the demo says of the fictive temperatures it found."""

import numpy as np
import pytest

from vitrify.pipelines.demo_report import order_in_words

NAN = float("nan")


@pytest.mark.parametrize(
    ("found", "half", "words"),
    [
        ((0.60, 0.53), 0.01, "falls with slower cooling, beyond its intervals"),
        ((0.60, 0.53), 0.05, "falls with slower cooling, though the intervals still overlap"),
        ((0.53, 0.60), 0.01, "these replicas are too few to show it"),
        ((NAN, 0.53), 0.01, "too short to give it for each"),
    ],
)
def test_the_order_of_fictive_temperatures_is_said(found, half, words):
    """Rows in any order: the slow ramp's may come first."""
    steps, found = np.array([20_000.0, 200_000.0]), np.array(found)
    columns = {
        "ramp_steps": steps,
        "kt_fictive": found,
        "kt_fictive_low": found - half,
        "kt_fictive_high": found + half,
    }
    assert words in order_in_words(columns)
    assert words in order_in_words({name: values[::-1] for name, values in columns.items()})
