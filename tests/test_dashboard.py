"""The dashboard in a real browser: it loads, updates, filters, survives restarts, and shows errors kindly."""

import contextlib
import json
import re
import time
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect, sync_playwright

from sdist_ray.jobs.outputs import write_json, write_table
from sdist_ray.jobs.publish import Publisher
from tests.chromium import find_chromium
from tests.report.made_distancing_run import write_tables
from tests.report.made_run import make_run
from tests.serving import TOKEN, Members, serving

PATIENCE_MS = 60_000
DRAWN = """() => {
    const canvas = document.querySelector("canvas");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels.some((value, at) => at % 4 === 3 && value > 0);
}"""
HOSTILE = '<img src=x onerror="document.title=1">/../"&%'
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser():
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def serve():
    """Starts servers, which outlive the pages that are open."""
    with contextlib.ExitStack() as stack:
        yield lambda folder, **settings: stack.enter_context(serving(folder, **settings))


@pytest.fixture
def open_page(browser, serve):
    """Opens pages; whatever goes wrong in one, or is taken from elsewhere, fails the test."""
    pages, wrong = [], []

    def open_one(address, path="/", patient=False, **settings):
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 800}} | settings)
        context.add_init_script("globalThis.everyMs = 150")
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        # A server that is gone on purpose leaves its own lines.
        page.on("console", lambda said: said.type == "error" and not patient and wrong.append(said.text))
        page.on("request", lambda asked: asked.url.startswith((address, "blob:")) or wrong.append(asked.url))
        page.goto(address + path)
        pages.append(context)
        return page

    yield open_one
    for context in pages:
        context.close()
    assert not wrong


def write_health(folder, ids, states=MappingProxyType({}), running=True, time_s=None):
    now = time.time() if time_s is None else time_s
    cameras = [
        {
            "id": name, "worker": n % 2, "state": states.get(name, "live"), "problem": None,
            "frames_in": 900, "processed": int(now * 10) % 10**9, "dropped": 0, "bad": 0, "late": n,
            "early": 0, "reconnects": 0, "delay_p50_s": 6.1, "delay_p99_s": 7.5, "skew_s": 0.0,
            "last_frame_age_s": 0.1, "occupancy_rate": 0.31, "cost_s": 0.001,
        }
        for n, name in enumerate(ids)
    ]  # fmt: skip
    by_state = {}
    for camera in cameras:
        by_state[camera["state"]] = by_state.get(camera["state"], 0) + 1
    workers = [
        {"number": n, "node": "node", "pid": n, "cameras": 6, "busy": 0.5, "rss_bytes": 10**8,
         "frames_per_s": 60.0, "alive": True}
        for n in range(2)
    ]  # fmt: skip
    times = [now - 30, now - 20, now - 10]
    history = {name: [1.0, 2.0, 3.0] for name in ("live", "cameras", "workers", "frames_per_s", "delay_p50_s",
               "delay_p99_s", "rows", "late", "rss_bytes", "edges")}  # fmt: skip
    health = {
        "time_s": now, "cameras_total": len(ids), "cameras_by_state": by_state, "frames_per_s": 120.0,
        "rows_late": 3, "late_fraction": 0.001, "delay_p50_s": 6.1, "delay_p99_s": 7.5,
        "rss_bytes": 3 * 10**8, "memory_slope_mb_per_min": 0.2, "ranges_closed": 40, "ranges_counted": 39,
        "workers_lost": 0, "edges": 10, "workers": workers, "cameras": cameras,
    }  # fmt: skip
    content = {"name": "site", "running": running, "time_s": now, "health": health}
    write_json(folder / "health.json", content | {"history": history | {"time_s": times}})


IDS = [f"C{n:02d}" for n in range(1, 12)] + [HOSTILE]


@pytest.fixture
def live(tmp_path):
    """The folder of a network that runs, and what publishes there."""
    folder = tmp_path / "site"
    publisher = Publisher(folder)
    publisher.publish(lambda place: make_run(place, ids=IDS, transit=(3, 4)))
    make_run(tmp_path / "pictures", ids=IDS)
    (tmp_path / "pictures" / "snapshots").rename(folder / "snapshots")
    write_health(folder, IDS, {"C03": "dark"})
    return folder, publisher


