"""Darknet models as ONNX: YOLOv3 and v4, their tiny versions, Yolo-Fastest, and what has the same layers.

The model that comes out takes float32 (n, 3, height, width), RGB, 0 to 1, of any batch n, and has one output,
(n, A, 5+C): centre x and y, width and height as fractions of the input, objectness, and C class scores, to be
multiplied by it. Rows are ordered by head, row, column, anchor. Anchors, scales and batch normalisation are
worked into it; its metadata say how images are to be prepared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sdist_ray.detection.darknet import Section, Weights, read_cfg
from sdist_ray.detection.darknet_graph import GraphBuilder
from sdist_ray.errors import InputError

MAX_SIDE = 4096
MAX_NUMBERS = 1 << 28
"""In the output of one layer, for one image."""
MAX_BOXES = 1 << 22
"""Of all heads; the largest images in strides of 8 pixels have a fifth of that."""
VARIANCE_FLOOR = 1e-6
"""What is added to a variance before its root is taken, as OpenCV's reader does; Darknets differ here."""

SPECIAL = ("binary", "xnor", "antialiasing", "share_index", "deform", "sway", "rotate", "stretch",
           "stretch_sway", "assisted_excitation", "coordconv", "maxpool_depth", "reverse")  # fmt: skip
"""Options that change what a layer computes, and are not supported unless they are 0."""


@dataclass(frozen=True)
class Layer:
    """A layer's output: its name in the graph, its shape for one image. That of a head is not to be used."""

    name: str
    channels: int
    height: int
    width: int
    is_head: bool = False


def convert(cfg: Path, weights: Path) -> bytes:
    """A Darknet model as an ONNX file.

    Raises:
        InputError: a file cannot be read, the two do not belong together, a layer or an option is not
            supported, or onnx is not installed.
    """
    net, sections = read_cfg(cfg)
    numbers = Weights(weights)
    graph = GraphBuilder()
    conversion = _Conversion(net, numbers, graph)
    for section in sections:
        conversion.add(section)
    model = conversion.finish(cfg)
    numbers.finish()
    return model


