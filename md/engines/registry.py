"""Which engines there are, which of them are installed here, and which one a run takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from vitrify.md.engines.base import TIME_STEP, Engine
from vitrify.md.engines.replica.graphics import GET_GPU, gpu_numbers, why_no_gpu
from vitrify.md.model import PairTable

if TYPE_CHECKING:
    from vitrify.md.engines.replica import ReplicaEngine

ENGINES = ("replica", "hoomd")
"""The engines by name; ``auto`` picks one of them."""

GET_HOOMD = "conda install -c conda-forge hoomd"


@dataclass(frozen=True, kw_only=True)
class EngineChoice:
    """An engine and why it was taken.

    Attributes:
        engine: the engine, ready to run.
        reason: one line for people, such as "replica on cpu: asked for".
    """

    engine: Engine
    reason: str

    @property
    def facts(self) -> dict:
        """What a run's provenance says: engine, device, why it was taken, every setting that is a number or a word."""
        engine = self.engine
        settings = {entry.name: getattr(engine, entry.name) for entry in fields(engine)} if is_dataclass(engine) else {}
        plain = {name: value for name, value in settings.items() if isinstance(value, int | float | str)}
        return {"engine": engine.name, "device": engine.device, "why": self.reason, "engine_settings": plain}


class Wanted(NamedTuple):
    """What an engine is wanted for."""

    pairs: PairTable
    time_step: float
    device: str
    particles: int
    settings: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """What ``vitrify engines`` says about one engine.

    Attributes:
        name: the name ``--engine`` takes.
        installed: whether it can run here.
        version: its version, "" where it is not installed.
        devices: the devices it can run on here, as ``--device`` takes them.
        how_to_get: the command that installs it, "" where it is.
        why_no_gpu: why it runs on no GPU here, "" where it does.
    """

    name: str
    installed: bool
    version: str
    devices: tuple[str, ...]
    how_to_get: str
    why_no_gpu: str


def get_engine(
    name: str, *, pairs: PairTable, time_step: float = TIME_STEP, device: str = "auto", particles: int
) -> Engine:
    """The engine called ``name``; see `choose_engine`, which also says why."""
    return choose_engine(name, pairs=pairs, time_step=time_step, device=device, particles=particles).engine


def choose_engine(
    name: str,
    *,
    pairs: PairTable,
    time_step: float = TIME_STEP,
    device: str = "auto",
    particles: int,
    settings: Mapping[str, Any] | None = None,
) -> EngineChoice:
    """Build the engine called ``name``, or for ``auto`` the one that suits the size of the system and the device.

    ``auto`` takes ``replica`` on a CPU whatever the size, and on a GPU up to the size that one thread block holds;
    beyond that ``hoomd``.

    Args:
        name: "auto", "replica" or "hoomd".
        pairs: the pair table.
        time_step: [tau].
        device: "auto", "cpu", "gpu" or "gpu:0,1".
        particles: the largest number of particles a replica will hold.
        settings: those that a run was begun with, ``engine_settings`` of its provenance, so that it goes on bit for
            bit, with the engine that ``auto`` took then; None for a run that begins, which gets what ``vitrify
            benchmark tune`` has found fastest.

    Raises:
        ValueError: for an unknown engine or device, one that is not installed here, or one that can't go on with a run
            that was begun with ``settings``.

    >>> from vitrify.md.model import kob_andersen_pairs
    >>> choose_engine("auto", pairs=kob_andersen_pairs(), device="cpu", particles=4320).reason
    'replica on cpu: the default'
    """
    check_device(device)
    wanted = Wanted(pairs, time_step, device, particles, settings or {})
    begun_with = wanted.settings.get("name", "")
    if name == "auto" and begun_with in _BUILDERS:
        engine = _BUILDERS[begun_with](wanted)
        return EngineChoice(engine=engine, reason=f"{engine.name} on {engine.device}: the run was begun with it")
    if name == "auto":
        return _automatic(wanted)
    if name not in _BUILDERS:
        raise ValueError(f"engine: got {name!r}, expected one of {', '.join(('auto', *ENGINES))}")
    engine = _BUILDERS[name](wanted)
    return EngineChoice(engine=engine, reason=f"{engine.name} on {engine.device}: asked for")


