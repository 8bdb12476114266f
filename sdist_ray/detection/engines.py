"""What runs a model: ONNX Runtime or OpenCV. Both say which device they really use."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.detection.onnx_file import ModelFile
from sdist_ray.errors import InputError

BACKENDS = ("auto", "onnxruntime", "opencv")
DEVICES = ("auto", "cpu", "cuda")

Tensor = npt.NDArray[np.float32]


class Engine(Protocol):
    """A model that is ready to run; any thread may ask it."""

    name: str

    @property
    def device(self) -> str:
        """Where it really runs: "cpu" or "cuda"."""
        ...

    def run(self, batch: Tensor) -> list[Tensor]:
        """All outputs for one input (n, 3, height, width), in the graph's order."""
        ...


def open_engine(model: ModelFile, backend: str, device: str, threads: int) -> tuple[Engine, list[str]]:
    """Make a model ready.

    Args:
        model: the file.
        backend: one of BACKENDS; "auto" is ONNX Runtime where it is installed and OpenCV otherwise.
        device: one of DEVICES; "auto" is a GPU where one can be used.
        threads: that one image may use, at least 1. OpenCV has one number of threads for the whole process.

    Returns:
        The engine, and warnings, a line each: what was to be had, and was not used.

    Raises:
        InputError: the backend is not installed, it cannot read the model, or there is no such device.
    """
    warnings: list[str] = []
    runtime = None if backend == "opencv" else _onnxruntime(required=backend == "onnxruntime")
    engine: Engine
    if runtime is not None:
        offered = "CUDAExecutionProvider" in runtime.get_available_providers()
        engine = OnnxRuntimeEngine(runtime, model, device != "cpu" and offered, threads)
        hint = "it offers CUDA but could not use it" if offered else "pip install 'sdist-ray[gpu]' has CUDA"
    else:
        offered = _opencv_has_cuda()
        engine = OpenCvEngine(model, device != "cpu" and offered, threads)
        hint = "it offers CUDA but could not use it" if offered else "this build of it has no CUDA"
    if device == "cuda" and engine.device != "cuda":
        raise InputError(
            f"detector.device=cuda: {engine.name} has no GPU to use here ({hint}); "
            "say detector.device=auto or cpu"
        )
    if device == "auto" and offered and engine.device != "cuda":
        warnings.append(f"{engine.name} offers CUDA but could not use it: detection runs on the CPU")
    return engine, warnings


class OnnxRuntimeEngine:
    """A session of ONNX Runtime."""

    name = "onnxruntime"

    def __init__(self, runtime: Any, model: ModelFile, cuda: bool, threads: int) -> None:
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait by spinning would take the CPU from decoding and counting.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        self._session: Any = None
        if cuda:
            with contextlib.suppress(Exception):
                # Finds the CUDA libraries that pip installed.
                runtime.preload_dlls()
            with contextlib.suppress(Exception):
                providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
                self._session = self._open(runtime, model, options, providers)
        try:
            if self._session is None:
                self._session = self._open(runtime, model, options, ["CPUExecutionProvider"])
        except Exception as error:
            raise InputError(f"{model.path}: ONNX Runtime cannot read it ({_reason(error)})") from error
        self._path = model.path
        self._input = model.inputs[0].name

    @staticmethod
    def _open(runtime: Any, model: ModelFile, options: Any, providers: list[str]) -> Any:
        # Its own fallback would print to standard output.
        return runtime.InferenceSession(model.data, options, providers=providers, enable_fallback=0)

    @property
    def device(self) -> str:
        """See Engine: what the session has, which may be less than was asked for, and may change."""
        return "cuda" if "CUDAExecutionProvider" in self._session.get_providers() else "cpu"

    def run(self, batch: Tensor) -> list[Tensor]:
        """See Engine."""
        try:
            return list(self._session.run(None, {self._input: batch}))
        except Exception as error:
            raise InputError(f"{self._path}: ONNX Runtime cannot run it ({_reason(error)})") from error


class OpenCvEngine:
    """A network of OpenCV's DNN module."""

    name = "opencv"

    def __init__(self, model: ModelFile, cuda: bool, threads: int) -> None:
        cv2.setNumThreads(threads)
        # The new engine is two to four times as fast, and knows the CPU only; where it lacks a layer, auto
        # goes back to the classic one.
        engine = cv2.dnn.ENGINE_CLASSIC if cuda else cv2.dnn.ENGINE_AUTO
        data = np.frombuffer(model.data, dtype=np.uint8)
        try:
            with _quiet():
                self._net = cv2.dnn.readNetFromONNX(data, engine)
                if cuda:
                    self._net.setPreferableBackend(cv2.dnn.DNN_BACKEND_CUDA)
                    self._net.setPreferableTarget(cv2.dnn.DNN_TARGET_CUDA)
        except cv2.error as error:
            raise InputError(f"{model.path}: OpenCV cannot read it ({_reason(error)})") from error
        self._path = model.path
        self._outputs = [output.name for output in model.outputs]
        self._lock = threading.Lock()
        self.device = "cuda" if cuda else "cpu"

    def run(self, batch: Tensor) -> list[Tensor]:
        """See Engine."""
        try:
            # A network keeps its input between two calls, so threads take turns.
            with self._lock, _quiet():
                self._net.setInput(batch)
                found: Sequence[Any] = self._net.forward(self._outputs)
                return [np.array(output, dtype=np.float32) for output in found]
        except cv2.error as error:
            raise InputError(f"{self._path}: OpenCV cannot run it ({_reason(error)})") from error


def _onnxruntime(required: bool) -> Any:
    """The module; None where it is not installed and need not be."""
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        if required:
            raise InputError(
                "detector.backend=onnxruntime needs ONNX Runtime: pip install 'sdist-ray[onnx]'"
            ) from error
        return None


def _opencv_has_cuda() -> bool:
    return cv2.dnn.DNN_TARGET_CUDA in cv2.dnn.getAvailableTargets(cv2.dnn.DNN_BACKEND_CUDA)


_quiet_lock = threading.Lock()
_quiet_now = 0
_level_before = 0


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV raises what is wrong; its own account of it on standard error is not wanted.

    Its level is the whole process's: the last thread that leaves brings back what the first one found.
    """
    global _quiet_now, _level_before
    logging = cv2.utils.logging
    with _quiet_lock:
        if not _quiet_now:
            _level_before = logging.getLogLevel()
            logging.setLogLevel(logging.LOG_LEVEL_SILENT)
        _quiet_now += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_now -= 1
            if not _quiet_now:
                logging.setLogLevel(_level_before)


def _reason(error: Exception) -> str:
    """An engine's error in some 160 characters of one line."""
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else f"{text[:159]}…"
