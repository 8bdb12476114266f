"""sdist-ray cameras, and others that meet a network that runs."""

import json

from sdist_ray.cli import main
from sdist_ray.runtime.live.control import ControlServer
from tests.joining.books import SECRET, ids, run_main


def test_errors_are_one_line_and_exit_code_2(capsys, tmp_path, folder):
    for words in (
        ["list", f"run={tmp_path / 'nothing'}"], ["list", f"run={tmp_path}"], ["list", "network=other"],
        ["add"], ["remove"], ["pause", "wait_s=-1"], ["list", f"run={folder}", "network=books"],
        ["add", "rtsp://h/x", "id=a"], ["remove", "nobody"], ["pause", "nobody"], ["resume", "nobody"],
        ["add", f"rtsp://u:{SECRET}@[::1/x"], ["add", f"gopher://u:{SECRET}@h/x"],
        ["add", "rtsp://h/x", "rtsp://h/y", "id=x"], ["add", "rtsp://h/x", "replicas=2"],
    ):  # fmt: skip
        code, out, err = run_main(capsys, *words)
        assert code == 2, words
        assert err.count("\n") == 1, err
        assert SECRET not in out + err


def test_the_one_network_is_found(capsys, folder, members):
    code, out, _ = run_main(capsys, "list", "wait_s=0")
    assert code == 0
    assert "a " in out
    assert "1 of 2 cameras live" in out
    code, out, _ = run_main(capsys, "list", "network=books", "json=true", "wait_s=0")
    assert [camera["id"] for camera in json.loads(out)["cameras"]] == ["a", "b"]
    code, out, _ = run_main(capsys, "remove", "a", "b", "wait_s=0")
    assert out == "removed: a, b\n"
    assert ids(members) == []


def test_a_password_goes_over_the_socket_and_nowhere_else(capsys, tmp_path, folder, members):
    code, out, err = run_main(capsys, "add", f"rtsp://user:{SECRET}@gate/s?token={SECRET}", "wait_s=0")
    assert code == 0
    assert SECRET not in out + err
    assert members.requests.all[0].cameras[0].url == f"rtsp://user:{SECRET}@gate/s?token={SECRET}"


def test_two_networks_must_be_told_apart(capsys, tmp_path, folder):
    other = tmp_path / "other"
    other.mkdir()
    with ControlServer(other, dict, {"network": "books"}):
        code, _, err = run_main(capsys, "list")
        assert code == 2
        assert str(other) in err


def test_a_second_start_in_its_folder_leaves_a_network_alone(capsys, folder):
    (folder / "config.yaml").write_text("the network's own\n")
    (folder / "published" / ".partial-7").mkdir(parents=True)
    before = sorted(folder.rglob("*"))
    for command in ("topology", "record"):
        arguments = ["source=live", "source.paths=[x]", f"output={folder}", "fps=5", "runtime=local"]
        assert main([command, *arguments]) == 2
        assert "runs in this folder already" in capsys.readouterr().err
    assert sorted(folder.rglob("*")) == before
    assert (folder / "config.yaml").read_text() == "the network's own\n"
