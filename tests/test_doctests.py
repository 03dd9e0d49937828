"""Every example in a docstring runs. Collected by import, so that the folders keep their installed names."""

import doctest
import importlib
import pkgutil

import pytest

import vitrify

OPTIONAL = {"vitrify.md.engines.hoomd", "vitrify.pipelines.benchmark.torch_networks"}


def modules():
    return sorted(
        found.name for found in pkgutil.walk_packages(vitrify.__path__, "vitrify.") if found.name not in OPTIONAL
    )


@pytest.mark.parametrize("name", modules())
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
