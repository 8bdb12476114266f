"""Footage for tests: a bright bar that moves on."""

import cv2
import numpy as np

FRAMES, FPS = 12, 5.0


def images(count=FRAMES, width=64, height=48):
    for number in range(count):
        image = np.full((height, width, 3), 40, np.uint8)
        cv2.rectangle(image, (4 * number, 10), (4 * number + 8, 40), (200, 200, 200), -1)
        yield image


def write_video(path, **size):
    shape = next(images(1, **size)).shape
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (shape[1], shape[0]))
    for image in images(**size):
        writer.write(image)
    writer.release()
    return path


def write_folder(path):
    path.mkdir()
    for number, image in enumerate(images()):
        cv2.imwrite(str(path / f"frame{number}.png"), image)
    return path
