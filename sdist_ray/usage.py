"""What the command says of itself; nothing that takes time is loaded for it."""

from __future__ import annotations

from collections.abc import Sequence

from sdist_ray import __version__

USAGE = """\
sdist-ray: the activity topology of a whole camera network, and distances between people, from its video.

usage: sdist-ray COMMAND [key=value ...]

  topology    video or a recording in, the activity topology out; simulates a site if given nothing
  distancing  video in; who was too close to whom, annotated video, and the view from above
  track       who is who in the whole network: one number for one person, across views and gaps
  follow      a video of one person through the network, from whichever camera sees them best
  record      video in, an occupancy recording out
  simulate    a site with people and cameras: videos, recording, ground truth; or a city without video
  evaluate    a topology against ground truth
  handover    where somebody who left a camera's view is seen next, and when
  advise      where cameras are missing, and which are of little use
  serve       a run in a browser, while it goes on and after
  capacity    the memory, processors and bandwidth that a network would take
  cameras     cameras calibrate IMAGE_OR_VIDEO: pixels to metres, from four points of the ground
              cameras list, add URL, remove ID, pause ID, resume ID: of a network that runs live
  models      neural detectors: models convert CFG WEIGHTS, models check MODEL IMAGE

sdist-ray COMMAND --help shows a command's settings, --version the version.
"""


def answer(arguments: Sequence[str]) -> str | None:
    """What is printed where nothing but the usage or the version is asked for; None for a command."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        return USAGE
    if arguments[0] in ("-V", "--version"):
        return f"sdist-ray {__version__}\n"
    return None
