"""The nodes of the cluster that this process is connected to."""

from __future__ import annotations

import importlib

import ray

SHARDS = "sdist_ray_shards"
"""A resource that nodes may offer (``ray start --resources``); where some do, shards live on those only."""


def living_nodes() -> dict[str, float]:
    """CPUs of every node that lives, by its id."""
    return {node["NodeID"]: float(node["Resources"].get("CPU", 0.0)) for node in ray.nodes() if node["Alive"]}


def draining_nodes() -> set[str]:
    """Ids of nodes that are to go, as an autoscaler or ``ray drain-node`` said."""
    try:
        # Ray says it nowhere else: not in ray.nodes(), and its state API needs a dashboard.
        state = importlib.import_module("ray._private.state").state
        return set(state.get_draining_nodes())
    except (ImportError, AttributeError):
        return set()


def cpus_to_use() -> float:
    """The cluster's CPUs, less its largest node's if it has several: what that hosted fits on the others."""
    nodes = list(living_nodes().values())
    return max(1.0, sum(nodes) - (max(nodes) if len(nodes) > 1 else 0.0))


def least_cpus() -> float:
    """CPUs of the smallest node that has any; 1 where none has."""
    return min((cpus for cpus in living_nodes().values() if cpus > 0), default=1.0)


def offer_shards() -> bool:
    """Whether some node offers to host the shards."""
    return any(node["Alive"] and node["Resources"].get(SHARDS, 0.0) > 0 for node in ray.nodes())
