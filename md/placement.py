"""Random places that keep a distance from one another: how a liquid, a substrate and a vapour begin."""

from __future__ import annotations

import numpy as np
from numba import njit

JAMMING_COVERAGE = 0.547
"""Area fraction at which random sequential addition of discs jams: Feder, J. Theor. Biol. 87, 237 (1980)."""

ATTEMPTS_PER_PARTICLE = 10_000


def place_randomly(
    rng: np.random.Generator,
    count: int,
    *,
    lower: np.ndarray,
    upper: np.ndarray,
    min_distance: float,
    box: np.ndarray,
    periodic: tuple[bool, bool],
    existing: np.ndarray | None = None,
) -> np.ndarray:
    """Random sequential addition: uniform places in a rectangle, one after the other, each far enough from all before.

    Args:
        rng: where the numbers come from; the result is a function of its state alone.
        count: how many to place.
        lower: (2,) lower corner of the rectangle [sigma_AA].
        upper: (2,) upper corner [sigma_AA]; on a periodic axis the rectangle lies within [-box/2, box/2].
        min_distance: least distance to each other, to ``existing`` and to all their periodic images [sigma_AA].
        box: (2,) edges of the box [sigma_AA].
        periodic: which axes are periodic.
        existing: (M, 2) particles that are there already.

    Returns:
        (count, 2) float64 places, in the order in which they were found.

    Raises:
        ValueError: for a rectangle that is empty or leaves the box, or when the places cannot be found.

    >>> corner = np.array([5.0, 5.0])
    >>> r = place_randomly(np.random.default_rng(1), 40, lower=-corner, upper=corner, min_distance=1.0,
    ...                    box=2 * corner, periodic=(True, True))
    >>> r.shape, bool((abs(r) <= 5).all())
    ((40, 2), True)
    """
    lower, upper, box = (np.asarray(corner, dtype=np.float64) for corner in (lower, upper, box))
    existing = np.empty((0, 2)) if existing is None else np.asarray(existing, dtype=np.float64)
    _check(count, lower, upper, min_distance, box, periodic, existing)
    # The grid spans a periodic axis whole, and an open one as far as a neighbour of the rectangle can stand.
    wrapped = np.array(periodic)
    origin = np.where(wrapped, -box / 2, lower - min_distance)
    extent = np.where(wrapped, box, upper - lower + 2 * min_distance)
    cells = np.maximum(1, np.floor(extent / min_distance)).astype(np.int64)
    existing = np.where(wrapped, existing - box * np.floor((existing - origin) / box), existing)
    near = ((existing >= origin) & (existing < origin + extent)).all(axis=1)
    placed = np.concatenate([existing[near], np.empty((count, 2))])
    first, last = near.sum(), len(placed)
    head, following = np.full(tuple(cells), -1), np.full(last, -1)
    _register(placed, first, origin, extent, head, following)
    found, attempts = first, 0
    while found < last:
        if attempts > ATTEMPTS_PER_PARTICLE * count:
            raise ValueError(
                f"{count} particles {min_distance} apart: placed {found - first} in {attempts} attempts between "
                f"{lower.tolist()} and {upper.tolist()}; expected more room or a smaller distance"
            )
        candidates = lower + rng.random((max(256, 2 * count), 2)) * (upper - lower)
        candidates = np.minimum(candidates, np.nextafter(upper, lower))
        found = _add(candidates, placed, found, origin, extent, wrapped, min_distance, head, following)
        attempts += len(candidates)
    return placed[first:]


def _check(count, lower, upper, min_distance, box, periodic, existing) -> None:
    if count < 0:
        raise ValueError(f"count: got {count}, expected at least 0")
    if not (np.isfinite(min_distance) and min_distance > 0):
        raise ValueError(f"min_distance: got {min_distance}, expected a positive distance")
    if not (np.isfinite([lower, upper, box]).all() and (lower < upper).all() and (box > 0).all()):
        raise ValueError(f"rectangle: got {lower.tolist()} to {upper.tolist()}, expected lower < upper, all finite")
    slack = 1e-12 * box
    if ((np.array([-lower, upper]) > box / 2 + slack) & np.array(periodic)).any():
        raise ValueError(
            f"rectangle: got {lower.tolist()} to {upper.tolist()} in a box of {box.tolist()}, expected it inside "
            "[-box/2, box/2] on a periodic axis"
        )
    if existing.ndim != 2 or existing.shape[1] != 2:
        raise ValueError(f"existing: got shape {existing.shape}, expected (M, 2)")
    coverage = count * np.pi * min_distance**2 / 4 / np.prod(upper - lower + min_distance * ~np.array(periodic))
    if coverage > JAMMING_COVERAGE:
        raise ValueError(
            f"{count} particles {min_distance} apart between {lower.tolist()} and {upper.tolist()}: they cover "
            f"{coverage:.2f} of the area; random places jam at {JAMMING_COVERAGE}"
        )


@njit(cache=True)
def _cell(place, origin, extent, head):
    nx, ny = head.shape
    cx = int((place[0] - origin[0]) / extent[0] * nx)
    cy = int((place[1] - origin[1]) / extent[1] * ny)
    return min(max(cx, 0), nx - 1), min(max(cy, 0), ny - 1)


@njit(cache=True)
def _register(placed, count, origin, extent, head, following):
    for n in range(count):
        cx, cy = _cell(placed[n], origin, extent, head)
        following[n] = head[cx, cy]
        head[cx, cy] = n


@njit(cache=True)
def _is_free(place, placed, origin, extent, wrapped, min_distance, head, following):
    """Whether nobody in the nine cells around is too close; a cell is at least ``min_distance`` wide."""
    nx, ny = head.shape
    cx, cy = _cell(place, origin, extent, head)
    for kx in range(cx - 1, cx + 2):
        if not wrapped[0] and not 0 <= kx < nx:
            continue
        for ky in range(cy - 1, cy + 2):
            if not wrapped[1] and not 0 <= ky < ny:
                continue
            other = head[kx % nx, ky % ny]
            while other >= 0:
                dx = place[0] - placed[other, 0]
                dy = place[1] - placed[other, 1]
                if wrapped[0]:
                    dx -= extent[0] * np.rint(dx / extent[0])
                if wrapped[1]:
                    dy -= extent[1] * np.rint(dy / extent[1])
                if dx * dx + dy * dy < min_distance * min_distance:
                    return False
                other = following[other]
    return True


@njit(cache=True)
def _add(candidates, placed, found, origin, extent, wrapped, min_distance, head, following):
    """Accept candidates in order until all are placed; returns how many of ``placed`` are filled."""
    for n in range(len(candidates)):
        if found == len(placed):
            break
        if _is_free(candidates[n], placed, origin, extent, wrapped, min_distance, head, following):
            placed[found] = candidates[n]
            cx, cy = _cell(placed[found], origin, extent, head)
            following[found] = head[cx, cy]
            head[cx, cy] = found
            found += 1
    return found
