"""Webhooks: what is told, to whom, signed, and until it was taken."""

import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pyarrow.parquet as pq
import pytest

from sdist_ray.cli import main
from sdist_ray.errors import InputError
from sdist_ray.jobs.publish import Publisher
from sdist_ray.serve import webhooks as module
from sdist_ray.serve.changes import Event, Known
from sdist_ray.serve.watcher import Watcher
from sdist_ray.serve.webhooks import SPOOL, Endpoint, Webhooks, check_webhook, sign
from tests.live import until
from tests.report.made_distancing_run import write_tables
from tests.report.made_run import make_run

SECRET = "sixteen letters or more"
ALL = ("violation", "topology")


class Receiver:
    """A server that takes what it is told, or does not."""

    def __init__(self):
        self.taken, self.seen, self.answers = [], 0, []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.seen += 1
                status = receiver.answers.pop(0) if receiver.answers else 204
                if status == 204:
                    receiver.taken.append((dict(self.headers), body))
                self.send_response(status)
                if status == 302:
                    self.send_header("location", receiver.url)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?token=secret-word"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def events(self):
        return [json.loads(body) for _, body in self.taken]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    with contextlib.closing(Receiver()) as receiver:
        yield receiver


@contextlib.contextmanager
def watching(folder, url, events=ALL):
    with Webhooks(folder, [url], SECRET, events, first_pause_s=0.02) as hooks:
        yield hooks, Watcher(folder, on_change=hooks.on_change)


def test_changes_of_the_topology_are_told_and_signed(tmp_path, receiver):
    publisher = Publisher(tmp_path)
    publisher.publish(lambda place: make_run(place, pairs=((0, 1), (1, 2)), transit=None))
    with watching(tmp_path, receiver.url) as (hooks, watcher):
        watcher.look()
        publisher.publish(lambda place: make_run(place, pairs=((0, 1), (2, 3)), transit=(4, 5)))
        watcher.look()
        until(lambda: receiver.taken)
        assert "secret-word" not in json.dumps(hooks.states())
    (event,) = receiver.events()
    assert event["type"] == "topology.changed"
    assert event["data"]["edges_gained"] == [
        {"camera_a": "C03", "camera_b": "C04", "kind": "overlap"},
        {"camera_a": "C05", "camera_b": "C06", "kind": "transit"},
    ]
    assert event["data"]["edges_lost"] == [{"camera_a": "C02", "camera_b": "C03", "kind": "overlap"}]
    assert event["data"]["counts"]["cameras_joined"] == 0
    headers, body = receiver.taken[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert "secret-word" not in (tmp_path / SPOOL).read_text()


def test_the_signature_is_that_of_the_specification():
    # The example of standardwebhooks.com's own libraries.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    found = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def violations(folder, count):
    folder.mkdir(exist_ok=True)
    write_tables(folder, ("lobby",), 14, 1, "m", np.random.default_rng(1))
    table = pq.read_table(folder / "violations.parquet").slice(0, count)
    pq.write_table(table, folder / "violations.parquet")
    (folder / "summary.json").write_text('{"command": "distancing"}')


def test_only_new_violations_are_told_each_by_an_id_of_its_own(tmp_path, receiver):
    violations(tmp_path, 10)
    with watching(tmp_path, receiver.url, ["violation"]) as (_, watcher):
        watcher.look()
        violations(tmp_path, 13)
        watcher.look()
        until(lambda: len(receiver.taken) == 3)
    assert {event["type"] for event in receiver.events()} == {"violation.found"}
    assert len({event["id"] for event in receiver.events()}) == 3
    assert receiver.events()[0]["data"]["cameras"] == ["lobby"]
    assert receiver.seen == 3


def test_what_is_not_taken_is_sent_again_in_order(tmp_path, receiver):
    receiver.answers = [500, 404, 302]
    violations(tmp_path, 10)
    with watching(tmp_path, receiver.url) as (hooks, watcher):
        watcher.look()
        violations(tmp_path, 12)
        watcher.look()
        until(lambda: len(receiver.taken) == 2)
        until(lambda: hooks.states()[0]["delivered"] == 2)
        assert hooks.states() == [
            {"host": "127.0.0.1", "waiting": 0, "delivered": 2, "dropped": 0, "problem": None}
        ]
    assert receiver.seen == 5


def test_what_happens_while_no_server_runs_and_what_was_not_delivered_is_told_by_the_next(tmp_path):
    receiver = Receiver()
    url = receiver.url
    violations(tmp_path, 10)
    receiver.close()
    with watching(tmp_path, url) as (hooks, watcher):
        watcher.look()
        violations(tmp_path, 11)
        watcher.look()
        until(lambda: hooks.states()[0]["problem"])
        assert hooks.states()[0]["waiting"] == 1
    violations(tmp_path, 13)
    receiver = Receiver()
    content = json.loads((tmp_path / SPOOL).read_text())
    (waiting,) = content["waiting"].values()
    content["waiting"] = {module._key(receiver.url): waiting}
    (tmp_path / SPOOL).write_text(json.dumps(content))
    with watching(tmp_path, receiver.url) as (_, watcher):
        watcher.look()
        until(lambda: len(receiver.taken) == 3)
    receiver.close()
    assert len({event["id"] for event in receiver.events()}) == 3


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"known": 3, "waiting": {}}', '{"known": {}, "waiting": []}']
)
def test_a_damaged_file_begins_anew(tmp_path, receiver, content):
    (tmp_path / SPOOL).write_text(content)
    violations(tmp_path, 10)
    with watching(tmp_path, receiver.url) as (_, watcher):
        watcher.look()
    assert len(json.loads((tmp_path / SPOOL).read_text())["known"]["violations"]) == 10
    assert not receiver.taken


