"""The kernels compile ahead of time for a GPU that is not here; needs the compiler that vitrify[gpu] brings."""

from importlib.util import find_spec
from types import SimpleNamespace

import pytest
from numba import types

from vitrify.md.engines.replica.layout import DOUBLE, SINGLE

pytestmark = pytest.mark.skipif(find_spec("numba_cuda") is None, reason="needs numba-cuda, of vitrify[gpu]")

HOPPER = (9, 0)
I32, I64, U16, F32, F64 = types.int32, types.int64, types.uint16, types.float32, types.float64


def batch(fixed, real):
    """Types of the fields of wave.Batch, in order: what they hold, and how many axes they have."""
    fields = [
        (I32, 1), (fixed, 3), (fixed, 3), (real, 3), (I32, 2), (I32, 2), (I32, 2), (I64, 3), (real, 3), (I32, 3),
        (fixed, 2), (real, 2), (I32, 3), (I32, 3), (U16, 4), (real, 2), (I64, 2), (real, 3), (I32, 1), (fixed, 3),
        (real, 2), (fixed, 2), (real, 1), (I64, 1), (I64, 1), (F64, 1), (F64, 2),
    ]  # fmt: skip
    return [types.Array(kind, axes, "C") for kind, axes in fields]


def row(kind):
    return types.Array(kind, 1, "C")


BATH = [row(I64), row(F64), row(F32), row(I64), F64, I64, row(I64)]


@pytest.mark.parametrize(
    ("kernel", "precision", "arguments", "expected"),
    [
        ("integrate_kernel", SINGLE, [*batch(I32, F32), *BATH, F32, I64], "div.approx.f32"),
        ("minimize_kernel", DOUBLE, [*batch(I64, F64), F64, I64], "div.rn.f64"),
    ],
)
def test_kernels_compile_for_hopper(monkeypatch, kernel, precision, arguments, expected):
    import numba.cuda.dispatcher as dispatcher
    from numba import cuda

    from vitrify.md.engines.replica.cuda import Batch, program

    assert len(batch(I32, F32)) == len(Batch._fields)
    # Device functions ask the present GPU what it is; there is none.
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=HOPPER))
    function = getattr(program(precision, 512), kernel).py_func
    ptx, _ = cuda.compile_ptx(function, tuple(arguments), cc=HOPPER)
    assert expected in ptx
    assert "ld.shared" in ptx  # coordinates are read from shared memory, known as such to the compiler
