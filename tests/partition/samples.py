"""Samples as sets and as words, for tests."""

import numpy as np


def frozen(*arrays):
    for array in arrays:
        array.flags.writeable = False
    return arrays


def packed(sets, words):
    """Sets of samples as rows of words."""
    out = np.zeros((len(sets), words), np.uint64)
    for row, samples in enumerate(sets):
        for sample in samples:
            out[row, sample // 64] |= np.uint64(1 << (sample % 64))
    return out
