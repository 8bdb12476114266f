"""What is deployed: container file, cluster files, locked dependencies and their licences."""

import email.message
import json
import re
import runpy
import tomllib
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import ray
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from sdist_ray import __version__
from sdist_ray.runtime.ray.nodes import SHARDS

REPOSITORY = Path(__file__).parents[1]
DEPLOY = REPOSITORY / "deploy"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
PYTHONS = ("3.11", "3.12", "3.13")
IMAGE = f"<registry>/sdist-ray:{__version__}"
# Of KubeRay's own reference (ray.io/v1): the fields that may stand where ours do.
KNOWN = {
    "RayCluster": "rayVersion authOptions enableInTreeAutoscaling autoscalerOptions headGroupSpec "
    "workerGroupSpecs suspend managedBy headServiceAnnotations gcsFaultToleranceOptions",
    "RayJob": "entrypoint shutdownAfterJobFinishes ttlSecondsAfterFinished backoffLimit submitterConfig "
    "rayClusterSpec runtimeEnvYAML jobId submissionMode entrypointNumCpus entrypointNumGpus "
    "entrypointResources submitterPodTemplate metadata clusterSelector activeDeadlineSeconds suspend "
    "managedBy",
    "autoscalerOptions": "version idleTimeoutSeconds resources image imagePullPolicy upscalingMode "
    "securityContext env envFrom volumeMounts",
    "headGroupSpec": "rayStartParams template headService enableIngress serviceType",
    "workerGroupSpecs": "groupName replicas minReplicas maxReplicas rayStartParams template "
    "idleTimeoutSeconds numOfHosts scaleStrategy suspend",
}
KNOWN = {kind: set(fields.split()) for kind, fields in KNOWN.items()}


def manifest(name):
    return yaml.safe_load((DEPLOY / name).read_text())


@pytest.fixture(scope="module")
def cluster():
    return manifest("kuberay-cluster.yaml")["spec"]


@pytest.fixture(scope="module")
def locked():
    """Every line of requirements.lock: name, version, and for which Pythons."""
    text = (REPOSITORY / "requirements.lock").read_text()
    lines = re.findall(r"^(\S+?)==(\S+)((?: ;[^\\\n]+)?)", text, re.MULTILINE)
    return [(name, Version(version), marker.strip(" ;")) for name, version, marker in lines]


def versions(locked, python):
    """What is installed on Linux with a version of Python, by name."""
    where = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    chosen = [entry for entry in locked if not entry[2] or Marker(entry[2]).evaluate(where)]
    found = {name: version for name, version, _ in chosen}
    assert len(found) == len(chosen), "one name, two versions"
    return found


def groups(spec):
    return [spec["headGroupSpec"], *spec["workerGroupSpecs"]]


def test_the_cluster_launchers_file_passes_rays_own_schema():
    content = manifest("cluster.yaml")
    schema = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"
    jsonschema.validate(content, json.loads(schema.read_text()))
    kinds = content["available_node_types"]
    assert content["head_node_type"] in kinds
    assert kinds["shards"]["min_workers"] == kinds["shards"]["max_workers"] >= 2
    assert kinds["shards"]["resources"][SHARDS] == 1
    assert kinds["detection"]["min_workers"] < kinds["detection"]["max_workers"]
    assert kinds["detection-gpu"]["resources"]["GPU"] == 1
    assert sum(kind.get("max_workers", 0) for kind in kinds.values()) <= content["max_workers"]
    for commands in ("head_start_ray_commands", "worker_start_ray_commands"):
        assert "RAY_AUTH_MODE=token" in content[commands][-1]
    assert content["docker"]["image"] == IMAGE


