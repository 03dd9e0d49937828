import matplotlib
import numpy as np
import pytest

from vitrify.analysis import figures
from vitrify.analysis.curves.cooling_curve import curve_from_tables
from vitrify.analysis.curves.glass_transition import glass_transition
from vitrify.analysis.statistics import mean_and_error
from vitrify.analysis.structure.radial import radial_distribution


@pytest.fixture
def transition(lammps_cooling):
    curve = curve_from_tables([lammps_cooling], ramp_steps=200_000, rate=0.00195)
    return glass_transition(curve)


def g_figure(liquid):
    found = radial_distribution(liquid)
    return figures.curve_family_figure(
        {"liquid": (found.radius, mean_and_error(found.g[None]))},
        lines=("g_AA", "g_AB", "g_BB"),
        x_label="r",
        y_label="g(r)",
        level=1.0,
    )


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def test_cooling_curve_shows_the_mean_and_tg_with_its_interval(transition):
    figure = figures.cooling_curve_figure([transition.curve], [transition])
    curve, below = figure.axes
    label = f"{transition.tg.value:.3f} ({transition.tg.low:.3f} to {transition.tg.high:.3f})"
    assert label in texts(figure)
    mean = curve.get_lines()[0].get_ydata()
    np.testing.assert_array_equal(mean, transition.curve.inherent.mean)
    np.testing.assert_allclose(below.get_lines()[0].get_xdata(), [transition.tg.low, transition.tg.high])
    assert below.get_lines()[-1].get_xdata() == [transition.tg.value]


def test_an_interval_beyond_the_axes_ends_in_an_arrow(transition):
    figure = figures.cooling_curve_figure([transition.curve], [transition], kt_range=(0.4, 2.0))
    bar, arrow, _ = figure.axes[1].get_lines()
    assert bar.get_xdata()[0] == 0.4
    assert (arrow.get_marker(), arrow.get_xdata()) == ("<", [0.4])


def test_circles_continue_across_the_periodic_edge(configuration):
    corner = configuration([[4.9, -4.9], [0.0, 0.0]], [0, 1], [10.0, 10.0])
    large, small = figures.configuration_figure({"corner": corner}).axes[0].collections
    # the one at the corner is seen at all four corners, the one in the middle once
    assert sorted(large.get_offsets().round(6).tolist()) == [[-5.1, -4.9], [-5.1, 5.1], [4.9, -4.9], [4.9, 5.1]]
    assert small.get_offsets().tolist() == [[0.0, 0.0]]


def test_a_film_shows_its_extent_and_its_bulk(film):
    axes = figures.configuration_figure({"film": film}, bulk=(4.0, 9.0)).axes[0]
    assert axes.get_xlim() == (-15.0, 15.0)
    np.testing.assert_allclose(axes.get_ylim(), [film.positions[:, 1].min() - 1, film.positions[:, 1].max() + 1])
    assert [line.get_ydata()[0] for line in axes.get_lines()] == [4.0, 9.0]
    assert len(axes.collections) == 3


def test_scores_and_their_ends_stand_where_they_should():
    figure = figures.score_figure(["network", "linear"], [0.9, 0.7], [0.8, 0.65], [0.95, 0.8], quantity="AUC")
    axes = figure.axes[0]
    points = axes.get_lines()[0]
    assert points.get_xdata().tolist() == [0.9, 0.7]
    spans = [segment[:, 0].tolist() for segment in axes.collections[0].get_segments()]
    np.testing.assert_allclose(spans, [[0.8, 0.95], [0.65, 0.8]])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["network", "linear"]


def test_every_figure_is_written_as_png_and_svg(transition, liquid, tmp_path):
    series = figures.Series(np.array([0.5, 1.0]), np.array([0.9, 0.8]), np.array([0.02, 0.03]))
    roc = figures.Roc(np.array([0.0, 0.2, 1.0]), np.array([0.0, 0.9, 1.0]), 0.9, 0.85, 0.95)
    drawn = {
        "cooling": figures.cooling_curve_figure([transition.curve], [transition], liquids=series),
        "rates": figures.temperatures_against_rate_figure(
            {"Tg": figures.Readings([transition.curve.rate], [transition.tg])}
        ),
        "g": g_figure(liquid),
        "errors": figures.error_bar_figure(
            {"a": series, "b": series}, x_label="x", y_label="y", levels={"chance": figures.Level(0.5)}
        ),
        "roc": figures.roc_figure({"network": roc}),
    }
    for name, figure in drawn.items():
        figures.save(figure, tmp_path / f"{name}.png")
        for suffix, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
            assert (tmp_path / f"{name}{suffix}").read_bytes().startswith(magic)
    with pytest.raises(ValueError, match=r"suffix '\.gif'"):
        figures.save(drawn["errors"], tmp_path / "errors.gif")


def test_particles_take_the_colour_of_their_number(configuration):
    corner = configuration([[4.9, -4.9], [0.0, 0.0], [2.0, 2.0]], [0, 0, 0], [10.0, 10.0])
    colouring = figures.Colouring(label="sides", values={"": np.array([5.0, 7.0, np.nan])}, whole=True)
    panel, bar = figures.configuration_figure({"": corner}, colouring=colouring).axes
    (circles,) = panel.collections
    found = {}
    for place, colour in zip(circles.get_offsets().round(1).tolist(), circles.get_facecolors(), strict=True):
        found.setdefault(matplotlib.colors.to_hex(colour), []).append(place)
    # the one at the corner is seen four times in one colour
    assert {colour: len(places) for colour, places in found.items()} == {"#4db6ac": 4, "#f0a04b": 1, "#b9bec6": 1}
    assert bar.get_ylabel() == "sides"
    assert [tick for tick in bar.get_yticks() if 4.5 < tick < 7.5] == [5, 6, 7]


def test_a_colour_bar_spans_what_it_is_told(configuration):
    pair = configuration([[0.0, 0.0], [2.0, 2.0]], [0, 1], [10.0, 10.0])
    colouring = figures.Colouring(label="energy", values={"": np.array([-4.0, -2.0])}, ends=(-5.0, 0.0))
    _, bar = figures.configuration_figure({"": pair}, colouring=colouring).axes
    assert (bar.get_ylim(), bar.get_ylabel()) == ((-5.0, 0.0), "energy")
    with pytest.raises(ValueError, match="energy: got no number for any particle"):
        figures.Colouring(label="energy", values={"": np.array([np.nan])}).scale()


def test_the_callers_settings_stay_and_do_not_matter(liquid):
    plain = figures.as_png_bytes(g_figure(liquid), dpi=50)
    with matplotlib.rc_context({"axes.facecolor": "black", "lines.linewidth": 9}):
        other = figures.as_png_bytes(g_figure(liquid), dpi=50)
        assert matplotlib.rcParams["axes.facecolor"] == "black"
    assert other == plain
