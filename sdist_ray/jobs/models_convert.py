"""sdist-ray models convert: Darknet's cfg and weights to ONNX."""

from __future__ import annotations

from pathlib import Path

from sdist_ray.detection.darknet_convert import convert
from sdist_ray.errors import InputError
from sdist_ray.jobs.outputs import write_whole
from sdist_ray.settings import ConvertJob


def run(settings: ConvertJob, config: str) -> None:
    """Convert a model."""
    cfg, weights = Path(settings.cfg or ""), Path(settings.weights or "")
    output = Path(settings.output) if settings.output else weights.with_suffix(".onnx")
    if output.suffix != ".onnx":
        raise InputError(f"output={output}: a name that ends in .onnx would be right")
    model = convert(cfg, weights)
    write_whole(output, lambda partial: _write(partial, model))
    print(f"model: {output} ({len(model) / 1e6:.1f} MB)")


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
