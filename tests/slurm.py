"""A one-node Slurm on this machine, for tests: no systemd, no accounting, everything in one folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={ctld}
SlurmdPort={slurmd}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=512
ReturnToService=2
SlurmdParameters=config_overrides
MinJobAge=3600
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
SACCT = """#!/bin/sh
# Stands for accounting: answers submitit's question from the controller.
echo "JobID|State|NodeList"
scontrol show job -o | sed -nE \
 -e 's/^JobId=[0-9]+ ArrayJobId=([0-9]+) ArrayTaskId=([0-9]+) .*JobState=([A-Z]+) .* NodeList=([^ ]*) .*/\\1_\\2|\\3|\\4/p' \
 -e 's/^JobId=([0-9]+) JobName.*JobState=([A-Z]+) .* NodeList=([^ ]*) .*/\\1|\\2|\\3/p'
"""  # noqa: E501


def installable() -> bool:
    """Whether Slurm is here or can be installed (root on Debian)."""
    return bool(shutil.which("slurmctld")) or (os.geteuid() == 0 and bool(shutil.which("apt-get")))


def install() -> None:
    """Install Slurm from Debian's packages, where it is missing."""
    if not shutil.which("slurmctld"):
        packages = ["slurmctld", "slurmd", "slurm-client", "munge"]
        for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *packages]):
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["apt-get", *command], check=True, capture_output=True, env=environment)


def free_port() -> int:
    """A port of the loopback that nobody uses now."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """A running cluster; gives the environment in which sbatch, squeue and submitit find it."""
    install()
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    (folder / "bin" / "sacct").write_text(SACCT)
    (folder / "bin" / "sacct").chmod(0o755)
    host = socket.gethostname().split(".")[0]
    ports = {"ctld": free_port(), "slurmd": free_port()}
    conf = folder / "slurm.conf"
    conf.write_text(CONF.format(host=host, folder=folder, cpus=os.cpu_count(), **ports))
    environment = os.environ | {"SLURM_CONF": str(conf), "PATH": f"{folder / 'bin'}:/usr/sbin:{os.environ['PATH']}"}
    munge = [
        f"--{key}={folder}/munge.{key.split('-')[0]}"
        for key in ("key-file", "socket", "pid-file", "log-file", "seed-file")
    ]
    commands = [["munged", "--foreground", "--force", *munge], ["slurmctld", "-D"], ["slurmd", "-D"]]
    daemons = []
    try:
        for command in commands:
            daemons.append(
                subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            time.sleep(0.5)
        wait_idle(environment)
        yield environment
    finally:
        for daemon in reversed(daemons):
            daemon.kill()
            daemon.wait()


def wait_idle(environment: dict[str, str], limit: float = 30) -> None:
    """Wait for the node; raise RuntimeError with what sinfo says otherwise."""
    end = time.time() + limit
    while time.time() < end:
        shown = subprocess.run(
            ["sinfo", "-h", "-o", "%T"], capture_output=True, text=True, env=environment, check=False
        )
        if "idle" in shown.stdout:
            return
        time.sleep(0.2)
    raise RuntimeError(f"the node never became idle: {shown.stdout} {shown.stderr}")