class _Conversion:
    def __init__(self, net: Section, weights: Weights, graph: GraphBuilder) -> None:
        self._weights = weights
        self._graph = graph
        self._resize = "letterbox" if net.integer("letter_box", 0) else "stretch"
        self.height = net.integer("height", 416, 32, MAX_SIDE)
        self.width = net.integer("width", 416, 32, MAX_SIDE)
        if net.integer("channels", 3) != 3:
            raise net.refuse(f"channels={net.text('channels', '')}: a detector takes colour images, of 3")
        self._image = Layer("images", 3, self.height, self.width)
        self._layers: list[Layer] = []
        self._heads: list[str] = []
        self._rows = 0
        self._classes = 0
        self._makers: dict[str, Callable[[Section], Layer]] = {
            "convolutional": self._convolutional,
            "conv": self._convolutional,
            "maxpool": self._maxpool,
            "max": self._maxpool,
            "route": self._route,
            "shortcut": self._shortcut,
            "upsample": self._upsample,
            "dropout": self._last,
            "yolo": self._yolo,
        }

    def add(self, section: Section) -> None:
        """Add a layer."""
        make = self._makers.get(section.kind)
        if make is None:
            known = ", ".join(name for name in self._makers if name not in ("conv", "max"))
            raise section.refuse(f"a layer that is not supported; {known} are")
        for option in SPECIAL:
            if section.text(option, "0") not in ("0", "0.0"):
                raise section.refuse(f"{option}={section.options[option][:40]} is not supported")
        layer = make(section)
        if layer.channels * layer.height * layer.width > MAX_NUMBERS or min(layer.height, layer.width) < 1:
            raise section.refuse(
                f"its output would be {layer.channels} channels of {layer.width}x{layer.height}; "
                f"1 to {MAX_NUMBERS} numbers are possible"
            )
        self._layers.append(layer)

    def finish(self, cfg: Path) -> bytes:
        """The model."""
        if not self._heads:
            raise InputError(f"{cfg}: has no [yolo] layer: not a detector of the kind that is supported")
        metadata = {
            "sdist_ray.head": "yolov3",
            "sdist_ray.boxes": "fractions",
            "sdist_ray.resize": self._resize,
            "sdist_ray.source": cfg.name,
        }
        joined = self._graph.add("Concat", *self._heads, axis=1)
        output = (joined, (self._rows, 5 + self._classes))
        return self._graph.model(("images", (3, self.height, self.width)), output, metadata)

    def _last(self, section: Section) -> Layer:
        """The output of the layer before."""
        last = self._layers[-1] if self._layers else self._image
        if last.is_head:
            raise section.refuse("comes after a [yolo] layer, whose output are boxes; a [route] is due")
        return last

    def _at(self, section: Section, place: int) -> Layer:
        """The output of a layer: a negative place is relative."""
        index = place + len(self._layers) if place < 0 else place
        if not 0 <= index < len(self._layers):
            raise section.refuse(f"layer {place} is none of the {len(self._layers)} before it")
        if self._layers[index].is_head:
            raise section.refuse(f"layer {place} is a [yolo] layer, whose output are boxes")
        return self._layers[index]

    def _convolutional(self, section: Section) -> Layer:
        graph, last = self._graph, self._last(section)
        filters = section.integer("filters", 1, 1, 65_536)
        size = section.integer("size", 1, 1, 64)
        groups = section.integer("groups", 1, 1, 65_536)
        if section.integer("dilation", 1) != 1:
            raise section.refuse(f"dilation={section.text('dilation', '')} is not supported")
        if last.channels % groups or filters % groups:
            raise section.refuse(
                f"groups={groups} does not divide {last.channels} channels and {filters} filters"
            )
        padding = size // 2 if section.integer("pad", 0) else section.integer("padding", 0, 0, 64)
        across, down = _strides(section, 1)
        bias = self._weights.take((filters,), section).astype(np.float64)
        normalised = section.integer("batch_normalize", 0) or section.integer("cbn", 0)
        if normalised:
            scale, mean, variance = self._weights.take((3, filters), section).astype(np.float64)
            if (variance < 0).any():
                raise InputError(
                    f"{self._weights.path}: a variance of {section.where} is negative: of another cfg"
                )
            gain = scale / np.sqrt(variance + VARIANCE_FLOOR)
            bias = bias - mean * gain
        kernel = self._weights.take((filters, last.channels // groups, size, size), section)
        if normalised:
            kernel = (kernel * gain[:, None, None, None]).astype(np.float32)
        name = graph.add(
            "Conv", last.name, graph.constant(kernel), graph.constant(bias),
            kernel_shape=[size, size], strides=[down, across], pads=[padding] * 4, group=groups,
        )  # fmt: skip
        height = (last.height + 2 * padding - size) // down + 1
        width = (last.width + 2 * padding - size) // across + 1
        return Layer(self._activate(name, section, "logistic"), filters, height, width)

    def _activate(self, name: str, section: Section, default: str) -> str:
        graph, kind = self._graph, section.text("activation", default)
        if kind == "linear":
            return name
        if kind == "leaky":
            return graph.add("LeakyRelu", name, alpha=0.1)
        if kind == "relu6":
            return graph.add("Clip", name, graph.constant(0), graph.constant(6))
        if kind in ("swish", "mish"):
            inner = graph.add("Sigmoid", name) if kind == "swish" else graph.add(
                "Tanh", graph.add("Softplus", name)
            )  # fmt: skip
            return graph.add("Mul", name, inner)
        plain = {"relu": "Relu", "logistic": "Sigmoid", "tanh": "Tanh", "elu": "Elu"}
        if kind not in plain:
            known = ", ".join(("linear", "leaky", "relu6", "swish", "mish", *plain))
            raise section.refuse(f"activation={kind[:40]} is not supported; {known} are")
        return graph.add(plain[kind], name)

    def _maxpool(self, section: Section) -> Layer:
        last = self._last(section)
        across, down = _strides(section, 1)
        size = section.integer("size", across, 1, 64)
        # Darknet pads by size - 1 in all, the smaller half before; what is beyond the edge never wins.
        padding = section.integer("padding", size - 1, 0, 2 * size - 1)
        height = (last.height + padding - size) // down + 1
        width = (last.width + padding - size) // across + 1
        before = padding // 2
        bottom = max(0, (height - 1) * down + size - last.height - before)
        right = max(0, (width - 1) * across + size - last.width - before)
        if max(before, bottom, right) >= size:
            raise section.refuse(f"padding={padding} is not supported with size={size}")
        name = self._graph.add(
            "MaxPool", last.name,
            kernel_shape=[size, size], strides=[down, across], pads=[before, before, bottom, right],
        )  # fmt: skip
        return Layer(name, last.channels, height, width)

    def _route(self, section: Section) -> Layer:
        places = section.integers("layers")
        if not places:
            raise section.refuse("needs layers=")
        groups = section.integer("groups", 1, 1, 65_536)
        group = section.integer("group_id", 0, 0, groups - 1)
        parts = [self._at(section, place) for place in places]
        names = []
        for part in parts:
            if (part.height, part.width) != (parts[0].height, parts[0].width):
                raise section.refuse("joins layers of different sizes")
            if part.channels % groups:
                raise section.refuse(f"groups={groups} does not divide {part.channels} channels")
            # Darknet takes the group of each layer, then joins them.
            each = part.channels // groups
            name = part.name
            if groups > 1:
                name = self._graph.slice(name, group * each, (group + 1) * each, 1)
            names.append(name)
        joined = names[0] if len(names) == 1 else self._graph.add("Concat", *names, axis=1)
        channels = sum(part.channels // groups for part in parts)
        return Layer(joined, channels, parts[0].height, parts[0].width)

    def _shortcut(self, section: Section) -> Layer:
        graph, last = self._graph, self._last(section)
        if section.text("weights_type", "none") != "none":
            raise section.refuse(f"weights_type={section.options['weights_type'][:40]} is not supported")
        for factor in ("alpha", "beta"):
            if section.number(factor, 1.0) != 1.0:
                raise section.refuse(f"{factor}={section.options[factor][:40]} is not supported")
        places = section.integers("from")
        if not places:
            raise section.refuse("needs from=")
        name = last.name
        for place in places:
            other = self._at(section, place)
            if (other.height, other.width) != (last.height, last.width):
                raise section.refuse("adds layers of different sizes, which is not supported")
            # Channels that only one of the two has: surplus ones go, missing ones count as 0.
            addend = other.name
            if other.channels > last.channels:
                addend = graph.slice(addend, 0, last.channels, 1)
            elif other.channels < last.channels:
                pads = [0, 0, 0, 0, 0, last.channels - other.channels, 0, 0]
                addend = graph.add("Pad", addend, graph.constant(pads, np.int64))
            name = graph.add("Add", name, addend)
        return Layer(self._activate(name, section, "linear"), last.channels, last.height, last.width)

    def _upsample(self, section: Section) -> Layer:
        graph, last = self._graph, self._last(section)
        stride = section.integer("stride", 2, 1, 64)
        name = graph.add(
            "Resize", last.name, "", graph.constant([1, 1, stride, stride]),
            mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        )  # fmt: skip
        scale = section.number("scale", 1.0)
        if scale != 1.0:
            name = graph.add("Mul", name, graph.constant(scale))
        return Layer(name, last.channels, last.height * stride, last.width * stride)

    def _yolo(self, section: Section) -> Layer:
        graph, last = self._graph, self._last(section)
        classes = section.integer("classes", 20, 1, 10_000)
        count = section.integer("num", 1, 1, 1000)
        numbers = section.numbers("anchors")
        if len(numbers) != 2 * count:
            raise section.refuse(f"anchors= has {len(numbers)} numbers; num={count} takes {2 * count}")
        mask = section.integers("mask", ",".join(map(str, range(count))), least=0)
        if not mask or max(mask) >= count:
            raise section.refuse(f"mask={section.text('mask', '')[:40]} names anchors that are not there")
        columns = 5 + classes
        if last.channels != len(mask) * columns:
            raise section.refuse(
                f"the layer before has {last.channels} channels; "
                f"{len(mask)} anchors of 5 + {classes} numbers take {len(mask) * columns}"
            )
        if self._classes not in (0, classes):
            raise section.refuse(f"classes={classes}, but another head has {self._classes}")
        boxes = last.height * last.width * len(mask)
        if self._rows + boxes > MAX_BOXES:
            raise section.refuse(
                f"would find {self._rows + boxes} boxes in an image; {MAX_BOXES} are possible"
            )
        anchors = np.array(numbers).reshape(-1, 2)[mask]
        scale, plain = section.number("scale_x_y", 1.0), section.integer("new_coords", 0)
        apart = graph.reshape(last.name, (0, len(mask), columns, last.height, last.width))
        moved = graph.add("Transpose", apart, perm=[0, 3, 4, 1, 2])
        rows = graph.reshape(moved, (0, -1, columns))
        places, extents, scores = (
            graph.slice(rows, first, end, 2) for first, end in ((0, 2), (2, 4), (4, columns))
        )
        if not plain:
            places, scores = graph.add("Sigmoid", places), graph.add("Sigmoid", scores)
        y, x, _ = np.mgrid[: last.height, : last.width, : len(mask)]
        cells = np.stack([x.ravel(), y.ravel()], axis=1)[None]
        sides = np.array([last.width, last.height])
        factor = graph.constant(scale / sides)
        places = graph.add(
            "Add", graph.add("Mul", places, factor), graph.constant((cells - (scale - 1) / 2) / sides)
        )
        size = np.tile(anchors, (last.height * last.width, 1))[None] / (self.width, self.height)
        if plain:
            extents = graph.add("Mul", graph.add("Mul", extents, extents), graph.constant(4 * size))
        else:
            extents = graph.add("Mul", graph.add("Exp", extents), graph.constant(size))
        self._heads.append(graph.add("Concat", places, extents, scores, axis=2))
        self._classes = classes
        self._rows += boxes
        return Layer(last.name, last.channels, last.height, last.width, is_head=True)


def _strides(section: Section, default: int) -> tuple[int, int]:
    """Steps across and down."""
    both = section.integer("stride", default, 1, 64)
    return section.integer("stride_x", both, 1, 64), section.integer("stride_y", both, 1, 64)
