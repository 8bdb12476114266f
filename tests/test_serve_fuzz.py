"""Whatever is asked of the interface, it answers as its own OpenAPI document says."""

import os

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from sdist_ray.serve.app import API
from tests.report.made_distancing_run import write_tables
from tests.report.made_run import make_run
from tests.serving import TOKEN, Members, serving

EXAMPLES = int(os.environ.get("SDIST_FUZZ_EXAMPLES", "6"))
"""For each operation; an hour's worth is some 20 000."""
fuzzed = settings(
    max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES < 100, database=None
)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("run"))
    write_tables(folder, ("lobby", "yard 2"), 14, 3, "m", np.random.default_rng(1))
    return folder


@pytest.fixture(scope="module")
def members():
    return Members()


@pytest.fixture(scope="module")
def changing(run_folder, members):
    with serving(run_folder, token=TOKEN, members=members) as address:
        yield schemathesis.openapi.from_url(f"{address}{API}/openapi.json")


OPERATIONS = [
    "GET /api/v1/status", "GET /api/v1/topology", "GET /api/v1/edges", "GET /api/v1/camera",
    "GET /api/v1/picture", "GET /api/v1/health", "GET /api/v1/partitions", "GET /api/v1/distancing",
    "GET /api/v1/people", "GET /api/v1/violations", "GET /api/v1/handover", "POST /api/v1/cameras",
    "DELETE /api/v1/cameras",
]  # fmt: skip
PLAIN = ["status", "topology", "health", "partitions", "distancing"]
PLAIN = [f"GET {API}/{name}" for name in PLAIN]
"""Without anything that could be wrong."""


def operations(schema):
    return {found.ok().label: found.ok() for found in schema.get_all_operations()}


def test_every_operation_is_fuzzed(changing):
    assert sorted(operations(changing)) == sorted(OPERATIONS)


MODES = [(label, schemathesis.GenerationMode.POSITIVE) for label in OPERATIONS]
MODES += [(label, schemathesis.GenerationMode.NEGATIVE) for label in OPERATIONS if label not in PLAIN]


@pytest.mark.parametrize(("label", "mode"), MODES, ids=lambda value: getattr(value, "value", value))
def test_it_answers_as_its_document_says(label, mode, changing, members):
    operation = operations(changing)[label]

    @fuzzed
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case):
        case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"})

    ask()
    for camera in members.cameras.values():
        assert camera.url.startswith(("rtsp://", "rtsps://", "http://", "https://", "tcp://"))
