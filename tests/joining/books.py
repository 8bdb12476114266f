"""A network that only keeps its books, and the command as a user gives it."""

from sdist_ray.cli import main
from sdist_ray.runtime.network import Requests

SECRET = "hunter2"
RANGE = 20


class Members:
    """A network that only keeps its books."""

    def __init__(self, *cameras):
        self.requests = Requests(cameras)

    def add_cameras(self, cameras):
        self.requests.add(cameras)

    def remove_cameras(self, cameras):
        self.requests.remove(*cameras)

    def pause_cameras(self, cameras, paused):
        self.requests.pause(cameras, paused)


def ids(members):
    return sorted(members.requests._present)


def run_main(capsys, *words):
    code = main(["cameras", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err