@pytest.fixture(scope="module")
def distances(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "plaza"
    folder.mkdir()
    write_tables(folder, ("lobby", "yard 2"), 14, 3, "m", np.random.default_rng(1))
    people = pq.read_table(folder / "people.parquet").to_pydict()
    rng = np.random.default_rng(2)
    for name in ("ground_x_m", "ground_y_m"):
        people[name] = rng.uniform(0, 9, len(people["track"]))
    write_table(folder / "people.parquet", people)
    entries = [{"camera": name, "unit": "m", "limit": 2.0} for name in ("lobby", "yard 2")]
    write_json(folder / "summary.json", {"command": "distancing", "cameras": entries})
    return folder


def test_it_loads_and_shows_the_graph_with_nothing_from_elsewhere(live, serve, open_page):
    address = serve(live[0])
    page = open_page(address)
    expect(page.locator("#name")).to_have_text("site")
    expect(page.locator("#state")).to_have_text("live")
    expect(page.locator(".cameras p")).to_have_text("12 cameras")
    expect(page.locator(".cameras li").first).to_contain_text("C03")
    expect(page.locator(".cameras li").first).to_contain_text("dark")
    page.wait_for_function(DRAWN)
    # An id is text, whatever it looks like.
    expect(page.locator(".cameras li", has_text="onerror")).to_have_count(1)
    assert page.locator("img").count() == 0


def test_a_camera_shows_its_picture_its_windows_and_its_links(live, serve, open_page):
    address = serve(live[0])
    page = open_page(address)
    page.get_by_role("button", name="C01").click()
    detail = page.locator(".detail")
    expect(detail.locator("h2")).to_have_text("C01")
    page.wait_for_function("() => document.querySelector('.view img')?.naturalWidth === 320")
    expect(detail.locator("tbody tr")).to_have_count(2)
    detail.get_by_role("button", name="C02", exact=True).click()
    expect(detail.locator("figure")).to_have_count(2)
    expect(detail.locator("figcaption").first).to_contain_text("the same place as C02")
    detail.get_by_role("button", name="C02", exact=True).click()
    detail.get_by_label("Occupancy").check()
    expect(detail.locator("figcaption")).to_contain_text("How often")
    detail.get_by_role("button", name="Go to C02").click()
    expect(detail.locator("h2")).to_have_text("C02")
    assert page.url.endswith("#/map/C02")
    page.goto(
        f"{address}/#/map/{'%3Cimg%20src%3Dx%20onerror%3D%22document.title%3D1%22%3E%2F..%2F%22%26%25'}"
    )
    expect(detail.locator("h2")).to_have_text(HOSTILE)
    assert page.title() == "site · sdist_ray"


def test_it_follows_publications_and_health_by_itself(live, serve, open_page):
    folder, publisher = live
    address = serve(folder)
    page = open_page(address)
    edges = page.locator("#figures div", has_text="edges").locator("dd")
    expect(edges).to_have_text("10")
    publisher.publish(lambda place: make_run(place, ids=[*IDS, "new"], pairs=((0, 1), (1, 12)), transit=None))
    expect(edges).to_have_text("2")
    expect(page.locator(".cameras p")).to_have_text("13 cameras")
    write_health(folder, IDS, {"C05": "covered"})
    expect(page.locator(".cameras li").first).to_contain_text("C05")
    write_health(folder, IDS, running=False)
    expect(page.locator("#state")).to_have_text("ended")


def test_filters_say_what_they_leave(live, serve, open_page):
    address = serve(live[0])
    page = open_page(address)
    told = page.locator(".cameras p")
    expect(told).to_have_text("12 cameras")
    page.get_by_label("Find a camera by its id").fill("c1")
    expect(told).to_have_text("2 of 12 cameras")
    page.get_by_label("Find a camera by its id").fill("")
    page.get_by_role("combobox", name="State", exact=True).select_option("dark")
    expect(told).to_have_text("1 of 12 cameras")
    page.get_by_role("combobox", name="State", exact=True).select_option("")
    page.get_by_role("combobox", name="Component", exact=True).select_option("1")
    expect(told).to_have_text("2 of 12 cameras")
    page.get_by_role("combobox", name="Component", exact=True).select_option("")
    page.get_by_role("combobox", name="Edges", exact=True).select_option("1")
    expect(page.locator(".cameras small", has_text="edge")).to_have_count(2)
    page.get_by_role("slider", name="Confidence").fill("70")
    expect(page.locator(".cameras small", has_text="edge")).to_have_count(0)


def test_it_can_be_used_by_keyboard_alone(live, serve, open_page):
    address = serve(live[0])
    page = open_page(address)
    expect(page.locator(".cameras li")).to_have_count(12)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.get_by_label("Find a camera by its id").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".detail h2")).to_have_text("C01")
    canvas = page.locator(".stage canvas")
    canvas.focus()
    page.keyboard.press("Escape")
    expect(page.locator(".detail")).to_be_hidden()
    for key in ("+", "ArrowLeft", "ArrowUp", "-", "0", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".detail")).to_be_visible()
    assert canvas.get_attribute("aria-label") == "Map of cameras"