def check_device(device: str) -> None:
    """Refuse anything but "auto", "cpu", "gpu" and "gpu:" with a list of distinct device numbers.

    >>> check_device("gpu:0,1")
    >>> check_device("tpu")
    Traceback (most recent call last):
    ValueError: device: got 'tpu', expected auto, cpu, gpu or gpu:0,1
    """
    numbers = device.removeprefix("gpu:").split(",") if device.startswith("gpu:") else ["0"]
    plain = device in ("auto", "cpu", "gpu") or device.startswith("gpu:")
    if not plain or not all(number.isdecimal() for number in numbers) or len(set(numbers)) < len(numbers):
        raise ValueError(f"device: got {device!r}, expected auto, cpu, gpu or gpu:0,1")


def available_engines() -> list[EngineInfo]:
    """Every engine, whether it is installed here, on which devices it runs, and how to get what is missing.

    >>> [engine.name for engine in available_engines()]
    ['replica', 'hoomd']
    """
    return [_describe_replica(), _describe_hoomd()]


def _automatic(wanted: Wanted) -> EngineChoice:
    particles = wanted.particles
    engine = _replica(wanted)
    most = engine.most_particles
    if most is None:
        # Nobody without a driver asked for a GPU; with one, a missing package must not go unnoticed.
        missing = why_no_gpu() if wanted.device == "auto" else ""
        hint = f"; {missing}" if GET_GPU in missing else ""
        return EngineChoice(engine=engine, reason=f"replica on {engine.device}: the default{hint}")
    if particles <= most:
        why = f"{particles} particles fit one GPU thread block"
        return EngineChoice(engine=engine, reason=f"replica on {engine.device}: {why}")
    why = f"{particles} particles are more than the {most} that a GPU thread block holds"
    if _has_hoomd():
        engine = _hoomd(wanted)
        return EngineChoice(engine=engine, reason=f"hoomd on {engine.device}: {why}")
    if wanted.device == "auto":
        engine = _replica(wanted._replace(device="cpu"))
        return EngineChoice(engine=engine, reason=f"replica on cpu: {why}, and hoomd is not installed ({GET_HOOMD})")
    raise ValueError(f"particles: {why}; expected the hoomd engine ({GET_HOOMD}) or --device cpu")


def _replica(wanted: Wanted) -> ReplicaEngine:
    from vitrify.md.engines.replica import ReplicaEngine

    engine = ReplicaEngine(pairs=wanted.pairs, time_step=wanted.time_step, device=wanted.device)
    if wanted.settings:
        return engine.with_settings(wanted.settings)
    return engine.as_tuned(wanted.particles)


def _hoomd(wanted: Wanted) -> Engine:
    if not _has_hoomd():
        raise ValueError(f"engine: got 'hoomd', which is not installed; expected HOOMD-blue, {GET_HOOMD}")
    from vitrify.md.engines.hoomd import HoomdEngine

    engine = HoomdEngine(pairs=wanted.pairs, time_step=wanted.time_step, device=wanted.device)
    if not wanted.settings:
        return engine
    begun_with = wanted.settings.get("noise", "random123")  # not on record before 0.2.0, which ran with 4.x
    if begun_with != engine.noise:
        version = wanted.settings.get("version", "4.x")
        raise ValueError(
            f"engine: got HOOMD-blue {engine.version}, whose thermostats draw from {engine.noise}; this run was begun "
            f"with HOOMD-blue {version} and {begun_with}: expected a version with the same noise, or a new run"
        )
    return replace(engine, buffer=wanted.settings.get("buffer", engine.buffer))


_BUILDERS: dict[str, Callable[[Wanted], Engine]] = {"replica": _replica, "hoomd": _hoomd}


def _has_hoomd() -> bool:
    return find_spec("hoomd") is not None


def _describe_replica() -> EngineInfo:
    try:
        number = version("vitrify")
    except PackageNotFoundError:
        number = "unpacked"
    return EngineInfo(
        name="replica",
        installed=True,
        version=number,
        devices=("cpu", *(f"gpu:{number}" for number in gpu_numbers())),
        how_to_get="",
        why_no_gpu=why_no_gpu(),
    )


def _describe_hoomd() -> EngineInfo:
    if not _has_hoomd():
        return EngineInfo(
            name="hoomd", installed=False, version="", devices=(), how_to_get=GET_HOOMD, why_no_gpu="not installed"
        )
    from vitrify.md.engines import hoomd

    return EngineInfo(
        name="hoomd",
        installed=True,
        version=hoomd.hoomd_version(),
        devices=hoomd.devices(),
        how_to_get="",
        why_no_gpu=hoomd.why_no_gpu(),
    )
