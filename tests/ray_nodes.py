"""Nodes of a Ray cluster as processes of this machine, each as `ray start` makes it on one of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.processes import processes_of

RAY = str(Path(sys.executable).parent / "ray")
SOON = {
    # Sooner than Ray's 15 s and more, and not so soon that a busy machine's nodes are taken for dead.
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "6",
}
ASSIGNED = ("object-manager-port", "node-manager-port", "dashboard-agent-listen-port",
            "dashboard-agent-grpc-port", "runtime-env-agent-port", "metrics-export-port")  # fmt: skip


def free_ports(count):
    """Ports that nobody listens on: several nodes of one machine cannot have the usual ones."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [found.getsockname()[1] for found in sockets]


class Node:
    """`ray start`, and all that it starts."""

    def __init__(self, folder, environment, *words, resources=None, cpus=1):
        folder.mkdir()
        ports = [f"--{name}={port}" for name, port in zip(ASSIGNED, free_ports(len(ASSIGNED)), strict=True)]
        self.log = folder / "log"
        self._log = self.log.open("wb")
        self._begin = lambda: subprocess.Popen(
            [
                RAY, "start", *words, *ports, f"--temp-dir={folder / 'r'}", "--node-ip-address=127.0.0.1",
                "--min-worker-port=0", "--max-worker-port=0", f"--num-cpus={cpus}",
                f"--object-store-memory={100 << 20}", "--disable-usage-stats", "--block",
                f"--resources={json.dumps(resources or {})}",
            ],
            env=environment, stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True, cwd=folder,
        )  # fmt: skip
        self.process = self._begin()

    def wait(self, timeout_s=240.0):
        """Until it has joined; Ray gives a node 30 s for that, which a busy machine may not have."""
        end_s = time.monotonic() + timeout_s
        while "Ray runtime started" not in (said := self.log.read_text()):
            assert time.monotonic() < end_s, said
            if self.process.poll() is not None:
                assert "timed out during startup" in said, said
                self.kill_all()
                self.process = self._begin()
                time.sleep(1.0)
            time.sleep(0.1)

    def hosts(self, actor):
        """Whether an actor of a class lives here."""
        return any(f"ray::{actor}" in name for name in processes_of(self.process.pid).values())

    def kill(self):
        """The machine is gone: nothing that runs on it says goodbye."""
        self.kill_all()
        self.process.wait()
        self._log.close()

    def kill_all(self):
        """Whatever of it lives."""
        while found := processes_of(self.process.pid):
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)


class TokenCluster:
    """A head that wants a token, and nodes that have it.

    Attributes:
        environment: of whoever has the token.
        token: the token.
        address: where jobs are submitted.
    """

    def __init__(self, folder):
        (folder / "home").mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        self.environment = kept | SOON | {
            "HOME": str(folder / "home"), "RAY_AUTH_MODE": "token", "RAY_worker_niceness": "0",
        }  # fmt: skip
        made = [RAY, "get-auth-token", "--generate"]
        subprocess.run(made, env=self.environment, check=True, capture_output=True)
        self.token = (folder / "home/.ray/auth_token").read_text().strip()
        self._folder = folder
        port, dashboard, client = free_ports(3)
        self._gcs = f"127.0.0.1:{port}"
        self.address = f"http://127.0.0.1:{dashboard}"
        self.nodes = []
        self.head = self._add(
            "--head", f"--port={port}", "--include-dashboard=true", "--dashboard-host=127.0.0.1",
            f"--dashboard-port={dashboard}", f"--ray-client-server-port={client}",
        )  # fmt: skip

    def _add(self, *words, **more):
        node = Node(self._folder / f"n{len(self.nodes)}", self.environment, *words, **more)
        self.nodes.append(node)
        return node

    def add(self, **more):
        """Another node."""
        return self._add(f"--address={self._gcs}", **more)

    def submit(self, *command, words=()):
        """`ray job submit`, running."""
        return subprocess.Popen(
            [RAY, "job", "submit", f"--address={self.address}", *words, "--", *command],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def ask(self, path, token=None, body=None):
        """The status of a request to the head, with a token or none."""
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        try:
            asked = urllib.request.Request(f"{self.address}{path}", data, headers)
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def close(self):
        """End all nodes."""
        for node in reversed(self.nodes):
            node.kill()
