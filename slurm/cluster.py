#!/usr/bin/env python3
"""A real Slurm cluster of several nodes on this machine, for tests. Needs root.

    slurm/cluster.py up [NODES] [CPUS]   start it; returns when all nodes are idle
    slurm/cluster.py exec COMMAND ..     run a command as on its login node
    slurm/cluster.py kill NODE           the node dies, and nobody is told
    slurm/cluster.py revive NODE         it is back, as after a reboot
    slurm/cluster.py down                end everything that up started

Every node has namespaces of its own: host name, network address, processes, /tmp and /dev/shm. All
other files are the machine's, at the same paths: a shared file system. Folders in /tmp that jobs
need (this checkout) are mounted in again. State, logs and a folder for jobs are in $WIDEPIPE_CLUSTER,
by default /var/tmp/widepipe-cluster.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = {"slurmctld": "slurmctld", "slurmd": "slurmd", "srun": "slurm-client",
            "munged": "munge", "ip": "iproute2", "unshare": "util-linux"}
NETWORK = "10.83.7"
BRIDGE = "wpbridge"
PRIVATE = ("/tmp", "/dev/shm")  # each node has its own
SECONDS_TO_START = 60

SLURM_CONF = """\
ClusterName=widepipe
SlurmctldHost=head({network}.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A credential lives this long, and a requeued job waits for that before it starts again.
AuthInfo=socket={run}/munge.socket,cred_expire=5
CommunicationParameters=NoCtldInAddrAny
StateSaveLocation={state}/controller
SlurmdSpoolDir={state}/spool/%n
SlurmctldPidFile={run}/slurmctld.pid
SlurmdPidFile={run}/slurmd.%n.pid
SlurmctldLogFile={log}/slurmctld.log
SlurmdLogFile={log}/slurmd.%n.log
MailProg=/bin/true
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={log}/finished-jobs.log
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2
# A dead node is noticed in seconds, and taken back when it answers.
SlurmdTimeout=10
MessageTimeout=5
TCPTimeout=2
ReturnToService=2
KillWait=5
UnkillableStepTimeout=20
JobRequeue=1
MinJobAge=3600
{nodes}
PartitionName=batch Nodes=node[1-{count}] Default=YES MaxTime=INFINITE State=UP
"""


class ClusterError(Exception):
    pass


def run(*command, **how):
    return subprocess.run([str(word) for word in command], check=True, **how)


def start_time(pid):
    """Of a process, so that its number is not taken for another's; None if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def why_not():
    """What keeps a cluster from running here; empty if nothing does."""
    if os.geteuid() != 0:
        return "needs root, for namespaces and a bridge"
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = {package for program, package in PACKAGES.items()
               if shutil.which(program, path=path) is None}
    if not list(Path("/usr/lib").glob("*/slurm-wlm/mpi_pmix.so")):
        missing.add("slurm-wlm-basic-plugins")
    if missing:
        return f"missing packages: {' '.join(sorted(missing))}"
    tried = subprocess.run(["unshare", "--net", "--pid", "--fork", "--uts", "--mount", "ip", "link",
                            "add", "tried", "type", "bridge"], capture_output=True, text=True)
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else ""


class Cluster:
    def __init__(self, state=None, shared=()):
        self.shared = {Path(folder) for folder in shared}
        self.state = Path(state or os.environ.get("WIDEPIPE_CLUSTER", "/var/tmp/widepipe-cluster"))
        self.run = self.state / "run"
        self.log = self.state / "log"
        self.work = self.state / "work"  # for jobs: on all nodes
        self.conf = self.state / "etc" / "slurm.conf"

    def environment(self):
        """What programs on the login node need, and jobs inherit."""
        return {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
                "SLURM_CONF": str(self.conf),
                "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                # More ranks than cores, and every node believes that core 0 is its own.
                "OMPI_MCA_mpi_yield_when_idle": "1",
                "OMPI_MCA_hwloc_base_binding_policy": "none",
                "OMPI_MCA_btl_tcp_if_include": f"{NETWORK}.0/24",
                "OMPI_MCA_oob_tcp_if_include": f"{NETWORK}.0/24"}

    # Processes, by recorded number and start time.

    def record(self, name, pid):
        (self.run / f"{name}.json").write_text(json.dumps([pid, start_time(pid)]))

    def pid_of(self, name):
        try:
            pid, began = json.loads((self.run / f"{name}.json").read_text())
        except (OSError, ValueError):
            return None
        return pid if began is not None and start_time(pid) == began else None

    def end(self, name, number=signal.SIGTERM):
        for attempt in (number, signal.SIGKILL):
            pid = self.pid_of(name)
            if pid is None:
                return
            os.kill(pid, attempt)
            deadline = time.monotonic() + 5
            while self.pid_of(name) is not None and time.monotonic() < deadline:
                time.sleep(0.05)

    def spawn(self, name, *command):
        with (self.log / f"{name}.out").open("ab") as out:
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out, env=self.environment(),
                                       start_new_session=True)
        self.record(name, process.pid)
        return process.pid

    # The whole.

    def is_up(self):
        return self.pid_of("slurmctld") is not None

    def up(self, nodes=4, cpus=2):
        reason = why_not()
        if reason:
            raise ClusterError(reason)
        if self.is_up():
            raise ClusterError(f"is up already, in {self.state}")
        if str(self.state).startswith(PRIVATE):
            raise ClusterError(f"{self.state}: must not be in /tmp: every node has its own")
        self.down()
        for folder in (self.run, self.log, self.conf.parent, self.state / "controller"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        self.work.mkdir(exist_ok=True)
        self.write_settings(nodes, cpus)
        try:
            self.start(nodes)
        except (OSError, subprocess.CalledProcessError) as error:
            self.down()
            raise ClusterError(f"cannot be started: {error}") from error
        except ClusterError:
            self.down()
            raise

    def write_settings(self, nodes, cpus):
        lines = [f"NodeName=node{i} NodeHostname=node{i} NodeAddr={NETWORK}.{10 + i} CPUs={cpus} "
                 f"Boards=1 SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1 "
                 "RealMemory=4096 State=UNKNOWN" for i in range(1, nodes + 1)]
        self.conf.write_text(SLURM_CONF.format(
            network=NETWORK, run=self.run, log=self.log, state=self.state, count=nodes,
            nodes="\n".join(lines)))
        # slurmd loads a plug-in for control groups, used or not; this one asks nothing of them.
        (self.conf.parent / "cgroup.conf").write_text(
            "CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
        hosts = ["127.0.0.1 localhost", f"{NETWORK}.1 head"]
        hosts += [f"{NETWORK}.{10 + i} node{i}" for i in range(1, nodes + 1)]
        (self.conf.parent / "hosts").write_text("\n".join(hosts) + "\n")
        # What lies in a node's private folders and is needed there nevertheless.
        shared = {Path(__file__).resolve().parents[1], *self.shared}
        (self.run / "shared.json").write_text(json.dumps(sorted(
            str(folder) for folder in shared if str(folder).startswith(PRIVATE))))

    def start(self, nodes):
        key = self.run / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        socket = self.run / "munge.socket"
        self.spawn("munged", "munged", "--foreground", "--force", f"--key-file={key}",
                   f"--socket={socket}", f"--pid-file={self.run}/munged.pid",
                   f"--log-file={self.log}/munged.log", f"--seed-file={self.run}/munge.seed")
        run("ip", "link", "add", BRIDGE, "type", "bridge", "forward_delay", "0")
        run("ip", "addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        self.wait_until(socket.exists, "munged")
        self.spawn("slurmctld", "unshare", "--uts", "--mount", "--propagation", "private",
                   "sh", "-c", 'hostname head && mount --bind "$1" /etc/hosts && '
                   "exec slurmctld -D -c", "sh", self.conf.parent / "hosts")
        for index in range(1, nodes + 1):
            self.start_node(f"node{index}")
        self.wait_until(lambda: self.idle_nodes() == nodes, f"{nodes} idle nodes")

    def down(self):
        self.end("slurmctld")
        for path in self.run.glob("node*.json"):
            self.drop_node(path.stem)
        self.end("munged")
        subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True)
        shutil.rmtree(self.run, ignore_errors=True)
        shutil.rmtree(self.state / "spool", ignore_errors=True)

    def wait_until(self, condition, what):
        deadline = time.monotonic() + SECONDS_TO_START
        while not condition():
            if time.monotonic() > deadline:
                raise ClusterError(f"no {what} after {SECONDS_TO_START} s; logs are in {self.log}")
            time.sleep(0.1)

    def states(self):
        """Of the nodes, by name."""
        said = subprocess.run(["sinfo", "-h", "-N", "-o", "%N %T"], env=self.environment(),
                              capture_output=True, text=True)
        return dict(line.split() for line in said.stdout.splitlines())

    def idle_nodes(self):
        return sum(state == "idle" for state in self.states().values())

    # Nodes.

    def start_node(self, name, *options):
        index = int(name.removeprefix("node"))
        # What a killed slurmd leaves there would keep the same step from starting again.
        spool = self.state / "spool" / name
        shutil.rmtree(spool, ignore_errors=True)
        spool.mkdir(parents=True)
        self.spawn(name, "unshare", "--pid", "--net", "--uts", "--ipc", "--mount", "--propagation",
                   "private", "--fork", "--kill-child", sys.executable, Path(__file__).resolve(),
                   "_node", self.state, name, f"{NETWORK}.{10 + index}", *options)
        inside = self.run / f"{name}.inside"
        self.wait_until(inside.exists, name)
        link = f"wp-{name}"
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns",
            inside.read_text())
        run("ip", "link", "set", link, "master", BRIDGE, "up")

    def drop_node(self, name):
        """The link first, so that no peer hears of the end."""
        link = f"wp-{name}"
        subprocess.run(["ip", "link", "set", link, "down"], capture_output=True)
        self.end(name, signal.SIGKILL)  # its first process; the kernel kills the others
        subprocess.run(["ip", "link", "del", link], capture_output=True)
        for suffix in ("json", "inside"):
            (self.run / f"{name}.{suffix}").unlink(missing_ok=True)

    def kill(self, name):
        if self.pid_of(name) is None:
            raise ClusterError(f"{name}: no such node, or dead already")
        self.drop_node(name)

    def revive(self, name):
        if self.pid_of(name) is not None:
            raise ClusterError(f"{name} lives")
        self.start_node(name, "-b")
        self.wait_until(lambda: self.states().get(name) in ("idle", "mixed", "allocated"), name)


def be_node(state, name, address, *options):
    """The life of a node, as the first process of its namespaces."""
    cluster = Cluster(state)
    pid = os.readlink("/proc/self")  # /proc is still the machine's
    run("hostname", name)
    kept = [(folder, cluster.run / f"{name}.{index}")
            for index, folder in enumerate(json.loads((cluster.run / "shared.json").read_text()))]
    for folder, place in kept:
        place.mkdir(exist_ok=True)
        run("mount", "--bind", folder, place)
    run("mount", "-t", "proc", "proc", "/proc")
    for folder in PRIVATE:
        run("mount", "-t", "tmpfs", "-o", "size=2g,mode=1777", "tmpfs", folder)
    for folder, place in kept:
        Path(folder).mkdir(parents=True, exist_ok=True)
        run("mount", "--move", place, folder)
    run("mount", "--bind", cluster.conf.parent / "hosts", "/etc/hosts")
    run("ip", "link", "set", "lo", "up")
    inside = cluster.run / f"{name}.inside"
    inside.with_suffix(".new").write_text(pid)
    inside.with_suffix(".new").rename(inside)
    deadline = time.monotonic() + SECONDS_TO_START
    while subprocess.run(["ip", "link", "show", "eth0"], capture_output=True).returncode:
        if time.monotonic() > deadline:
            raise ClusterError(f"{name}: no network")
        time.sleep(0.05)
    run("ip", "addr", "add", f"{address}/24", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    os.chdir("/")
    subprocess.Popen(["slurmd", "-D", "-N", name, *options],
                     env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                          "LANG": "C.UTF-8", "HOME": "/root", "SLURM_CONF": str(cluster.conf)})
    while True:  # as an init must, take in what others leave
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(1)


def main(arguments):
    verb, *rest = arguments or ["help"]
    cluster = Cluster()
    try:
        if verb == "up":
            cluster.up(*map(int, rest))
            print(f"up, in {cluster.state}; jobs may write to {cluster.work}")
        elif verb == "down":
            cluster.down()
        elif verb == "kill":
            cluster.kill(*rest)
        elif verb == "revive":
            cluster.revive(*rest)
        elif verb == "exec":
            os.execvpe(rest[0], rest, cluster.environment())
        elif verb == "check":
            reason = why_not()
            print(reason or "nothing is missing")
            return 1 if reason else 0
        elif verb == "_node":
            be_node(*rest)
        else:
            print(__doc__)
            return 0 if verb == "help" else 2
    except (ClusterError, subprocess.CalledProcessError) as error:
        print(f"{Path(__file__).name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