@pytest.mark.parametrize("name", ["kuberay-cluster.yaml", "kuberay-job.yaml"])
def test_manifests_have_known_fields_and_sound_pods(name):
    content = manifest(name)
    assert content["apiVersion"] == "ray.io/v1"
    spec = content["spec"]
    assert spec.keys() <= KNOWN[content["kind"]]
    spec = spec.get("rayClusterSpec", spec)
    assert spec.keys() <= KNOWN["RayCluster"]
    assert spec["autoscalerOptions"].keys() <= KNOWN["autoscalerOptions"]
    assert spec["headGroupSpec"].keys() <= KNOWN["headGroupSpec"]
    for group in groups(spec):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "x"},
            "spec": group["template"]["spec"],
        }
        kubernetes_validate.validate(pod, "1.31", strict=True)
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        # A pod that is begun anew would be another Ray node under the same name.
        assert pod["spec"]["restartPolicy"] == "Never"
        (container,) = pod["spec"]["containers"]
        assert container["image"].startswith(IMAGE)
        assert container["resources"]["requests"] == container["resources"]["limits"]
        volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    for group in spec["workerGroupSpecs"]:
        assert group.keys() <= KNOWN["workerGroupSpecs"]
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_shards_are_fixed_and_detection_is_elastic(cluster, locked):
    assert cluster["authOptions"] == {"mode": "token"}
    assert Version(cluster["rayVersion"]) == versions(locked, "3.12")["ray"]
    kinds = {group["groupName"]: group for group in cluster["workerGroupSpecs"]}
    assert kinds["shards"]["minReplicas"] == kinds["shards"]["maxReplicas"] >= 2
    assert json.loads(json.loads(kinds["shards"]["rayStartParams"]["resources"])) == {SHARDS: 1}
    assert kinds["detection"]["minReplicas"] < kinds["detection"]["maxReplicas"]
    gpu = kinds["detection-gpu"]["template"]["spec"]["containers"][0]
    assert gpu["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert gpu["image"] == f"{IMAGE}-gpu"


def test_the_job_has_the_clusters_cluster(cluster):
    spec = manifest("kuberay-job.yaml")["spec"]
    assert spec["rayClusterSpec"] == cluster
    assert spec["entrypoint"].split()[:2] == ["sdist-ray", "topology"]


def test_the_container_is_of_a_supported_python_and_not_roots():
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON=(\S+)$", text, re.M)[1] in PYTHONS
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    bases = [words[1] for words in lines if words[0] == "FROM"]
    stages = {words[3] for words in lines if words[0] == "FROM" and len(words) > 3}
    assert {base for base in bases if base not in stages} == {"python:${PYTHON}-slim-bookworm"}
    assert [words[1] for words in lines if words[0] == "USER"][-1] == "ray"
    assert "--require-hashes" in text
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    for words in lines:
        if words[0] == "COPY" and not words[1].startswith("--from"):
            for name in words[1:-1]:
                assert (REPOSITORY / name).exists()
                assert f"!{name.removeprefix('./')}" in ignored


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_all_that_is_needed_with_hashes(locked, python):
    text = (REPOSITORY / "requirements.lock").read_text()
    assert "://" not in text
    assert Version(python) in SpecifierSet(PROJECT["requires-python"])
    blocks = re.split(r"^(?=\S)", text, flags=re.M)
    assert all("--hash=sha256:" in block for block in blocks if block.strip() and not block.startswith("#"))
    extras, found = PROJECT["optional-dependencies"], versions(locked, python)
    for asked in [*PROJECT["dependencies"], *extras["metrics"], *extras["serve"], *extras["onnx"]]:
        one = Requirement(asked)
        assert found[canonicalize_name(one.name)] in one.specifier


@pytest.fixture(scope="module")
def audit():
    return runpy.run_path(str(DEPLOY / "dependencies.py"))


def test_licences_ask_for_nothing_that_we_do_not_give(audit):
    found = audit["installed"]()
    assert {"ray", "numpy", "opencv-python-headless", "antlr4-python3-runtime"} <= found.keys()
    assert {name: one.fault for name, one in found.items() if one.fault} == {}


@pytest.mark.parametrize(
    ("stated", "licences"),
    [
        ({"License-Expression": "MIT OR GPL-2.0-only"}, ("MIT",)),
        ({"License-Expression": "BSD-3-Clause AND GPL-3.0-only"}, ("BSD-3-Clause", "GPL-3.0-only")),
        (
            {"Classifier": "License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)"},
            ("LGPL",),
        ),
        ({"Classifier": "License :: OSI Approved", "License": "GNU AGPL 3"}, ("AGPL",)),
        ({"License": "New BSD"}, ("BSD-3-Clause",)),
        ({"License": "of our own"}, ("of our own",)),
        ({}, ()),
    ],
)
def test_licences_are_read_wherever_they_are_stated(audit, stated, licences):
    metadata = email.message.Message()
    for key, value in stated.items():
        metadata[key] = value
    found = audit["licences_of"](metadata)
    assert found == licences
    one = audit["Dependency"]("x", "1", found, ())
    assert (one.fault is None) == (licences in [("MIT",), ("BSD-3-Clause",)])


def test_the_bill_of_materials_is_of_what_is_locked(audit, locked):
    bill = json.loads((DEPLOY / "sbom.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    listed = {part["name"]: Version(part["version"]) for part in bill["components"]}
    found = versions(locked, "3.12")
    assert {name: version for name, version in listed.items() if version != found[name]} == {}
    assert {canonicalize_name(one.name) for one in audit["wanted"]()} <= listed.keys()
    references = {part["bom-ref"] for part in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert {entry["ref"] for entry in bill["dependencies"]} == references
    assert all(set(entry["dependsOn"]) <= references for entry in bill["dependencies"])
    assert all(part["licenses"] for part in bill["components"])


def test_what_submits_jobs_comes_with_the_developers_extra():
    # tests/test_cluster.py would be skipped without.
    assert any(Requirement(text).extras == {"default"} for text in PROJECT["optional-dependencies"]["dev"])
    assert find_spec("ray.job_submission") is not None
