"""What a campaign will take, before anything runs: stages, batches, steps, files, disk and hours. It writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from vitrify.pipelines.campaign.campaign import Campaign
from vitrify.pipelines.campaign.rates import Rates
from vitrify.pipelines.campaign.tasks import Stage
from vitrify.pipelines.campaign.work import Amount, amounts


@dataclass(frozen=True, kw_only=True)
class Row:
    """One stage of a plan.

    Attributes:
        stage: the stage.
        amount: how much its tasks are together.
        seconds: how long one device takes for all of them.
        longest: how long it takes for the largest of them.
    """

    stage: Stage
    amount: Amount
    seconds: float
    longest: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A campaign in numbers.

    Attributes:
        rows: a stage each.
        rates: of one device.
        devices: how many there are.
    """

    rows: tuple[Row, ...]
    rates: Rates
    devices: int

    @property
    def amount(self) -> Amount:
        """All of it."""
        total = Amount()
        for row in self.rows:
            total += row.amount
        return total

    @property
    def seconds(self) -> float:
        """Of one device that does all."""
        return sum(row.seconds for row in self.rows)

    @property
    def chain(self) -> float:
        """Seconds of the longest chain of tasks that wait for each other: no number of devices is faster."""
        ends: dict[str, float] = {}
        for row in self.rows:
            ends[row.stage.name] = row.longest + max((ends[name] for name in row.stage.needs), default=0.0)
        return max(ends.values(), default=0.0)

    @property
    def wall(self) -> float:
        """Seconds on all devices, at least: shared out evenly, and no faster than the longest chain."""
        return max(self.seconds / self.devices, self.chain)


def make_plan(campaign: Campaign, rates: Rates, devices: int) -> Plan:
    """Count a campaign."""
    counted = amounts(campaign.stages)
    return Plan(rows=tuple(_row(stage, counted, rates) for stage in campaign.stages), rates=rates, devices=devices)


def _row(stage: Stage, counted: Mapping[str, Amount], rates: Rates) -> Row:
    total, longest, seconds = Amount(), 0.0, 0.0
    for task in stage.tasks:
        one = counted[task.name]
        took = rates.start + rates.seconds(one)
        total, seconds, longest = total + one, seconds + took, max(longest, took)
    return Row(stage=stage, amount=total, seconds=seconds, longest=longest)


def as_table(plan: Plan, title: str) -> Table:
    """The plan, a line a stage."""
    table = Table(title=title)
    for name in ("stage", "does"):
        table.add_column(name)
    for name in ("tasks", "steps", "quenches of", "files", "disk", "one device", "longest task"):
        table.add_column(name, justify="right")
    for row in plan.rows:
        table.add_row(row.stage.name, row.stage.action, str(len(row.stage.tasks)), *cells(row.amount),
                      duration(row.seconds), duration(row.longest))  # fmt: skip
    table.add_section()
    tasks = sum(len(row.stage.tasks) for row in plan.rows)
    table.add_row("all", "", str(tasks), *cells(plan.amount), duration(plan.seconds), duration(plan.chain))
    return table


def cells(amount: Amount) -> tuple[str, ...]:
    """Steps, particles quenched, files and disk."""
    return (
        f"{amount.steps:.2g}" if amount.steps else "",
        f"{amount.quenched:.2g} particles" if amount.quenched else "",
        f"{amount.files:,}",
        size(amount.bytes),
    )


def in_words(plan: Plan) -> list[str]:
    """What the numbers rest on, and what all devices together make of them."""
    devices = f"{plan.devices} device{'s' if plan.devices > 1 else ''}"
    rates = plan.rates
    return [
        f"{duration(plan.wall)} on {devices}: work shared out evenly, and no less than the longest chain of tasks, "
        f"{duration(plan.chain)} on one device each; a batch that has several cores is that many times faster",
        f"rates of one device, {rates.source}: {rates.particle_steps:.3g} particle-steps and {rates.quenched:.3g} "
        f"quenched particles a second. Not measured here: {rates.measured:.3g} particles described and "
        f"{rates.stepped:.3g} trained on by mpnn, as on one core of an AVX-512 EPYC; {rates.pictured:.3g} by cnn and "
        "cnn2018 is assumed. What datasets, evaluations and reports take is left out",
    ]


def as_json(plan: Plan) -> dict:
    """The plan as plain numbers."""
    return {
        "stages": [
            {
                "stage": row.stage.name,
                "action": row.stage.action,
                "needs": list(row.stage.needs),
                "tasks": len(row.stage.tasks),
                **_plain(row.amount),
                "device_seconds": row.seconds,
                "longest_task_seconds": row.longest,
            }
            for row in plan.rows
        ],
        **_plain(plan.amount),
        "device_seconds": plan.seconds,
        "longest_chain_seconds": plan.chain,
        "devices": plan.devices,
        "seconds": plan.wall,
        "rates": vars(plan.rates),
    }


def _plain(amount: Amount) -> dict[str, float]:
    return {name: getattr(amount, name) for name in ("steps", "particle_steps", "quenched", "files", "bytes")}


def duration(seconds: float) -> str:
    """A time for a person.

    >>> [duration(seconds) for seconds in (4, 250, 9_000, 400_000, 4e7)]
    ['4 s', '4 min', '2.5 h', '4.6 d', '1.3 years']
    """
    for unit, length, least in (("years", 3.156e7, 1.0), ("d", 86400, 2.0), ("h", 3600, 1.5), ("min", 60, 1.5)):
        if seconds >= least * length:
            return f"{seconds / length:.0f} {unit}" if unit == "min" else f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def size(count: float) -> str:
    """Bytes for a person.

    >>> size(2_500_000), size(3.1e12)
    ('2.5 MB', '3.1 TB')
    """
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"


def weights(stages: Sequence[Stage], rates: Rates | None = None) -> dict[str, float]:
    """Seconds of every task on one device at some rates, by its name: what share of a campaign each is."""
    rates = rates or Rates()
    return {name: rates.start + rates.seconds(amount) for name, amount in amounts(stages).items()}
