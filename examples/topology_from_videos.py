"""From videos to the pairs of cameras that see the same place.

python examples/topology_from_videos.py                           a small site, simulated
python examples/topology_from_videos.py videos/*.mp4 --output runs/mine

All videos must begin at the same time.
"""

import argparse
from pathlib import Path

import pyarrow.parquet as pq

from sdist_ray import main


def simulate(folder: Path) -> list[Path]:
    """Three cameras for half a minute; their videos."""
    assert main(["simulate", "site.cameras=3", "site.people=6", "site.minutes=0.5", "runtime=local",
                 f"output={folder}"]) == 0  # fmt: skip
    return sorted(folder.glob("videos/*.mp4"))


def run(videos: list[Path], output: Path) -> None:
    """Learn the topology, and tell what was found."""
    paths = ",".join(f"'{path}'" for path in videos)
    code = main(["topology", "source=files", f"source.paths=[{paths}]", "runtime=local", f"output={output}"])
    if code:
        raise SystemExit(code)
    for edge in pq.read_table(output / "edges.parquet").to_pylist():
        print(f"{edge['camera_a']} and {edge['camera_b']}: {edge['links']} pairs of windows, {edge['kind']}")
    print(f"open {output / 'report.html'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", type=Path, nargs="*")
    parser.add_argument("--output", type=Path, default=Path("runs/example-topology"))
    given = parser.parse_args()
    run(given.videos or simulate(given.output / "site"), given.output)
