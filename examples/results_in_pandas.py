"""A run's tables as data frames, and some questions to them.

python examples/results_in_pandas.py                              a small site, simulated and learnt
python examples/results_in_pandas.py runs/mine                    the folder of a topology run

Needs pandas, which sdist_ray itself does not: the tables are Parquet files.
"""

import argparse
from pathlib import Path

import pandas as pd

from sdist_ray import main


def learn(folder: Path) -> Path:
    """The topology of six cameras, of what ideal detectors would see."""
    small = ["site.cameras=6", "site.people=12", "site.minutes=3", "video=false", "runtime=local"]
    assert main(["simulate", *small, f"output={folder / 'site'}"]) == 0
    recording = f"source.path='{folder / 'site' / 'occupancy.parquet'}'"
    arguments = ["source=recording", recording, "runtime=local", f"output={folder / 'run'}"]
    assert main(["topology", *arguments]) == 0
    return folder / "run"


def run(folder: Path) -> None:
    """Tell of edges, links and windows."""
    links = pd.read_parquet(folder / "links.parquet")
    edges = pd.read_parquet(folder / "edges.parquet")
    windows = pd.read_parquet(folder / "windows.parquet")

    overlaps = edges[edges["kind"] == "overlap"].sort_values("links", ascending=False)
    print("\nCameras that see the same place, most links first:")
    print(overlaps[["camera_a", "camera_b", "links", "score"]].head(5).to_string(index=False))

    # A link's weaker direction decides; each row is one pair of windows.
    links["score"] = links[["score_ab", "score_ba"]].min(axis="columns")
    by_pair = links.groupby(["camera_a", "camera_b"])["score"].describe(percentiles=[0.5])
    print("\nScores of the links of each pair of cameras:")
    print(by_pair[["count", "min", "50%", "max"]].head(5).round(2).to_string())

    # Each link is of both its cameras.
    ends = pd.concat([
        links[["camera_a", "window_a"]].set_axis(["camera", "window"], axis="columns"),
        links[["camera_b", "window_b"]].set_axis(["camera", "window"], axis="columns"),
    ])  # fmt: skip
    shared = ends.drop_duplicates().groupby("camera").size().rename("shared")
    visited = windows[windows["visits"] > 0].groupby("camera").size().rename("visited")
    table = pd.concat([visited, shared], axis="columns").fillna(0).astype(int)
    table["share"] = (table["shared"] / table["visited"]).round(2)
    print("\nHow much of what each camera sees somebody else sees as well, in windows:")
    print(table.to_string())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--output", type=Path, default=Path("runs/example-pandas"))
    given = parser.parse_args()
    run(given.run or learn(given.output))
