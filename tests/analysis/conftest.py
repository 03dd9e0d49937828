"""LAMMPS single points and lattices that the analysis is held against."""

from pathlib import Path

import numpy as np
import pytest

from vitrify.md.model import PairTable, kob_andersen_pairs
from vitrify.md.store.frames import Configuration

REFERENCE = Path(__file__).parent.parent / "reference"

FILM_PAIRS = PairTable(
    epsilon=np.array([[1.0, 1.5, 1.0], [1.5, 0.5, 1.0], [1.0, 1.0, 0.1]]),
    sigma=np.array([[1.0, 0.8, 0.75], [0.8, 0.88, 0.75], [0.75, 0.75, 0.76]]),
    r_cut=2.5 * np.array([[1.0, 0.8, 0.75], [0.8, 0.88, 0.75], [0.75, 0.75, 0.76]]),
)
"""Of film_N404.npz, as tests/reference/README.md has it."""


def configuration(positions, species, box, periodic=(True, True), kt_set=1.0):
    return Configuration(
        positions=np.asarray(positions, dtype=np.float64),
        species=np.asarray(species, dtype=np.int8),
        box=np.asarray(box, dtype=np.float64),
        periodic=periodic,
        step=0,
        kt_set=kt_set,
    )


@pytest.fixture(name="configuration")
def configuration_maker():
    return configuration


@pytest.fixture
def square_lattice():
    """20 x 20 A particles a lattice constant of 1.1 apart."""
    sites = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0), indexing="ij"), axis=-1).reshape(-1, 2)
    return configuration(1.1 * sites - 11 + 0.01, np.zeros(400), [22.0, 22.0])


@pytest.fixture
def triangular_lattice():
    """18 x 20 B particles, neighbours 1.0 apart: below the longest B-B bond."""
    columns, rows = np.meshgrid(np.arange(18.0), np.arange(20.0), indexing="ij")
    sites = np.stack([columns + 0.5 * (rows % 2), rows * np.sqrt(3) / 2], axis=-1).reshape(-1, 2)
    return configuration(sites, np.ones(360), [18.0, 20 * np.sqrt(3) / 2])


@pytest.fixture(params=["liquid_T1.0_N1080", "inherent_N1080", "film_N404"])
def single_point(request):
    """One LAMMPS single point: configuration, pair table, energies per particle, total energy."""
    data = np.load(REFERENCE / "lammps" / f"{request.param}.npz")
    periodic = (bool(data["periodic"][0]), bool(data["periodic"][1]))
    pairs = FILM_PAIRS if "film" in request.param else kob_andersen_pairs()
    found = configuration(data["positions"], data["types"], data["box"], periodic)
    return found, pairs, data["energies"], float(data["potential_energy"])


@pytest.fixture
def liquid():
    data = np.load(REFERENCE / "lammps" / "liquid_T1.0_N1080.npz")
    return configuration(data["positions"], data["types"], data["box"])


@pytest.fixture
def inherent():
    data = np.load(REFERENCE / "lammps" / "inherent_N1080.npz")
    return configuration(data["positions"], data["types"], data["box"])


@pytest.fixture
def film():
    data = np.load(REFERENCE / "lammps" / "film_N404.npz")
    return configuration(data["positions"], data["types"], data["box"], (True, False))


@pytest.fixture
def lammps_cooling():
    """The table of eight LAMMPS runs, M = 2e5, N = 4320."""
    from vitrify.analysis.report.tables import read_table

    return read_table(REFERENCE / "lammps_cooling" / "M2e5_N4320.csv")
