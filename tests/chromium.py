"""Where Chromium is, for tests of the dashboard."""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium():
    """The path of Chromium; skips the test where there is none, fails where there must be one."""
    found = os.environ.get("SDIST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        if os.environ.get("SDIST_CHROMIUM_REQUIRED"):
            pytest.fail("there must be a Chromium (Debian's package chromium), or SDIST_CHROMIUM=its path")
        pytest.skip("no Chromium (Debian's package chromium; SDIST_CHROMIUM names another one)")
    return found
