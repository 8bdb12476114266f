"""How the experiments' plots look, in colours that colour-blind readers tell apart (Okabe and Ito)."""

from __future__ import annotations

from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#8a9099"


def shade(step: int, steps: int) -> str:
    """One of an ordered row of colours, light to dark, that also reads in grey."""
    low, high = (0x9E, 0xCA, 0xE1), (0x08, 0x30, 0x6B)
    share = step / max(steps - 1, 1)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(low, high, strict=True))


def tidy(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e8eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
