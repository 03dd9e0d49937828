"""Every figure, in one style: plain arrays and analysis results in, a matplotlib Figure out.

The only package that imports matplotlib. No pyplot and no global state: each figure is drawn within its own style
context and belongs to its caller. Colours stay apart for colour-blind readers; one cooling rate, species or model keeps
one colour and one marker within a figure.
"""

from matplotlib.figure import Figure

from vitrify.analysis.figures.curves import (
    Level,
    Series,
    cooling_curve_figure,
    curve_family_figure,
    error_bar_figure,
    profile_figure,
)
from vitrify.analysis.figures.dynamics import decay_figure, relaxation_time_figure
from vitrify.analysis.figures.effects import (
    Bars,
    Profile,
    effects_figure,
    effects_on_curves_figure,
    energies_figure,
    fictive_figure,
)
from vitrify.analysis.figures.explanations import (
    accuracy_figure,
    animation,
    attribution_figure,
    correlation_figure,
    filter_figure,
    groups_figure,
    score_walk_figure,
)
from vitrify.analysis.figures.pictures import Colouring, configuration_figure
from vitrify.analysis.figures.scores import Roc, matrix_figure, roc_figure, score_figure
from vitrify.analysis.figures.style import ENERGY_LABEL, KT_LABEL, as_png_bytes, as_svg, save
from vitrify.analysis.figures.training import training_figure
from vitrify.analysis.figures.transfer import TransferPoints, transfer_figure
from vitrify.analysis.figures.transitions import Readings, choices_figure, temperatures_against_rate_figure

__all__ = [
    "ENERGY_LABEL",
    "KT_LABEL",
    "Bars",
    "Colouring",
    "Figure",
    "Level",
    "Profile",
    "Readings",
    "Roc",
    "Series",
    "TransferPoints",
    "accuracy_figure",
    "animation",
    "as_png_bytes",
    "as_svg",
    "attribution_figure",
    "choices_figure",
    "configuration_figure",
    "cooling_curve_figure",
    "correlation_figure",
    "curve_family_figure",
    "decay_figure",
    "effects_figure",
    "effects_on_curves_figure",
    "energies_figure",
    "error_bar_figure",
    "fictive_figure",
    "filter_figure",
    "groups_figure",
    "matrix_figure",
    "profile_figure",
    "relaxation_time_figure",
    "roc_figure",
    "save",
    "score_figure",
    "score_walk_figure",
    "temperatures_against_rate_figure",
    "training_figure",
    "transfer_figure",
]
