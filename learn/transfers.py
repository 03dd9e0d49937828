"""What a transfer leaves: tables, a figure, captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vitrify.analysis.figures import TransferPoints, save, transfer_figure
from vitrify.analysis.report.tables import write_contents, write_table
from vitrify.learn.scores import INTERVALS
from vitrify.learn.transfer import Transfer, point_columns, tg_columns
from vitrify.md.store.product import whole_directory
from vitrify.md.store.provenance import provenance, to_toml

CAPTIONS = {
    "transfer.png": "AUC (full circles) and accuracy at the best threshold (open circles) of the glass against the "
    "liquid at each temperature of the ramp it was cooled on, with 95 % intervals over replicas that no training saw; "
    "grey: the classifier did not learn its training part. Below: mean E_IS. The full line is the temperature at which "
    "the AUC leaves its plateau, with its interval, the dashed one the fictive temperature of the glass.",
    "tg.csv": "The temperature at which the AUC leaves its plateau of the hot liquid, a broken line with an interval "
    "by the jackknife over replicas, beside the fictive temperature of the same glass.",
    "transfer.csv": "The same scores as numbers. The threshold of the accuracy is found on one half of the replicas "
    "and used on the other.",
}


def write_transfers(found: Sequence[Transfer], out: Path, made_by: Mapping, *, force: bool = False) -> dict[str, list]:
    """Write what transfers found into a directory; hand back the table of T_g. Ramps of one name get a number.

    Raises:
        FileExistsError: when there is something at ``out`` and no ``force``.
    """
    out, names = Path(out), [one.run for one in found]
    found = [
        replace(one, run=f"{one.run} {row}") if names.count(one.run) > 1 else one for row, one in enumerate(found, 1)
    ]
    with whole_directory(out, "transfer.toml", force=force) as directory:
        points, tg = point_columns(found), tg_columns(found)
        write_table(directory / "transfer.csv", points)
        write_table(directory / "tg.csv", tg)
        drawn = {}
        for row, one in enumerate(found):
            own = np.array([name == one.run for name in points["run"]])
            column = {name: np.array(values)[own] for name, values in points.items()}
            drawn[one.run] = TransferPoints(
                kt=one.kt,
                auc=np.array([column[name] for name in ("auc", "auc_low", "auc_high")]),
                accuracy=np.array([column[f"calibrated_accuracy{end}"] for end in ("", "_low", "_high")]),
                energy=column["inherent_energy"],
                energy_error=column["inherent_energy_error"],
                learnt=one.learnt,
                tg=(tg["tg"][row], tg["tg_low"][row], tg["tg_high"][row]),
                fictive=tg["fictive"][row],
            )
        save(transfer_figure(drawn, once=found[0].dots == "trained once"), directory / "transfer.png")
        write_contents(directory, CAPTIONS)
        made = provenance(("numpy",))
        head = {**made_by, "dots": found[0].dots, "intervals": INTERVALS}
        head["provenance"] = {key: made[key] for key in ("version", "git_commit", "started")}
        (directory / "transfer.toml").write_text(to_toml(head))
    return tg
