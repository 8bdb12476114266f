"""Write darknet.npz: what OpenCV 4, which still reads Darknet's files, makes of some networks.

It needs OpenCV 4.x in an environment of its own (pip install 'opencv-python-headless<5'), for ours has 5:

    SDIST_DATA=data python -m tests.reference.make_darknet

Kept are outputs only: of the made-up networks all rows, (A, 5+C), and of Yolo-Fastest (in the models of
SDIST_DATA) on two photographs every row's box and objectness, and the class scores that are above OpenCV's
threshold of 0.2, as (row, class, score). OpenCV's class scores are products with the objectness.
"""

import os
import tempfile
from pathlib import Path

import cv2
import numpy as np

from tests.reference.darknet_networks import CFGS, image, write

MODELS = ("yolo-fastest-1.1-xl", "yolo-fastest-1.1_body")
PHOTOGRAPHS = ("dog", "person")


def outputs(cfg, weights, blob):
    net = cv2.dnn.readNetFromDarknet(str(cfg), str(weights))
    net.setInput(blob)
    return np.concatenate(net.forward(net.getUnconnectedOutLayersNames()))


def main():
    kept = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in CFGS:
            kept[name] = outputs(*write(Path(folder), name), image())
    models = Path(os.environ["SDIST_DATA"], "models")
    for model in MODELS:
        files = [models / "yolo-fastest" / f"{model}.{suffix}" for suffix in ("cfg", "weights")]
        for photograph in PHOTOGRAPHS:
            picture = cv2.imread(str(models / f"{photograph}.jpg"))
            rows = outputs(*files, cv2.dnn.blobFromImage(picture, 1 / 255, (320, 320), swapRB=True))
            row, name = np.nonzero(rows[:, 5:])
            kept[f"{model} {photograph}"] = rows[:, :5]
            kept[f"{model} {photograph} classes"] = np.column_stack([row, name, rows[row, 5 + name]])
    np.savez_compressed(Path(__file__).with_name("darknet.npz"), **kept)
    for name, rows in kept.items():
        print(name, rows.shape, rows.min(initial=0), rows.max(initial=0))


if __name__ == "__main__":
    main()
