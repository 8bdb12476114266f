"""Who was too close to whom, in metres.

python examples/distancing.py                                     a small site, simulated
python examples/distancing.py FOLDER --output runs/distances      FOLDER has videos/*.mp4 and cameras.yaml

cameras.yaml has the cameras' calibrations; docs/calibration.md says how to measure them.
"""

import argparse
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from sdist_ray import main


def simulate(folder: Path) -> Path:
    """Two cameras for 20 seconds, with their calibrations."""
    assert main(["simulate", "site.cameras=2", "site.people=6", "site.minutes=0.33", "runtime=local",
                 f"output={folder}"]) == 0  # fmt: skip
    return folder


def run(folder: Path, output: Path) -> None:
    """Watch the folder's cameras five times a second, and tell what was found."""
    code = main([
        "distancing", "source=files", f"source.paths=['{folder}/videos/*.mp4']",
        f"cameras={folder}/cameras.yaml", "fps=5", "drawing.video=false", "runtime=local", f"output={output}",
    ])  # fmt: skip
    if code:
        raise SystemExit(code)
    people = pq.read_table(output / "people.parquet")
    seen = people.filter(pc.is_valid(people["score"]))
    print(f"people were seen {seen.num_rows} times, placed to {pc.mean(seen['sigma_m']).as_py():.2f} m")
    for violation in pq.read_table(output / "violations.parquet").to_pylist():
        seconds = violation["end_s"] - violation["start_s"]
        print(f"{violation['least_distance_m']:.1f} m apart for {seconds:.1f} s ({violation['severity']}), "
              f"seen by {', '.join(violation['cameras'])}")  # fmt: skip
    print(f"open {output / 'report.html'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--output", type=Path, default=Path("runs/example-distancing"))
    given = parser.parse_args()
    run(given.folder or simulate(given.output / "site"), given.output)
