"""Nothing is compiled any more once a network runs: cameras of the process would wait for it."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, time
import numpy as np
from numba.core.dispatcher import Dispatcher
from pathlib import Path
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.runtime.warm import _frozen, warm_up_ranges, warm_up_tiles
from sdist_ray.jobs.live_feeds import LiveFeeds
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.video.streams import Timeouts
from tests.live_clips import CLOCK, DETECTOR, GRID, local_network, next_start, playing, wait_until, write_clip

def compiled():
    return {
        (name, thing.__name__, str(signature))
        for name, module in list(sys.modules.items()) if name.startswith("sdist_ray.")
        for thing in vars(module).values() if isinstance(thing, Dispatcher)
        for signature in thing.signatures
    }

clip = write_clip(Path(sys.argv[1]))
running, seen = local_network(playing(clip, 3, next_start(3.0)))
warm_up_ranges(running._pipeline._counting.padding)
network = NetworkSpec(("x",), GRID, CLOCK)
LiveFeeds(network, DETECTOR, Timeouts(), 5.0)().close()
before = compiled()
assert before
running.close()
# Their time begins now.
cameras = playing(clip, 3, next_start(3.0))
running, seen = local_network(cameras)
running.start()
wait_until(lambda: len(seen.ticks(cameras[0].id)) > 60)
assert running.directed_links([camera.id for camera in cameras], "nonexclusion", 0.1) is not None
running.stop()
running.close()
late = compiled() - before
assert not late, late

for padded in warm_up_ranges(running._pipeline._counting.padding):
    frozen = _frozen(padded)
    arrays = [value for value in vars(frozen).values() if isinstance(value, np.ndarray)]
    assert arrays and not any(array.flags.writeable for array in arrays if array.size)
    assert np.array_equal(frozen.padded, padded.padded)
"""


def test_a_network_that_runs_compiles_nothing_more(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "clip")],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
