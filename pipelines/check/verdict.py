"""What was asked, what came, what was expected."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One row of the check.

    Attributes:
        name: what the row is called, such as "virials".
        measured: what came, for people.
        expected: what was expected, for people.
        passed: whether it did.
        numbers: what ``passed`` rests on, for programs.
    """

    name: str
    measured: str
    expected: str
    passed: bool
    numbers: dict[str, float] = field(default_factory=dict)


def at_most(name: str, value: float, limit: float, unit: str) -> Verdict:
    """Passed where ``value`` is at most ``limit``; a value that is not a number is not.

    >>> at_most("energies", 2e-13, 1e-8, "off the oracle").measured
    '2e-13 off the oracle'
    """
    return Verdict(
        name=name,
        measured=f"{value:.2g} {unit}",
        expected=f"at most {limit:g}",
        passed=bool(value <= limit),
        numbers={"value": float(value), "limit": limit},
    )


def within_errors(name: str, value: float, error: float, expected: float, *, resolution: float) -> Verdict:
    """Passed where ``value`` lies within five of its standard errors of ``expected``.

    Args:
        name: of the row.
        value: a mean.
        error: its standard error.
        expected: what it should be.
        resolution: the smallest deviation that the row is there to find; five errors must be less, or nothing is shown.

    >>> within_errors("kT", 1.004, 0.003, 1.0, resolution=0.025).passed
    True
    >>> within_errors("kT", 1.004, 0.010, 1.0, resolution=0.025).expected
    '1 within 5 errors, and those below 0.025'
    """
    return Verdict(
        name=name,
        measured=f"{value:.4f} ± {error:.4f}",
        expected=f"{expected:g} within 5 errors, and those below {resolution:.2g}",
        passed=bool(abs(value - expected) <= 5 * error <= resolution),
        numbers={"value": float(value), "error": float(error), "expected": expected, "resolution": resolution},
    )


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean over replicas (R,) and its standard error; one replica that is not a number makes neither one."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