def test_it_survives_the_server_and_the_network_ending_and_beginning_again(live, open_page):
    folder, publisher = live
    with serving(folder) as address:
        page = open_page(address, patient=True)
        expect(page.locator("#state")).to_have_text("live")
        # The state comes from health, the cameras from the topology: either may be first.
        expect(page.locator(".cameras p")).to_have_text("12 cameras")
    notice = page.locator("#notice")
    expect(notice).to_contain_text("does not answer; it is tried again")
    expect(page.locator("#state")).to_have_text("not connected")
    expect(page.locator(".cameras p")).to_have_text("12 cameras")
    publisher.publish(lambda place: make_run(place, ids=IDS, pairs=((0, 1),), transit=None))
    write_health(folder, IDS, time_s=time.time() - 100)
    with serving(folder, port=int(address.rpartition(":")[2])):
        expect(page.locator("#figures div", has_text="edges").locator("dd")).to_have_text("1")
        expect(page.locator("#state")).to_have_text("silent")
        expect(notice).to_contain_text("has said nothing for")
        write_health(folder, IDS)
        expect(page.locator("#state")).to_have_text("live")
        expect(notice).to_be_hidden()


def test_what_is_damaged_is_told_of_and_what_was_good_stays(live, serve, open_page):
    folder, publisher = live
    address = serve(folder)
    page = open_page(address)
    expect(page.locator(".cameras p")).to_have_text("12 cameras")

    def broken(place):
        make_run(place, ids=IDS)
        (place / "links.parquet").write_bytes(b"no Parquet")

    publisher.publish(broken)
    expect(page.locator("#notice")).to_contain_text("What is shown is from before")
    expect(page.locator(".cameras p")).to_have_text("12 cameras")


def test_a_folder_in_which_nothing_is_yet_says_so(tmp_path, serve, open_page):
    address = serve(tmp_path)
    page = open_page(address)
    expect(page.locator("#view")).to_contain_text("No topology yet")
    expect(page.locator("#state")).to_have_text("nothing yet")
    write_health(tmp_path, IDS)
    expect(page.locator(".cameras p")).to_have_text("12 cameras")


def test_health_tells_of_cameras_and_workers(live, serve, open_page):
    folder, _ = live
    write_health(folder, IDS, {"C03": "dark", "C09": "waiting"})
    address = serve(folder)
    page = open_page(address, "/#/health")
    cameras = page.get_by_role("region", name="Cameras").locator("tbody tr")
    expect(cameras).to_have_count(12)
    expect(cameras.first).to_contain_text("dark")
    expect(page.get_by_role("region", name="Workers").locator("tbody tr")).to_have_count(2)
    expect(page.locator("svg.chart")).to_have_count(6)
    page.get_by_role("button", name="in trouble 2").click()
    expect(cameras).to_have_count(2)
    write_health(folder, IDS, {"C03": "dark"})
    expect(cameras).to_have_count(1)


