"""ONNX graphs, put together node by node. The onnx library is imported here and nowhere else."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.errors import InputError

OPSET = 13
IR_VERSION = 8
"""Of ONNX 1.10, which everything that is installed today reads."""


class GraphBuilder:
    """A graph in the making: each method adds a node and names its output."""

    def __init__(self) -> None:
        """Begin an empty graph.

        Raises:
            InputError: the onnx library is not installed.
        """
        try:
            self._onnx: Any = importlib.import_module("onnx")
        except ImportError as error:
            raise InputError("converting needs the onnx library: pip install 'sdist-ray[onnx]'") from error
        self._nodes: list[Any] = []
        self._weights: list[Any] = []

    def constant(self, values: npt.ArrayLike, kind: type[np.generic] = np.float32) -> str:
        """An array of numbers."""
        name = f"constant{len(self._weights)}"
        array = np.ascontiguousarray(np.asarray(values, dtype=kind))
        self._weights.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output."""
        name = f"{operator.lower()}{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def slice(self, value: str, first: int, end: int, axis: int) -> str:
        """Part of an axis."""
        bounds = [self.constant([bound], np.int64) for bound in (first, end, axis)]
        return self.add("Slice", value, *bounds)

    def reshape(self, value: str, shape: Sequence[int]) -> str:
        """Another shape: 0 keeps an axis, -1 takes what is left."""
        return self.add("Reshape", value, self.constant(shape, np.int64))

    def model(
        self,
        image: tuple[str, tuple[int, int, int]],
        output: tuple[str, tuple[int, int]],
        metadata: Mapping[str, str],
    ) -> bytes:
        """The graph as an ONNX file.

        Args:
            image: name, and channels, height and width, of the input, of any batch.
            output: name, and rows and columns, of the output.
            metadata: what the file says of itself.
        """
        helper, kind = self._onnx.helper, self._onnx.TensorProto.FLOAT
        ends = [
            helper.make_tensor_value_info(name, kind, ["batch", *shape]) for name, shape in (image, output)
        ]
        graph = helper.make_graph(self._nodes, "detector", ends[:1], ends[1:], self._weights)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="sdist-ray",
        )
        helper.set_model_props(model, dict(metadata))
        self._onnx.checker.check_model(model)
        data: bytes = model.SerializeToString()
        return data
