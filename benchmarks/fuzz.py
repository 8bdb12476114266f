"""Feeds damaged files to everything that reads one: crashes and hangs are counted, and must be none.

    python -m benchmarks.fuzz seconds=600 [processes=1] [seed=1] [only=JPEG] [fresh=true]

Files in good order are damaged at random, by their structure (values, columns, lines, words) and by their
bytes, and read as the project reads them. Right is a result, or a refusal of the kind that the reader
promises (for a command: one line, exit code 2). A crash is any other exception, a signal that ends the
process, or more memory than 3 GB; a hang is an input that takes more than 20 s of CPU time, or 3 minutes.
Readers run in processes of their own, which are started anew after either. Results are added to those of
former runs (fresh=true: begin anew), which go on where they ended: a seed's inputs are always the same.
``number=N only=READER`` feeds one input, with its traceback.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.fuzzing.worker import READERS, work

RESULTS = Path(__file__).parent / "results" / "fuzz.json"
CPU_S, WALL_S, BEGIN_S, LOOK_S = 20.0, 180.0, 600.0, 2.0
ENDLESS = 1 << 40
KEPT = 40
"""Different crashes that are described."""
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Reading:
    """One reader: processes that feed it, one after the other, and what came of it."""

    def __init__(self, name: str, seed: str, known: dict[str, Any]) -> None:
        self.name, self.seed = name, seed
        self.found: dict[str, Any] = {"inputs": 0, "accepted": 0, "refused": 0, "seconds": 0.0, "faults": []}
        self.found |= known
        self._number = -1

    def feed(self, seconds: float) -> None:
        """Feed it for so long; what its processes need to begin does not count."""
        left_s = seconds
        while left_s > 0:
            left_s -= self._process(left_s)

    def _process(self, left_s: float) -> float:
        """One process: until the time is over, it ends, or an input takes too long. Seconds that it fed."""
        hear, say = os.pipe()
        words = [sys.executable, "-m", "benchmarks.fuzzing.worker", self.name, self.seed]
        words += [str(self.found["inputs"]), str(ENDLESS), str(say)]
        process = subprocess.Popen(
            words, pass_fds=[say], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        assert process.stderr is not None
        tail = _Tail(process.stderr)
        os.close(say)
        try:
            fed_s = self._hear(process, hear, left_s, tail)
        finally:
            process.kill()
            process.wait()
            os.close(hear)
        self.found["seconds"] += fed_s
        return fed_s

    def _hear(self, process: subprocess.Popen[bytes], hear: int, left_s: float, tail: _Tail) -> float:
        waiting, self._number, began_s = b"", -1, 0.0
        looked_s = time.monotonic()
        since_s, cpu_s, now_s = 0.0, 0.0, 0.0
        while True:
            ready, _, _ = select.select([hear], [], [], 0.5)
            # A longer look was none: all of it was stopped meanwhile, which is no hang.
            now_s += min(time.monotonic() - looked_s, LOOK_S)
            looked_s = time.monotonic()
            if ready:
                data = os.read(hear, 1 << 16)
                if not data:
                    code = process.wait()
                    if self._number < 0:
                        raise RuntimeError(f"{self.name}: no input was fed: {tail.text()}")
                    what = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                    self._fault("crash", {"error": what, "where": "the process", "message": tail.text()})
                    return now_s - began_s
                *lines, waiting = (waiting + data).split(b"\n")
                for line in lines:
                    self._line(line)
                began_s = began_s or now_s
                since_s, cpu_s = now_s, _cpu_s(process.pid)
            elif self._number >= 0 and (_cpu_s(process.pid) - cpu_s > CPU_S or now_s - since_s > WALL_S):
                self._fault("hang", {"error": "hang", "where": "the process", "message": tail.text()})
                return now_s - began_s
            elif self._number < 0 and now_s - since_s > BEGIN_S:
                raise RuntimeError(f"{self.name}: no input was fed within {BEGIN_S:g} s: {tail.text()}")
            # An input that is under way is waited for, or its hang would never be seen.
            if began_s and now_s - began_s > left_s and ready:
                return now_s - began_s

    def _line(self, line: bytes) -> None:
        kind, rest = line[:1], line[1:]
        if kind == b"s":
            self._number = int(rest)
            return
        self.found["inputs"] = self._number + 1
        if kind == b"c":
            self._fault("crash", json.loads(rest))
        else:
            self.found["accepted" if kind == b"a" else "refused"] += 1

    def _fault(self, kind: str, what: dict[str, Any]) -> None:
        self.found["inputs"] = self._number + 1
        for known in self.found["faults"]:
            if (known["kind"], known["error"], known["where"]) == (kind, what["error"], what["where"]):
                known["times"] += 1
                return
        if len(self.found["faults"]) < KEPT:
            fault = {"kind": kind, "times": 1, "seed": self.seed, "number": self._number}
            self.found["faults"].append(fault | what)


class _Tail:
    """The last of what a process says to standard error."""

    def __init__(self, stream: Any) -> None:
        self._last = b""
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: Any) -> None:
        while data := stream.read1(1 << 16):
            self._last = (self._last + data)[-1500:]

    def text(self) -> str:
        """It."""
        self._thread.join(1.0)
        return self._last.decode(errors="replace")


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def totals(readers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Over all readers."""
    faults = [fault for found in readers.values() for fault in found["faults"]]
    return {
        "inputs": sum(found["inputs"] for found in readers.values()),
        "accepted": sum(found["accepted"] for found in readers.values()),
        "refused": sum(found["refused"] for found in readers.values()),
        "crashes": sum(fault["times"] for fault in faults if fault["kind"] == "crash"),
        "hangs": sum(fault["times"] for fault in faults if fault["kind"] == "hang"),
        "different": len(faults),
        "seconds": round(sum(found["seconds"] for found in readers.values()), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", default="", help="the readers whose names contain this")
    parser.add_argument("--number", type=int, help="feed this input alone, here")
    parser.add_argument("--fresh", default="false", choices=("true", "false"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    words = [word if word.startswith("-") else f"--{word}" for word in sys.argv[1:]]
    arguments = parser.parse_args(words)
    chosen = [name for name in READERS if arguments.only in name]
    if not chosen:
        parser.error(f"only={arguments.only}: no such reader; there are {', '.join(READERS)}")
    if arguments.number is not None:
        for name in chosen:
            work(name, arguments.seed, arguments.number, arguments.number + 1, 1)
        return
    known: dict[str, Any] = {}
    if arguments.fresh == "false" and arguments.results.exists():
        known = json.loads(arguments.results.read_text())["readers"]
    readings = [Reading(name, arguments.seed, known.get(name, {})) for name in chosen]
    share = arguments.seconds * arguments.processes / len(readings)
    with ThreadPoolExecutor(arguments.processes) as pool:
        for fed in [pool.submit(reading.feed, share) for reading in readings]:
            fed.result()
    readers = known | {reading.name: reading.found for reading in readings}
    result = {"seed": arguments.seed, **totals(readers), "readers": readers}
    arguments.results.parent.mkdir(exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=2) + "\n")
    for name, found in readers.items():
        faults = sum(fault["times"] for fault in found["faults"])
        print(f"{name}: {found['inputs']} inputs, {found['accepted']} accepted, {faults} faults")
    print(json.dumps({key: value for key, value in result.items() if key != "readers"}))


if __name__ == "__main__":
    main()
