from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sdist_ray.errors import InputError
from sdist_ray.report import page
from sdist_ray.report.page import write_report
from sdist_ray.report.run_folder import natural, read_run, show
from tests.report.made_run import make_run

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def html(tmp_path_factory) -> str:
    folder = make_run(tmp_path_factory.mktemp("run") / "campus")
    return write_report(folder).read_text(encoding="utf-8")


def test_the_page_says_what_the_run_found(html):
    for text in ("campus", "1 failed", "0.953", "0.921", "C01", "7.2 s", "the clock jumped by 2.1 s"):
        assert text in html, text
    assert "All links are drawn" not in html
    assert re.search(r"\d+ of 894 links are drawn", html)


def test_the_page_needs_nothing_from_outside(html):
    sources = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]+)""", html)
    assert len(sources) == 13
    assert all(source.startswith("data:image/") for source in sources)
    assert "<script" not in html
    assert "@import" not in html
    assert "url(" not in html
    assert "http" not in html.replace("http-equiv", "")


def test_secrets_of_addresses_are_not_printed(html):
    assert "rtsp://host/stream" in html
    assert "secret" not in html
    assert "token" not in html


def test_hostile_ids_stay_text(tmp_path):
    ids = [HOSTILE, '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "a&b", "';--"]
    folder = make_run(tmp_path / "run", ids=ids, pairs=((0, 1), (1, 2)), transit=(0, 3))
    summary = json.loads((folder / "summary.json").read_text())
    summary["cameras"][0] |= {"message": HOSTILE, "warnings": [HOSTILE], "status": HOSTILE}
    summary |= {"estimator": HOSTILE, "version": HOSTILE, "started": HOSTILE, "name": HOSTILE}
    summary["evaluation"] = {"windows": {HOSTILE: 1, "precision": None}}
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "config.yaml").write_text(f"</pre>{HOSTILE}")
    text = write_report(folder).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<img src=x" not in text
    assert text.count("</pre>") == 1
    assert text.count("&lt;script&gt;") >= 8
    assert "{{ 7*7 }}" in text


@pytest.mark.parametrize("summary", [{}, {"cameras": None, "rates": 3, "topology": [], "started": 5e8}])
def test_a_summary_that_says_little_makes_a_page_all_the_same(tmp_path, summary):
    folder = make_run(tmp_path / "run", ids=["a", "b"], pairs=((0, 1),), transit=None)
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "windows.parquet").unlink()
    (folder / "config.yaml").unlink()
    text = write_report(folder).read_text(encoding="utf-8")
    assert not re.search(r">\s*(nan|None)\b", text)
    assert ">a</td>" in text


def test_a_network_without_links_has_a_page(tmp_path):
    folder = make_run(tmp_path / "run", ids=["a"], pairs=(), transit=None)
    text = write_report(folder).read_text(encoding="utf-8")
    assert "No links were found." in text
    assert "No two cameras were found to be related." in text


@pytest.mark.parametrize("missing", ["links.parquet", "edges.parquet", "summary.json"])
def test_a_folder_that_is_no_run_is_refused_in_one_line(tmp_path, missing):
    folder = make_run(tmp_path / "run", ids=["a", "b"], pairs=((0, 1),), transit=None)
    (folder / missing).unlink()
    with pytest.raises(InputError, match=f"it has no {missing}") as caught:
        write_report(folder)
    assert "\n" not in str(caught.value)
    assert not (folder / "report.html").exists()


def test_a_missing_folder_and_damaged_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        write_report(tmp_path / "nothing")
    folder = make_run(tmp_path / "run", ids=["a", "b"], pairs=((0, 1),), transit=None)
    links = (folder / "links.parquet").read_bytes()
    (folder / "links.parquet").write_bytes(links[: len(links) // 2])
    with pytest.raises(InputError, match=r"links\.parquet: not readable"):
        write_report(folder)
    pq.write_table(pa.table({"camera_a": ["a"]}), folder / "links.parquet")
    with pytest.raises(InputError, match="columns window_a, camera_b"):
        write_report(folder)
    (folder / "summary.json").write_text("{")
    with pytest.raises(InputError, match=r"summary\.json: not readable as JSON"):
        write_report(folder)


def test_windows_outside_the_grid_are_refused(tmp_path):
    folder = make_run(tmp_path / "run", ids=["a", "b"], pairs=((0, 1),), transit=None)
    summary = json.loads((folder / "summary.json").read_text())
    summary["grid"] = {"columns": 3, "rows": 3}
    (folder / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(InputError, match="is not in a grid of 3x3"):
        write_report(folder)


def test_a_report_that_fails_leaves_the_old_one_and_no_rubbish(tmp_path, monkeypatch):
    folder = make_run(tmp_path / "run", ids=["a", "b"], pairs=((0, 1),), transit=None)
    old = write_report(folder).read_bytes()
    before = {path.name for path in folder.iterdir()}

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("sdist_ray.report.snapshots.os.replace", full)
    with pytest.raises(OSError, match="no space left"):
        write_report(folder)
    assert (folder / "report.html").read_bytes() == old
    assert {path.name for path in folder.iterdir()} == before


def test_long_tables_are_cut_and_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MOST_CAMERA_ROWS", 5)
    monkeypatch.setattr(page, "MOST_EDGE_ROWS", 4)
    text = write_report(make_run(tmp_path / "run")).read_text(encoding="utf-8")
    assert "The first 5 of 12" in text
    assert "The first 4 of 10" in text


def test_cameras_missing_from_the_summary_are_known_from_the_tables(tmp_path):
    folder = make_run(tmp_path / "run", ids=["C10", "C2", "C1"], pairs=((0, 1),), transit=None)
    (folder / "summary.json").write_text("{}")
    assert [camera.id for camera in read_run(folder).cameras] == ["C1", "C2", "C10"]


def test_ids_sort_as_people_count():
    assert sorted(["C10", "C2", "1x", "a"], key=natural) == ["1x", "C2", "C10", "a"]


def test_addresses_in_running_text_lose_their_credentials():
    assert show("cannot open rtsp://u:p@h:554/a?k=v, gave up") == "cannot open rtsp://h:554/a?…, gave up"