def test_no_more_wait_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    endpoint = Endpoint("http://127.0.0.1:9/", SECRET)
    endpoint.tell([Event(str(n), "violation.found", 0.0, {}) for n in range(5)])
    assert [event.id for event in endpoint.waiting()] == ["2", "3", "4"]
    assert endpoint.dropped == 2


def test_pauses_grow_and_no_news_shortens_them(monkeypatch):
    waits = []
    endpoint = Endpoint("http://127.0.0.1:9/", SECRET, [Event("a", "violation.found", 0.0, {})])
    monkeypatch.setattr(endpoint, "_send", lambda event: "down")
    monkeypatch.setattr(module.random, "uniform", lambda low, high: waits.append((low, high)) or 0.0)
    endpoint.start()
    until(lambda: len(waits) > 12)
    endpoint.close()
    assert set(waits) == {(0.5, 1.0)}


def test_known_is_written_and_read():
    known = Known(frozenset({("a", "b", "overlap")}), frozenset("ab"), None)
    assert Known.of(json.loads(json.dumps(known.content()))) == known


@pytest.mark.parametrize(
    ("url", "said"),
    [("ftp://host/", "is none"), ("http://", "is none"), ("https://user:word@host/", "holds a password"),
     ("http://host:99999/", "is none"), ("http://ho st/", "is none"),
     ("http://hooks..example.org/", "is none"), (f"http://{64 * 'a'}.example.org/", "is none"),
     ("http://[::1%25lo]/", "is none"), ("http://host:0/", "is none")],
)  # fmt: skip
def test_addresses_that_cannot_be(url, said):
    with pytest.raises(InputError, match=said) as raised:
        check_webhook(url, SECRET)
    assert "word" not in str(raised.value).replace("password", "")


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [("http://[::1]/x", "::1", 80), ("https://[2001:db8::abcd]/x", "2001:db8::abcd", 443),
     ("https://[2001:db8::7]:8443/x", "2001:db8::7", 8443), ("https://host/x", "host", 443)],
)  # fmt: skip
def test_an_address_is_read_as_it_was_meant(url, host, port):
    check_webhook(url, SECRET)
    connection = Endpoint(url, SECRET, [])._connection()
    assert (connection.host, connection.port) == (host, port)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_----------", "whsec_8PHy8_T19vf4-fv_", "whsec_x"])
def test_a_key_that_is_none_or_another_than_was_meant_signs_nothing(secret):
    with pytest.raises(InputError, match="whsec_"):
        check_webhook("https://host/", secret)


def test_whatever_happens_as_it_sends_it_goes_on(receiver):
    endpoint = Endpoint("http://hooks..example.org/", SECRET, [], 0.05)
    endpoint.tell([Event("1", "violation", 0.0, {})])
    endpoint.start()
    until(lambda: endpoint.problem)
    assert "Unicode" in endpoint.problem
    assert endpoint._thread.is_alive()
    endpoint.close()


def test_webhooks_need_a_secret(tmp_path, capsys):
    assert main(["serve", str(tmp_path), "webhooks=['http://127.0.0.1:9/']"]) == 2
    assert "webhooks are signed" in capsys.readouterr().err