def test_partitions_are_shown_over_time(live, serve, open_page):
    folder, publisher = live

    def grouped(place):
        make_run(place, ids=IDS)
        summary = json.loads((place / "summary.json").read_text())
        plans = [{"after": None, "groups": 1, "largest": 12, "pairs": 144},
                 {"after": 900, "groups": 4, "largest": 3, "pairs": 36}]  # fmt: skip
        summary |= {"range_ticks": 20, "partition": {"kind": "screening", "cost_share": 0.25, "plans": plans}}
        write_json(place / "summary.json", summary)
        lines = [f"C{n:02d},g{n % 4}\n" for n in range(1, 12)]
        (place / "groups.csv").write_text("camera,group\n" + "".join(lines))

    publisher.publish(grouped)
    address = serve(folder)
    page = open_page(address, "/#/partitions")
    expect(page.locator(".tile", has_text="Strategy")).to_contain_text("screening")
    expect(page.locator(".tile", has_text="Pairs of cameras")).to_contain_text("25.00 %")
    expect(page.get_by_role("region", name="Plans").locator("tbody tr")).to_have_count(2)
    expect(page.locator("svg.chart")).to_have_count(3)


def test_distancing_shows_people_from_above_violations_and_history(distances, serve, open_page):
    address = serve(distances)
    page = open_page(address)
    expect(page.locator("nav [aria-current]")).to_have_text("Distancing")
    rows = page.get_by_role("region", name="Violations").locator("tbody tr")
    expect(rows).to_have_count(14)
    expect(page.locator(".above h3")).to_contain_text("now")
    page.get_by_role("button", name="long").click()
    expect(page.locator(".chips [role=status]")).not_to_have_text("14 violations")
    page.get_by_role("button", name="all", exact=True).click()
    expect(rows).to_have_count(14)
    slider = page.get_by_role("slider", name="Time")
    rows.last.get_by_role("button").click()
    before = float(slider.input_value())
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(f"() => document.querySelector('.player input').value > {before + 0.5}")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("figcaption")).to_contain_text(re.compile(r"\d+ people"))


def test_cameras_are_added_and_removed_with_the_token(live, serve, open_page):
    members = Members()
    address = serve(live[0], token=TOKEN, members=members)
    page = open_page(address, patient=True)
    page.get_by_role("button", name="Add camera").click()
    form = page.locator("#new-camera")
    form.get_by_label("Id").fill("gate")
    form.get_by_label("Address").fill("/etc/passwd")
    form.get_by_role("button", name="Add").click()
    page.locator("#token input").fill("wrong")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#token-why")).to_contain_text("wrong")
    page.locator("#token input").fill(TOKEN)
    page.get_by_role("button", name="Go on").click()
    expect(form.locator(".error")).to_contain_text("url")
    form.get_by_label("Address").fill("rtsp://user:secret@10.0.0.5/stream")
    form.get_by_role("button", name="Add").click()
    expect(form).to_be_hidden()
    assert members.cameras["gate"].url == "rtsp://user:secret@10.0.0.5/stream"
    page.get_by_role("button", name="C01").click()
    page.get_by_role("button", name="Remove from the network").click()
    members.cameras["C01"] = None
    page.locator("#sure").get_by_role("button", name="Remove").click()
    expect(page.locator(".detail")).to_be_hidden()
    assert "C01" not in members.cameras


@pytest.mark.parametrize(
    ("scheme", "where", "views"), [("light", 0, ["map/C01", "health"]), ("dark", 1, ["distancing"])]
)
def test_it_fits_a_phone_in_light_and_dark(live, distances, serve, open_page, scheme, where, views):
    address = serve((live[0], distances)[where])
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "reduced_motion": "reduce"}
    for view in views:
        page = open_page(address, f"/#/{view}", color_scheme=scheme, **phone)
        page.locator(".card, .detail h2").first.wait_for()
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360, view
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        bright = sum(map(int, re.findall(r"\d+", ground)[:3])) > 380
        assert bright == (scheme == "light")


def test_the_interface_is_documented_on_a_page(live, serve, open_page):
    address = serve(live[0])
    page = open_page(address, "/api")
    expect(page.locator("h2", has_text="GET /api/v1/topology")).to_be_visible()
    expect(page.locator("h2", has_text="POST /api/v1/cameras")).to_be_visible()


def test_it_is_small():
    folder = Path(__file__).parent.parent / "sdist_ray" / "serve" / "static"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 150_000
