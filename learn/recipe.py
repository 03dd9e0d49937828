"""How a network is trained, as numbers: length, batches, rates and their schedule, and when to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import optax

SCHEDULES = ("constant", "cosine", "threshold")
OPTIMISERS = ("adam", "adamw")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained: Adam on cross entropy + l2 * (sum of squares of all weights but biases).

    Lengths are counted in epochs: in one, every training configuration is shown once. Weights are chosen, and training
    is stopped, by the validation loss of *averaged* weights where ``average`` is not 0. A single step moves them by
    the fraction 1 / (batches averaged over) of its length, so their loss cannot jump from one validation to the next
    as that of the weights themselves does.

    Attributes:
        epochs: at most so many, rounded up to whole intervals between validations.
        batch: configurations a batch; all of them where there are fewer.
        learning_rate: of Adam, at its highest.
        schedule: ``constant``; ``cosine``, down to ``slow_learning_rate`` at the last epoch; or ``threshold``, as the
            log has it: ``slow_learning_rate`` while the accuracy on the validation part is above ``slow_above``.
        slow_learning_rate: see ``schedule``.
        slow_above: see ``schedule``.
        warmup: epochs in which the rate rises from 0.
        optimiser: ``adam`` or ``adamw``.
        weight_decay: of adamw.
        l2: weight of the squares; biases and gains are free.
        average: epochs over which weights are averaged, exponentially; 0 for the weights as they are.
        symmetry: show each configuration as a random one of its equivalents (shifted, mirrored, turned), always anew.
        validate_every: batches from one validation to the next; 0 for an epoch. An iteration of the log is 10 batches.
        patience: stop after so many validations without a lower validation loss.

    Raises:
        ValueError: for a number outside its range.
    """

    epochs: int
    batch: int
    learning_rate: float
    schedule: str = "constant"
    slow_learning_rate: float = 0.0
    slow_above: float = 0.90
    warmup: float = 0.0
    optimiser: str = "adam"
    weight_decay: float = 0.0
    l2: float = 0.0
    average: float = 0.0
    symmetry: bool
    validate_every: int = 0
    patience: int

    def __post_init__(self):
        for name in ("epochs", "batch", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected at least 1")
        if not 0 < self.learning_rate < 10:
            raise ValueError(f"learning_rate: got {self.learning_rate}, expected a positive rate below 10")
        for name in ("slow_learning_rate", "warmup", "weight_decay", "l2", "average", "validate_every"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: got {getattr(self, name)}, expected 0 or more")
        for name, known in (("schedule", SCHEDULES), ("optimiser", OPTIMISERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected one of {', '.join(known)}")
        if self.schedule == "threshold" and not self.slow_learning_rate:
            raise ValueError("slow_learning_rate: got 0, expected the rate of a good network (schedule: threshold)")

    def batches(self, configurations: int) -> int:
        """Batches of an epoch; the last one borrows from the next epoch.

        >>> Recipe(epochs=1, batch=8, learning_rate=1e-3, symmetry=False, patience=1).batches(20)
        3
        """
        return math.ceil(configurations / min(self.batch, configurations))

    def interval(self, configurations: int) -> int:
        """Batches from one validation to the next."""
        return self.validate_every or self.batches(configurations)

    def last(self, configurations: int) -> int:
        """Updates of the whole training."""
        interval = self.interval(configurations)
        return math.ceil(self.epochs * self.batches(configurations) / interval) * interval

    def rate(self, update: int, configurations: int, accuracy: float) -> float:
        """The learning rate of an update, the first of which is 0, after a validation accuracy."""
        epoch = self.batches(configurations)
        warm = min(1.0, (update + 1) / (self.warmup * epoch)) if self.warmup else 1.0
        if self.schedule == "threshold":
            return warm * (self.slow_learning_rate if accuracy > self.slow_above else self.learning_rate)
        if self.schedule == "cosine":
            left = (1 + math.cos(math.pi * min(1.0, update / (self.epochs * epoch)))) / 2
            return warm * (self.slow_learning_rate + (self.learning_rate - self.slow_learning_rate) * left)
        return warm * self.learning_rate

    def direction(self) -> optax.GradientTransformation:
        """What the optimiser makes of a gradient, before it is multiplied with the rate."""
        return adam_direction(self.optimiser, self.weight_decay)

    def keeps_going(self, other: Recipe) -> bool:
        """Whether a training by ``other`` is the beginning of one by this: the same but for where it ends."""
        if "cosine" in (self.schedule, other.schedule) and self.epochs != other.epochs:
            return False
        return replace(self, epochs=1, patience=1) == replace(other, epochs=1, patience=1)


def adam_direction(optimiser: str, weight_decay: float) -> optax.GradientTransformation:
    """Adam without its rate, with the decay of adamw."""
    adam = optax.scale_by_adam()
    return adam if optimiser == "adam" else optax.chain(adam, optax.add_decayed_weights(weight_decay))
