"""Tiny ONNX detectors, made for a test: boxes that are built in, scores that follow the image."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 64
CELLS = 84
"""Of strides 8, 16 and 32 over 64x64."""


def save(path, fixed, follows, batch="batch", size=SIZE, metadata=None, also=()):
    """A model whose output is ``fixed`` + ``follows`` * the mean of the image's first channel.

    Both are (rows, columns); ``also`` are further pairs, for further outputs. A batch of "batch" is any.
    """
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], axes=[2, 3], keepdims=1),
        helper.make_node("Slice", ["mean", "first", "end", "axis"], ["channel"]),
    ]
    weights = {"first": [0], "end": [1], "axis": [1]}
    weights = {name: np.array(values, np.int64) for name, values in weights.items()}
    outputs = []
    for number, (base, share) in enumerate([(fixed, follows), *also]):
        weights[f"base{number}"] = np.asarray(base, np.float32)[None]
        weights[f"share{number}"] = np.asarray(share, np.float32)[None]
        weights[f"shape{number}"] = np.array([0] + [1] * np.ndim(base), np.int64)
        nodes += [
            helper.make_node("Reshape", ["channel", f"shape{number}"], [f"value{number}"]),
            helper.make_node("Mul", [f"value{number}", f"share{number}"], [f"part{number}"]),
            helper.make_node("Add", [f"part{number}", f"base{number}"], [f"output{number}"]),
        ]
        outputs.append(
            helper.make_tensor_value_info(f"output{number}", TensorProto.FLOAT, [batch, *np.shape(base)])
        )
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, size, size])
    tensors = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    graph = helper.make_graph(nodes, "made", [image], outputs, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def rows(count, columns):
    return np.zeros((count, columns)), np.zeros((count, columns))


def yolox(path, classes=2, **options):
    """The cell in row 3, column 2 of stride 8 sees a class 0 with objectness mean / 255."""
    fixed, follows = rows(CELLS, 5 + classes)
    fixed[26, :4], fixed[26, 5] = (2.5, 1.5, np.log(2), np.log(4)), 1
    follows[26, 4] = 1 / 255
    return save(path, fixed, follows, **options)


def yolov3(path, place=(32, 16, 16, 8), count=3 * CELLS, **options):
    fixed, follows = rows(count, 7)
    fixed[40, :4], fixed[40, 6], follows[40, 4] = place, 1, 1
    return save(path, fixed, follows, **options)


def yolov4_pair(path, **options):
    """Corners in fractions, and class scores, apart."""
    fixed, follows = rows(CELLS, 2)
    follows[7, 1] = 1
    boxes = np.zeros((CELLS, 1, 4))
    boxes[7] = (0.25, 0.125, 0.75, 0.5)
    return save(path, boxes, np.zeros_like(boxes), also=[(fixed, follows)], **options)


def yolov8(path, place=(32, 16, 16, 8), **options):
    fixed, follows = rows(6, CELLS)
    fixed[:4, 11], follows[5, 11] = place, 1
    return save(path, fixed, follows, **options)


def end2end(path, place=(24, 12, 40, 20), count=10, **options):
    fixed, follows = rows(count, 6)
    fixed[3, :4], fixed[3, 5], follows[3, 4] = place, 1, 1
    return save(path, fixed, follows, **options)
