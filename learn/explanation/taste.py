"""What a network would rather see: inherent structures walked to ever higher scores at one energy.

A walk begins with a configuration. At each step several trials leave it: all particles within a few sigma_AA of a
random place are kicked, at random or along the slope of the score, and the whole is quenched. A trial is taken by the
Metropolis rule on the score, as long as its E_IS stays within a tolerance of where the walk began. So a walk says what
a configuration becomes when it is changed to please the network, and the energy cannot be the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vitrify.learn.classifier import Classifier
from vitrify.learn.configurations import Configurations
from vitrify.md.engines.base import Engine
from vitrify.md.ensemble import Ensemble
from vitrify.md.model import minimum_image
from vitrify.md.randomness import Purpose, stream

KINDS = ("random", "slope")

FELL_BACK = 0.1
"""A quench in which no particle went farther than this ended where it came from [sigma_AA]. Basins a hundredth apart
are one: they differ in which pairs stand on which side of the cut-off, each worth 0.02 eps_AA of truncated energy."""


@dataclass(frozen=True, kw_only=True)
class WalkSpec:
    """A walk.

    Attributes:
        kind: of the kicks: ``random``, or along the ``slope`` of the score.
        steps: how many.
        trials: of each step, quenched side by side; the best of them is offered.
        radius: of the region that is kicked [sigma_AA].
        kick: standard deviation of a random kick along each axis [sigma_AA]. Less than 0.2 falls back into the basin it
            came from, more than 0.5 costs more energy than the tolerance allows (measured at N = 1,080).
        longest: kick along the slope [sigma_AA]; of 0.7 three in four fall back.
        tolerance: how far E_IS may go from where it began, per particle [eps_AA].
        softness: a trial with a logit lower by this is taken in one of e cases.
        seed: what all randomness derives from.
    """

    kind: str = "random"
    steps: int = 100
    trials: int = 6
    radius: float = 2.0
    kick: float = 0.35
    longest: float = 1.0
    tolerance: float = 0.002
    softness: float = 0.05
    seed: int

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind: got {self.kind!r}, expected one of {', '.join(KINDS)}")


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A finished walk.

    Attributes:
        positions: (K, N, 2) where it began and every trial that was taken, unwrapped from one to the next.
        step: (K,) the step each was taken at, 0 first.
        logit: (K,) of the last class less the first.
        energy: (K,) E_IS per particle [eps_AA].
    """

    positions: np.ndarray
    step: np.ndarray
    logit: np.ndarray
    energy: np.ndarray


def walk(
    classifier: Classifier,
    start: Configurations,
    engine: Engine,
    spec: WalkSpec,
    progress: Callable[[float, float], None] | None = None,
) -> Walk:
    """Walk one configuration to higher scores.

    Args:
        classifier: trained on inherent structures.
        start: one periodic configuration; it is quenched first.
        engine: that quenches.
        spec: the walk.
        progress: told how many steps are done, and of how many.

    Raises:
        ValueError: for more than one configuration or an open axis.
    """
    if len(start) != 1 or not start.periodic.all():
        raise ValueError(f"walk: got {len(start)} configurations, expected one, periodic along both axes")
    rng = stream(spec.seed, Purpose.TRAINING, replica=KINDS.index(spec.kind), step=1)
    box = np.asarray(start.box[0])
    now, energy = _quenched(np.asarray(start.positions), start, engine)
    now, energy = now[0], float(energy[0])
    logit = float(_logits(classifier, now[None], start)[0])
    taken = [(0, now, logit, energy)]
    field = _field(classifier, now, start, spec)
    for step in range(1, spec.steps + 1):
        kicked = np.stack([now + _kick(rng, now, box, field, spec) for _ in range(spec.trials)])
        trial, energies = _quenched(kicked, start, engine)
        gone = minimum_image(trial - now, box)
        gone -= gone.mean(axis=1, keepdims=True)  # a kick sets the whole adrift, which is no change
        offered = (np.abs(energies - taken[0][3]) <= spec.tolerance) & (np.abs(gone).max(axis=(1, 2)) > FELL_BACK)
        logits = np.where(offered, _logits(classifier, trial, start), -np.inf)
        best = int(np.argmax(logits))
        if logits[best] > -np.inf and rng.random() < np.exp(min(0.0, (logits[best] - logit) / spec.softness)):
            now = now + gone[best]
            logit, energy = float(logits[best]), float(energies[best])
            taken.append((step, now, logit, energy))
            field = _field(classifier, now, start, spec)
        if progress is not None:
            progress(step, spec.steps)
    steps, positions, scores, heights = zip(*taken, strict=True)
    return Walk(positions=np.array(positions), step=np.array(steps), logit=np.array(scores), energy=np.array(heights))


def slope(classifier: Classifier, positions: np.ndarray, like: Configurations) -> np.ndarray:
    """(N, 2) how the logit of the last class less the first changes with the positions of one configuration."""
    import jax

    kind, module = classifier.architecture, classifier.module()
    encoded = kind.encode(replace(like, positions=positions[None]))
    scored = kind.scored(encoded, classifier.scaling)  # type: ignore[attr-defined]

    def score(r):
        logits = module(scored(r))
        return logits[0, -1] - logits[0, 0]

    return np.asarray(jax.grad(score)(positions.astype(np.float32)), np.float64)


def _field(classifier: Classifier, now: np.ndarray, like: Configurations, spec: WalkSpec) -> np.ndarray:
    """(N, 2) the slope that kicks go along; nothing where they are random."""
    return np.empty((0, 2)) if spec.kind == "random" else slope(classifier, now, like)


def _kick(rng: np.random.Generator, now: np.ndarray, box: np.ndarray, field: np.ndarray, spec: WalkSpec) -> np.ndarray:
    """(N, 2) displacements of a region around a random particle."""
    centre = now[rng.integers(len(now))]
    away = minimum_image(now - centre, box)
    near = (np.hypot(away[:, 0], away[:, 1]) < spec.radius)[:, None]
    if spec.kind == "random":
        return near * spec.kick * rng.standard_normal(now.shape)
    along = near * field
    longest = np.hypot(along[:, 0], along[:, 1]).max()
    return along * (spec.longest / longest) if longest > 0 else along


def _quenched(positions: np.ndarray, like: Configurations, engine: Engine) -> tuple[np.ndarray, np.ndarray]:
    """Positions and E_IS of quenches from ``positions`` (T, N, 2); one that does not come to rest has infinite E_IS."""
    count = len(positions)
    box = np.repeat(np.asarray(like.box), count, axis=0)
    minimized = engine.minimize(
        Ensemble(
            positions=positions - box[:, None] * np.floor(positions / box[:, None] + 0.5),
            velocities=np.zeros_like(positions),
            species=np.repeat(np.asarray(like.species), count, axis=0),
            box=box,
            seed=0,
            replica=np.arange(count),
            step=np.zeros(count, dtype=np.int64),
        )
    )
    energy = minimized.energies.mean(axis=1)
    return minimized.ensemble.positions, np.where(minimized.converged, energy, np.inf)


def _logits(classifier: Classifier, positions: np.ndarray, like: Configurations) -> np.ndarray:
    count = len(positions)
    shown = Configurations(
        positions=positions,
        species=np.repeat(np.asarray(like.species), count, axis=0),
        box=np.repeat(np.asarray(like.box), count, axis=0),
        periodic=np.repeat(np.asarray(like.periodic), count, axis=0),
        inherent_energy=np.full(count, np.nan),
    )
    logits = classifier.logits(classifier.architecture.encode(shown), np.arange(count))
    return logits[:, -1] - logits[:, 0]
