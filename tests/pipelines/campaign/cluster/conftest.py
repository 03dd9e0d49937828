"""A real Slurm of one node on loopback, in a directory of its own: munged, slurmctld and slurmd, as root."""

import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

CONFIGURATION = """
ClusterName=vitrify
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={controller}
SlurmdPort={node}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={place}/munge.socket,cred_expire=5
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_min_interval=0,batch_sched_delay=0
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
JobRequeue=0
KillWait=30
BatchStartTimeout=1
SlurmdTimeout=300
MaxArraySize=3
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000 Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=other Nodes={host} MaxTime=INFINITE State=UP
"""

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch")

PATIENCE = 300.0
"""Seconds until whatever is waited for must have happened, on a machine that does other things."""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(happened, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not (found := happened()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.2)
    return found


class Slurm:
    """The cluster."""

    def __init__(self, place):
        self.place, self.environment = place, {**os.environ, "SLURM_CONF": str(place / "slurm.conf")}
        host = platform.node().partition(".")[0]
        for name in ("state", "spool"):
            (place / name).mkdir()
        ports = {"controller": free_port(), "node": free_port()}
        (place / "slurm.conf").write_text(CONFIGURATION.format(host=host, place=place, **ports))
        (place / "gres.conf").write_text("Name=gpu File=/dev/null\n")
        (place / "munge.key").write_bytes(os.urandom(128))
        (place / "munge.key").chmod(0o400)
        self.node = self.stack = None

    def start(self, stack):
        files = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munge.pid", "seed-file": "munge.seed"}
        words = [f"--{option}={self.place / name}" for option, name in files.items()]
        self.begin(stack, "munged", "--foreground", "--force", f"--log-file={self.place}/munge.log", *words)
        until((self.place / "munge.socket").exists, "munged listens")
        self.begin(stack, "slurmctld", "-D")
        until(lambda: self.succeeds("scontrol", "ping"), "slurmctld answers")
        self.start_node(stack)

    def begin(self, stack, *words):
        with open(self.place / f"{words[0]}.out", "ab") as out:
            process = subprocess.Popen(words, env=self.environment, stdout=out, stderr=out, start_new_session=True)
        stack.callback(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        process.wait()

    def start_node(self, stack):
        self.node = self.begin(stack, "slurmd", "-D")
        until(lambda: self.ask("sinfo", "-h", "-p", "main", "-o", "%t") in ("idle", "mix", "alloc"), "slurmd answers")

    def cut_power(self):
        """Kill the node's daemon and everything it had begun, all at once."""
        for pid in [self.node.pid, *self.step_processes()]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.node.wait()

    def step_processes(self):
        """What runs in jobs: processes with this cluster's configuration and a job's number in their environment."""
        found, mark = [], f"SLURM_CONF={self.place}/slurm.conf".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    words = (entry / "environ").read_bytes().split(b"\0")
                    if mark in words and any(word.startswith(b"SLURM_JOB_ID=") for word in words):
                        found.append(int(entry.name))
                    elif (entry / "comm").read_text().startswith("slurmstepd") and mark in words:
                        found.append(int(entry.name))
        return found

    def ask(self, *words):
        return subprocess.run(words, env=self.environment, capture_output=True, text=True).stdout.strip()

    def succeeds(self, *words):
        return not subprocess.run(words, env=self.environment, capture_output=True).returncode

    def jobs(self):
        return self.ask("squeue", "--noheader", "--array", "--format=%i %j %T %r").splitlines()

    def number(self, name):
        """Of the job of a name that is in the queue."""
        return next(line.split()[0] for line in self.ask("squeue", "-h", "-o", "%F %j").splitlines()
                    if line.split()[1] == name)  # fmt: skip

    def empty(self):
        """Cancel everything and wait until it has gone."""
        if self.node.poll() is not None:
            self.start_node(self.stack)
        subprocess.run(["scancel", "--user=root"], env=self.environment, check=True)
        until(lambda: not self.jobs(), "the queue is empty")

    def logs(self):
        return "\n".join(
            f"== {name}\n" + "\n".join((self.place / name).read_text().splitlines()[-40:])
            for name in ("slurmctld.log", "slurmd.log", "munged.out", "slurmctld.out", "slurmd.out")
            if (self.place / name).is_file()
        )


@pytest.fixture(scope="session")
def one_node():
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} here: apt-get install slurm-wlm munge")
    if os.geteuid():
        pytest.skip("slurmd starts jobs of others and so must be root's")
    place = Path(tempfile.mkdtemp(prefix="slurm-"))  # short: the path of a socket may have 107 letters
    cluster = Slurm(place)
    with ExitStack() as stack:
        try:
            cluster.stack = stack
            cluster.start(stack)
        except TimeoutError as error:
            pytest.fail(f"{error}\n{cluster.logs()}")
        yield cluster
        cluster.empty()
    shutil.rmtree(place)


@pytest.fixture
def cluster(one_node, monkeypatch):
    """A Slurm with nothing in its queue, which the commands of this process find."""
    monkeypatch.setenv("SLURM_CONF", one_node.environment["SLURM_CONF"])
    yield one_node
    one_node.empty()


@pytest.fixture(name="until")
def until_fixture():
    return until
