"""Whether the replica engine can use a GPU here, and why not."""

from __future__ import annotations

GET_GPU = "pip install 'vitrify[gpu13]', for a driver of CUDA 12 'vitrify[gpu]'; with conda environment-gpu.yml"
"""What brings numba-cuda and the CUDA runtime."""


def gpu_is_there() -> bool:
    """Whether a CUDA GPU can be used."""
    return not why_no_gpu()


def why_no_gpu() -> str:
    """Why no CUDA GPU can be used, in one line; "" where one can.

    Numba has a CUDA target of its own that is no longer developed, takes the place of a missing ``numba-cuda`` without
    a word, and knows no new GPU: it is not used.
    """
    from numba import config, cuda

    if getattr(config, "ENABLE_CUDASIM", False):
        return ""
    usable = cuda.is_available()  # starts the driver, whose error is known from then on
    if error := cuda.cuda_error():
        return " ".join(str(error).split(".")[0].split())
    if getattr(cuda, "implementation", "") != "NVIDIA":
        return f"numba-cuda is missing, and Numba's built-in CUDA target is not used: {GET_GPU}"
    return "" if usable else f"there is a driver, but no CUDA runtime: {GET_GPU}"


def gpu_numbers() -> tuple[int, ...]:
    """Numbers of the GPUs that can be used."""
    from numba import cuda

    return tuple(range(len(cuda.gpus))) if gpu_is_there() else ()


def gpu_name() -> str:
    """What the GPU is called."""
    from numba import cuda

    name = cuda.get_current_device().name
    return name.decode() if isinstance(name, bytes) else str(name)
