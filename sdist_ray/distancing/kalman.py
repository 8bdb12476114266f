"""Kalman filter of many people who walk over the ground: state (x, y, vx, vy), one row each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def predicted(state: Floats, covariance: Floats, step: float, acceleration: float) -> tuple[Floats, Floats]:
    """State and covariance after a time, with white noise acceleration (Bar-Shalom et al., 2001, 6.2.2).

    Args:
        state: float64 (people, 4).
        covariance: float64 (people, 4, 4).
        step: seconds.
        acceleration: standard deviation of what changes the velocity, units of the state per s².
    """
    move = np.eye(4)
    move[0, 2] = move[1, 3] = step
    noise = np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]]) * acceleration**2
    spread = move @ covariance @ move.T
    for axis in (0, 1):
        spread[:, axis::2, axis::2] += noise
    return state @ move.T, spread


def corrected(state: Floats, covariance: Floats, points: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """State and covariance once people were seen.

    Args:
        state: float64 (people, 4).
        covariance: float64 (people, 4, 4).
        points: where, float64 (people, 2).
        noise: covariance of that, float64 (people, 2, 2).
    """
    gain = covariance[:, :, :2] @ np.linalg.inv(covariance[:, :2, :2] + noise)
    off = points - state[:, :2]
    return state + (gain @ off[:, :, None])[:, :, 0], covariance - gain @ covariance[:, :2, :]
