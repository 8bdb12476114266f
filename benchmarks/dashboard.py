"""The dashboard in headless Chromium with many cameras: first paint, and how long one waits for an answer.

    python -m benchmarks.dashboard --cameras 1000

A made-up city's run is served by ``sdist-ray serve`` in a process of its own. Times are from the navigation's
start to first contentful paint (the browser's own) and to the first drawn map, and from an input to the frame
after the one in which it was handled. Every figure is the median of ``--rounds`` rounds. There is no GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.dashboard_run import make_city
from benchmarks.machine import machine

RESULTS = Path(__file__).parent / "results"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WATCH = """() => {
    globalThis.slow = [];
    new PerformanceObserver((list) => slow.push(...list.getEntries().map((entry) => entry.duration)))
        .observe({ entryTypes: ["longtask"] });
}"""
# From an input to the frame after the one in which it was handled.
NEXT_FRAME = """(act) => new Promise((resolve) => {
    const began = performance.now();
    new Function(act)();
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - began)));
})"""
WHEEL = "document.querySelector('canvas').dispatchEvent(new WheelEvent('wheel', " \
    "{deltaY: -40, clientX: 800, clientY: 400, cancelable: true}))"  # fmt: skip
KEY = "document.querySelector('canvas').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'}))"
SEARCH = "const found = document.querySelector('[type=search]'); found.value = 'gate-00'; " \
    "found.dispatchEvent(new Event('input'))"  # fmt: skip
CLEAR = SEARCH.replace("gate-00", "")
SCORE = "const found = document.querySelector('[type=range]'); found.value = '90'; " \
    "found.dispatchEvent(new Event('input'))"  # fmt: skip
ALL = SCORE.replace("90", "0")


def measure(browser: Any, address: str) -> tuple[dict[str, float], list[str]]:
    """One round in a fresh browser context: times in milliseconds, and what the console said."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, reduced_motion="reduce", bypass_csp=True
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda line: line.type in ("error", "warning") and said.append(line.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.add_init_script(f"({WATCH})()")
    began = time.monotonic()
    page.goto(address)
    page.wait_for_function("document.querySelectorAll('.cameras li').length >= 1")
    page.wait_for_function(
        "(() => { const c = document.querySelector('canvas'); return c && c.width > 300 && c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 === 3 && v > 0); })()"
    )
    map_ms = 1000 * (time.monotonic() - began)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    found = {"first_paint_ms": paint, "map_ms": map_ms}
    steps = {"zoom": WHEEL, "pan": KEY, "search": SEARCH, "clear": CLEAR, "confidence": SCORE, "all": ALL}
    for name, act in steps.items():
        found[f"{name}_ms"] = median(page.evaluate(NEXT_FRAME, act) for _ in range(9))
    page.fill("[type=search]", "")
    button = page.locator(".cameras li:nth-child(80) button")
    name = button.get_attribute("value")
    began = time.monotonic()
    button.click()
    page.wait_for_function(f"document.querySelector('.detail h2')?.textContent === {json.dumps(name)}")
    found["camera_ms"] = 1000 * (time.monotonic() - began)
    page.wait_for_timeout(3000)
    found["longest_task_ms"] = max(page.evaluate("slow"), default=0.0)
    context.close()
    return found, said


def idle_frame_ms(browser: Any) -> float:
    """Two frames of an empty page: what any of the times is at least."""
    page = browser.new_page(bypass_csp=True)
    page.goto("about:blank")
    found = median(page.evaluate(NEXT_FRAME, "") for _ in range(15))
    page.close()
    return float(found)


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(cameras: int, rounds: int) -> dict[str, Any]:
    """Everything, once."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("SDIST_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        sys.exit("there is no Chromium here: Debian's package chromium, or SDIST_CHROMIUM=its path")
    with tempfile.TemporaryDirectory() as place:
        folder = make_city(Path(place) / "city", cameras)
        began = time.monotonic()
        command = [sys.executable, "-m", "sdist_ray", "serve", str(folder), "port=0", "niceness=0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        address = re.search(r"http://\S+", server.stdout.readline())[0]  # type: ignore[index]
        started_s = time.monotonic() - began
        ending = threading.Event()

        def beat() -> None:
            """Health goes on, as a network's does."""
            health = json.loads((folder / "health.json").read_text())
            while not ending.wait(2.0):
                health["time_s"] = health["health"]["time_s"] = time.time()
                (folder / ".health").write_text(json.dumps(health))
                (folder / ".health").rename(folder / "health.json")

        beating = threading.Thread(target=beat, daemon=True)
        beating.start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
                idle_ms = idle_frame_ms(browser)
                measured = [measure(browser, address) for _ in range(rounds)]
                version = browser.version
                page = browser.new_page()
                page.goto(address)
                page.wait_for_timeout(3000)
                before, at = cpu_s(server.pid), time.monotonic()
                page.wait_for_timeout(20_000)
                share = (cpu_s(server.pid) - before) / (time.monotonic() - at)
                browser.close()
            edges = len(json.loads((folder / "topology.json").read_text())["edges"])
        finally:
            ending.set()
            beating.join()
            server.terminate()
            server.wait(20)
    times = {name: round(median(found[name] for found, _ in measured), 1) for name in measured[0][0]}
    return {
        "cameras": cameras,
        "edges": edges,
        **times,
        "two_idle_frames_ms": round(idle_ms, 1),
        "console_errors": sum(len(said) for _, said in measured),
        "server_start_s": round(started_s, 1),
        "server_cpu_share": round(share, 3),
        "chromium": version,
    }


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cameras", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS / "dashboard.json")
    arguments = parser.parse_args()
    found = run(arguments.cameras, arguments.rounds)
    content = {"machine": machine(), "rounds": arguments.rounds, "load_1m": os.getloadavg()[0], **found}
    arguments.output.write_text(json.dumps(content, indent=2) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
