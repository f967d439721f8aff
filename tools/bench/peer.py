"""One peer, one workload, one process: ``python -m tools.bench.peer NAME WORKLOAD``.

It prints JSON: milliseconds of the first step (from ``compile`` on), of a steady
``train_on_batch`` (median), per step of ``fit``, and of ``predict_on_batch``; or why
the peer is absent.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tools.bench.workloads import WORKLOADS

PEERS = (
    "seqir", "keras-tensorflow", "keras-jax", "keras-torch", "torch", "onnxsim",
)  # fmt: skip
STEPS = 40


def measure_keras(keras: Any, workload: str) -> dict[str, float]:
    """The times of anything that has Keras's interface."""
    work = WORKLOADS[workload]
    batch = work.batch
    x, y = work.data(STEPS)
    keras.utils.set_random_seed(1)
    model = work.make(keras)
    chosen: Any = work.optimizer
    if chosen == "sgd":
        chosen = keras.optimizers.SGD(0.01, momentum=0.9)
    start = time.perf_counter()
    model.compile(chosen, work.loss)
    model.train_on_batch(x[:batch], y[:batch])
    first = time.perf_counter() - start
    for _ in range(5):
        model.train_on_batch(x[:batch], y[:batch])
    times: list[float] = []
    for i in range(STEPS):
        part = slice(i * batch, (i + 1) * batch)
        start = time.perf_counter()
        float(np.asarray(model.train_on_batch(x[part], y[part])))
        times.append(time.perf_counter() - start)
    model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
    start = time.perf_counter()
    model.fit(x, y, batch_size=batch, epochs=2, verbose=0)
    per_step = (time.perf_counter() - start) / (2 * STEPS)
    predicted: list[float] = []
    for _ in range(STEPS + 5):
        start = time.perf_counter()
        model.predict_on_batch(x[:batch])
        predicted.append(time.perf_counter() - start)
    found = {
        "first": first,
        "step": statistics.median(times),
        "fit": per_step,
        "predict": statistics.median(predicted[5:]),
    }
    return {name: value * 1e3 for name, value in found.items()}


def timed(start: float, step: Callable[[int], object]) -> dict[str, float]:
    """The times of a peer that has steps only: `fit` is a loop over them."""
    step(0)
    first = time.perf_counter() - start
    times: list[float] = []
    for i in [0] * 5 + list(range(STEPS)):
        begun = time.perf_counter()
        step(i)
        times.append(time.perf_counter() - begun)
    median = statistics.median(times[5:]) * 1e3
    return {"first": first * 1e3, "step": median, "fit": median}


def measure_torch(workload: str) -> dict[str, float]:
    """Plain PyTorch, eager."""
    import torch  # pyright: ignore[reportMissingModuleSource]
    from torch import nn  # pyright: ignore[reportMissingModuleSource]

    work = WORKLOADS[workload]
    batch = work.batch
    torch.manual_seed(0)

    def block(i: int, o: int) -> list[Any]:
        convolution = nn.Conv2d(i, o, 3, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2)]

    class Mean(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.mean(1)

    class Last(nn.Module):
        def forward(self, x: Any) -> Any:
            return x[0][:, -1]

    class Scores(nn.Module):
        def forward(self, x: Any) -> Any:  # of two classes, so that one loss does
            return torch.cat([torch.zeros_like(x), x], 1)

    coder = [
        nn.TransformerEncoderLayer(256, 8, 1024, 0.0, batch_first=True)
        for _ in range(4)
    ]
    body = [*block(3, 32), *block(32, 64), *block(64, 128)]
    body += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    models: dict[str, list[Any]] = {
        "MLP": [nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(),
                nn.Linear(512, 10)],
        "CNN": [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3),
                nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5),
                nn.Linear(1600, 10)],
        "batch-normalized CNN": [*body, nn.Linear(128, 10)],
        "frozen CNN, new head": [*body, nn.Linear(128, 10)],
        "LSTM": [nn.Embedding(20_000, 128), nn.LSTM(128, 64, batch_first=True), Last(),
                 nn.Linear(64, 1), Scores()],
        "encoder": [*coder, Mean(), nn.Linear(256, 10)],
    }  # fmt: skip
    if workload not in models:
        raise NotImplementedError(f"{workload} is not written down for it")
    model = nn.Sequential(*models[workload])
    if workload.startswith("frozen"):
        model[:-1].requires_grad_(False).eval()
    x, y = work.data(STEPS)
    images = torch.from_numpy(x if x.ndim < 4 else np.moveaxis(x, -1, 1).copy())
    labels = torch.from_numpy(y.astype(np.int64))
    start = time.perf_counter()
    trained = [p for p in model.parameters() if p.requires_grad]
    if work.optimizer == "adam":
        chosen: Any = torch.optim.Adam(trained)
    else:
        chosen = torch.optim.SGD(trained, 0.01, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()

    def step(i: int) -> float:
        part = slice(i * batch, (i + 1) * batch)
        chosen.zero_grad()
        loss = loss_of(model(images[part]), labels[part])
        loss.backward()
        chosen.step()
        return float(loss.detach())

    return timed(start, step)


def measure_onnxsim(workload: str) -> dict[str, float]:
    """onnxsim's training loop over the forward pass that seqir exports.

    It takes models of fixed sizes without batch statistics or dropout, so the loss of
    one-hot targets is part of the model, and dropout is left out.
    """
    import onnxsim

    import seqir
    from seqir import lower, ops, passes
    from seqir.network.base import arrays_of

    work = WORKLOADS[workload]
    batch = work.batch
    if work.words or workload in ("encoder", "ConvLSTM2D"):
        raise NotImplementedError(f"{workload} is not written down for it")
    stack = [layer for layer in work.make(seqir).layers if "dropout" not in layer.name]
    image = seqir.Input(work.shape, batch_size=batch, name="x")
    target = seqir.Input((10,), batch_size=batch, name="target")
    y = image
    for layer in stack:
        y = layer(y)
    loss = ops.mean(ops.sum(ops.negative(target * ops.log(y + 1e-7)), -1))
    model = seqir.Model([image, target], loss, name="loss")
    graph, variables = model.trace_graph()
    graph = passes.bind(graph, arrays_of(variables))
    proto = lower.to_proto(lower.lower(passes.run(graph, passes.STRUCTURE)))
    images, labels = work.data(STEPS)
    hot = np.eye(10, dtype=np.float32)[labels]
    start = time.perf_counter()
    loop = onnxsim.compile_training_loop(proto, model.output_names[0], list(variables))

    def step(i: int) -> None:
        part = slice(i * batch, (i + 1) * batch)
        loop({"x": images[part], "target": hot[part]}, lr=1e-3)

    return timed(start, step)


def main() -> None:
    """Measure and print."""
    name, workload = sys.argv[1:3]
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        if name == "torch":
            found: dict[str, Any] = measure_torch(workload)
        elif name == "onnxsim":
            found = measure_onnxsim(workload)
        elif name == "seqir":
            found = measure_keras(importlib.import_module("seqir"), workload)
        else:
            backend = name.removeprefix("keras-")
            os.environ["KERAS_BACKEND"] = backend
            importlib.import_module(backend)
            found = measure_keras(importlib.import_module("keras"), workload)
    except ModuleNotFoundError as error:
        found = {"absent": f"{error.name} is not installed"}
    except Exception as error:  # what a peer cannot do is a row of the table
        found = {"absent": f"{type(error).__name__}: {str(error)[:60]}"}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
