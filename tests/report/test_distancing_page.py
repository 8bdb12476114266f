"""The page of a distancing run."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sdist_ray.errors import InputError
from sdist_ray.report import distancing_page
from sdist_ray.report.distancing_folder import file_within, read_distancing_run
from sdist_ray.report.distancing_page import write_distancing_report
from sdist_ray.report.timeline import draw_timeline
from tests.report.made_distancing_run import make_distancing_run

HOSTILE = "<script>alert(1)</script>"


def page(folder) -> str:
    return write_distancing_report(folder).read_text(encoding="utf-8")


def edit(folder, change):
    summary = json.loads((folder / "summary.json").read_text())
    change(summary)
    (folder / "summary.json").write_text(json.dumps(summary))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_distancing_run(tmp_path_factory.mktemp("run") / "station")


@pytest.fixture(scope="module")
def html(run) -> str:
    return page(run)


def test_the_page_says_what_the_run_found(html):
    for text in ("station", "1 failed", "9 brief", "3.02 min", "2 m", "homography", "lobby", "yard 2",
                 "the clock jumped", "at one speed, for 8.0 s", "yolox-nano.onnx", "168"):  # fmt: skip
        assert text in html, text
    assert html.count('class="badge') >= 17
    assert 'class="timeline"' in html
    assert not re.search(r">\s*(nan|None)\b", html)


def test_the_page_takes_nothing_from_outside_but_the_runs_own_videos(html):
    sources = re.findall(r"""(?:src|href|poster)\s*=\s*["']?([^"'\s>]+)""", html)
    outside = [source for source in sources if not source.startswith("data:image/")]
    assert sorted(set(outside)) == ["./annotated/0.mp4", "./annotated/1.webm"]
    assert len(sources) == 8
    assert "<script" not in html
    assert "url(" not in html
    assert "http" not in html.replace("http-equiv", "")


def test_only_what_browsers_play_is_offered_to_play(html):
    assert re.findall(r'<video[^>]* src="([^"]+)"', html) == ["./annotated/1.webm"]
    assert '<a href="./annotated/0.mp4">' in html


def test_secrets_of_addresses_are_not_printed(html):
    assert "rtsp://host/x" in html
    assert "secret" not in html
    assert "token" not in html


def test_the_longest_violations_come_first(run, monkeypatch):
    monkeypatch.setattr(distancing_page, "MOST_ROWS", 5)
    rows = distancing_page._violation_rows(read_distancing_run(run).violations)
    seconds = [float(row["seconds"].removesuffix(" s")) for row in rows]
    assert len(rows) == 5
    assert seconds == sorted(seconds, reverse=True)
    assert "The longest 5 of 14" in page(run)


def test_distances_in_pixels_where_there_are_no_metres(tmp_path):
    text = page(make_distancing_run(tmp_path / "run", unit="px"))
    assert re.search(r">\d+ px</td>", text)
    assert not re.search(r">\d\.\d\d m</td>", text)


def test_hostile_ids_and_texts_stay_text(tmp_path):
    ids = (HOSTILE, '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "';--", "\udc80")
    folder = make_distancing_run(tmp_path / "run", ids=ids[:4])

    def change(summary):
        summary["cameras"][0] |= {
            "problem": HOSTILE,
            "warnings": [HOSTILE],
            "status": HOSTILE,
            "method": HOSTILE,
        }
        summary["cameras"][1] |= {"unit": HOSTILE, "video": "javascript:alert(1)", "camera": ids[4]}
        summary["cameras"][2] |= {
            "video": "/etc/passwd",
            "picture": "../summary.json",
            "heat_map": "config.yaml",
        }
        summary |= {"name": HOSTILE, "version": HOSTILE, "started": HOSTILE, "method": HOSTILE}
        summary["detector"]["model"] = HOSTILE

    edit(folder, change)
    table = pq.read_table(folder / "groups.parquet")
    reasons = pa.array([HOSTILE] * table.num_rows)
    pq.write_table(table.set_column(6, "reason", reasons), folder / "groups.parquet")
    text = page(folder)
    assert "<script" not in text
    assert "<img src=x" not in text
    assert "javascript:" not in text
    assert "passwd" not in text
    assert text.count("&lt;script&gt;") >= 12
    assert "{{ 7*7 }}" in text


@pytest.mark.parametrize("name", ["../x", "/etc/hostname", "", None, 3, "a\0b", "missing.jpg", "pictures"])
def test_files_outside_the_folder_are_not_read(tmp_path, name):
    (tmp_path / "x").write_text("x")
    (tmp_path / "run" / "pictures").mkdir(parents=True)
    assert file_within(tmp_path / "run", name) is None


def test_nothing_happened_is_said(tmp_path):
    folder = make_distancing_run(tmp_path / "run", ids=(), violations=0, groups=0)
    edit(folder, lambda summary: summary.pop("cameras"))
    text = page(folder)
    assert "No violations" in text
    assert "No groups were recognised" in text
    assert "names no cameras" in text
    assert "<svg" not in text


def test_what_is_missing_or_damaged_is_said_and_done_without(tmp_path):
    folder = make_distancing_run(tmp_path / "run")
    (folder / "people.parquet").unlink()
    (folder / "groups.parquet").write_bytes(b"PAR1 not really")
    pq.write_table(pa.table({"start_s": ["soon"], "severity": ["brief"]}), folder / "violations.parquet")
    (folder / "pictures" / "0.jpg").write_bytes(b"")
    (folder / "pictures" / "1.jpg").write_bytes(b"no picture")
    (folder / "heat" / "0.png").unlink()
    (folder / "annotated" / "0.mp4").unlink()
    text = page(folder)
    for note in (
        "people.parquet is missing",
        "groups.parquet cannot be read",
        "violations.parquet has no usable",
    ):
        assert note in text
    assert "brief" in text
    assert not re.search(r">\s*(nan|None)\b", text)


@pytest.mark.parametrize(
    "summary", [{}, {"cameras": 3, "violations": [], "limit_m": "far", "rates": None, "started": 1e300},
                {"cameras": [{}, {"camera": None, "limit": None, "frames": "many", "warnings": 3}, 5]}]
)  # fmt: skip
def test_a_summary_that_says_little_makes_a_page_all_the_same(tmp_path, summary):
    folder = make_distancing_run(tmp_path / "run", ids=("a",))
    (folder / "summary.json").write_text(json.dumps(summary))
    assert not re.search(r">\s*(nan|None)\b", page(folder))


def test_a_folder_that_is_no_runs_is_named(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        write_distancing_report(tmp_path / "none")
    with pytest.raises(InputError, match=r"summary\.json"):
        write_distancing_report(tmp_path)
    (tmp_path / "summary.json").write_text("[1]")
    with pytest.raises(InputError, match="JSON object"):
        write_distancing_report(tmp_path)


def people(camera, time_s, track):
    return pa.table({"camera": camera, "time_s": pa.array(time_s, pa.float64()), "track": track})


@pytest.mark.parametrize("span", [0.0, 3.0, 500.0, 1e5, 1.7e9, 1e15])
def test_a_timeline_of_any_length_has_few_bars(span):
    violations = pa.table({"start_s": pa.array([0.0, span, None], pa.float64())})
    svg = draw_timeline(people(["a", "b"], [0.0, span], [1, 1]), violations)
    assert 2 <= svg.count("<rect") <= 4
    assert "nan" not in svg


def test_a_person_counts_once_a_bar_in_each_camera():
    table = people(["a", "a", "a", "b"], [1.0, 1.2, 1.4, 1.3], [1, 1, 2, 1])
    svg = draw_timeline(table, pa.table({"start_s": pa.array([], pa.float64())}))
    assert "<title>00:00:01: 3</title>" in svg
