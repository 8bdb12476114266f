"""Small made-up Darknet networks: cfg, weights and an image, the same on every machine."""

import numpy as np

NET = "[net]\nbatch=1\nwidth=96\nheight=64\nchannels=3\n"
ANCHORS = "anchors = 10,14, 23,27, 37,58, 81,82\nnum=4\nclasses=3\nthresh=0.0\n"


def conv(filters, size=1, stride=1, activation="leaky", normalise=1, groups=1):
    return (
        f"[convolutional]\nbatch_normalize={normalise}\nfilters={filters}\nsize={size}\nstride={stride}\n"
        f"pad=1\ngroups={groups}\nactivation={activation}\n"
    )


def head(mask, extra="", activation="linear"):
    anchors = len(mask.split(","))
    return conv(8 * anchors, activation=activation, normalise=0) + f"[yolo]\nmask={mask}\n{ANCHORS}{extra}"


def pool(size, stride):
    return f"[maxpool]\nsize={size}\nstride={stride}\n"


def route(layers, extra=""):
    return f"[route]\nlayers={layers}\n{extra}"


def shortcut(places, activation="linear"):
    return f"[shortcut]\nfrom={places}\nactivation={activation}\n"


UPSAMPLE = "[upsample]\nstride=2\n"
DROPOUT = "[dropout]\nprobability=.15\n"

CFGS = {
    # As YOLOv3-tiny: pooling throughout, once with stride 1.
    "tiny3": NET + conv(8, 3) + pool(2, 2) + conv(12, 3) + pool(2, 2) + conv(16, 3) + pool(2, 2)
    + conv(16, 3) + pool(2, 1) + conv(24, 3) + conv(12) + head("2,3")
    + route("-3") + conv(8) + UPSAMPLE + route("-1, 4") + conv(12, 3) + head("0,1"),
    # As YOLOv4-tiny: halves of channels, heads that are scaled.
    "tiny4": NET + conv(8, 3, 2) + conv(16, 3, 2) + conv(16, 3) + route("-1", "groups=2\ngroup_id=1\n")
    + conv(8, 3) + conv(8, 3) + route("-1,-2") + conv(16) + route("-6,-1") + pool(2, 2) + conv(16, 3)
    + head("1,2,3", "scale_x_y = 1.05\n"),
    # As Yolo-Fastest: depthwise convolutions, shortcuts, dropout; and pyramids of pools.
    "fastest": NET + conv(8, 3, 2) + conv(16) + conv(16, 3, groups=16) + conv(8, activation="linear")
    + DROPOUT + shortcut("-5") + conv(16, 3, 2, groups=8) + pool(3, 1) + route("-2") + pool(5, 1)
    + route("-4") + pool(9, 1) + route("-1,-3,-5,-6") + conv(16) + head("0,1,2,3"),
    # The activations, shortcuts between different numbers of channels, and YOLOv4's later heads.
    "rest": NET + conv(8, 3, 2, "mish") + conv(12, 3, 2, "swish") + conv(8, 3, 1, "relu")
    + shortcut("-2") + conv(12, 3, 1, "logistic") + shortcut("-3", "leaky") + conv(8, 3, 2, "mish", 0)
    + head("0,3", "scale_x_y = 2.0\nnew_coords=1\n", "logistic"),
}  # fmt: skip


def spread(count, first):
    """Numbers from 0 to 1 without order, float64 (count,): whole-number arithmetic, so equal everywhere."""
    index = np.arange(first, first + count, dtype=np.uint64)
    index = (index * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    index ^= index >> np.uint64(15)
    return ((index * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)) / 2.0**32


def image():
    """float32 (1, 3, 64, 96), 0 to 1: an input in the network's own form."""
    return spread(3 * 64 * 96, 7).reshape(1, 3, 64, 96).astype(np.float32)


def sections(cfg):
    for part in cfg.split("[")[1:]:
        kind, _, body = part.partition("]")
        yield kind, dict(line.replace(" ", "").split("=", 1) for line in body.strip().splitlines())


def numbers(cfg):
    """The weights of a network, float32: what each convolution takes, in Darknet's order."""
    channels, parts, first = [], [], 1000
    for kind, options in list(sections(cfg))[1:]:
        before = channels[-1] if channels else 3
        if kind == "convolutional":
            filters, size = int(options["filters"]), int(options["size"])
            inputs = before // int(options["groups"]) * size * size
            biases = spread(filters, first) - 0.5
            parts.append(biases)
            if options["batch_normalize"] == "1":
                parts += [spread(filters, first + 1) + 0.5, spread(filters, first + 2) - 0.5]
                parts.append(spread(filters, first + 3) + 0.2)
            parts.append((spread(filters * inputs, first + 4) - 0.5) * (3 / inputs**0.5))
            first += filters * inputs + 1000
            channels.append(filters)
        elif kind == "route":
            places = [int(place) for place in options["layers"].split(",")]
            joined = sum(channels[place] for place in places)
            channels.append(joined // int(options.get("groups", 1)))
        else:
            channels.append(before)
    return np.concatenate(parts).astype("<f4")


def write(folder, name, version=(0, 2, 0)):
    """Write a network's two files; their paths."""
    cfg, weights = folder / f"{name}.cfg", folder / f"{name}.weights"
    cfg.write_text(CFGS[name])
    seen = np.array([32_000], "<u8" if version[0] * 10 + version[1] >= 2 else "<u4")
    weights.write_bytes(np.array(version, "<i4").tobytes() + seen.tobytes() + numbers(CFGS[name]).tobytes())
    return cfg, weights
