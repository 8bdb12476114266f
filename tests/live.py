"""What tests of live streams share: patience, pauses that are short, and a hundred small JPEG images."""

import random
import time

import cv2
import numpy as np

from sdist_ray.video.reconnect import Pauses
from sdist_ray.video.threaded import Timeouts

QUICK = Timeouts(open_s=1.0, read_s=1.0)
PATIENCE_S = 120.0


def quick_pauses():
    return Pauses(first_s=0.05, most_s=0.2, draw=random.Random(1))


def until(found, patience_s=PATIENCE_S):
    """What ``found`` gives once it gives something."""
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        if result := found():
            return result
        time.sleep(0.005)
    raise AssertionError("it did not come about")


def shots(stream, count):
    """The next frames of a live stream."""
    return [until(lambda: stream.poll(time.time())) for _ in range(count)]


def picture(number, width=64, height=48):
    image = np.full((height, width, 3), 40, np.uint8)
    cv2.rectangle(image, (number % 56, 10), (number % 56 + 8, 40), (200, 200, 200), -1)
    return image


def jpeg(number, width=64, height=48):
    return cv2.imencode(".jpg", picture(number, width, height))[1].tobytes()
