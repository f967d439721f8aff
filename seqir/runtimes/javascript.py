"""Models under Node.js, by a package of npm that has ONNX Runtime's interface."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

PROGRAM: Final = r"""
const fs = require("fs"), path = require("path");
const [, model, name, folder] = process.argv;
const ort = require(name);
const arrays = {
  float32: Float32Array, float64: Float64Array, int32: Int32Array, uint32: Uint32Array,
  int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array,
  int64: BigInt64Array, uint64: BigUint64Array, bool: Uint8Array,
  float16: globalThis.Float16Array || Uint16Array,
};
function read({name, dtype, dims}, place) {
  const file = path.join(folder, `x${place}`);
  if (dtype === "string") {
    return new ort.Tensor("string", JSON.parse(fs.readFileSync(file, "utf8")), dims);
  }
  if (!(dtype in arrays)) throw new Error(`its tensors cannot be ${dtype}`);
  const bytes = fs.readFileSync(file), kind = arrays[dtype];
  const buffer = new Uint8Array(bytes).buffer;
  return new ort.Tensor(dtype, new kind(buffer), dims);
}
function write(tensor, place) {
  const file = path.join(folder, `y${place}`);
  const {buffer, byteOffset, byteLength} = tensor.data;
  if (tensor.type === "string") fs.writeFileSync(file, JSON.stringify(tensor.data));
  else fs.writeFileSync(file, Buffer.from(buffer, byteOffset, byteLength));
  return {dtype: tensor.type, dims: tensor.dims};
}
function source() {
  const options = {logSeverityLevel: 4};
  if (name === "onnxruntime-node") return [model, options];
  const bytes = fs.readFileSync(model), home = path.dirname(model);
  const beside = fs.readdirSync(home, {withFileTypes: true}).filter(
    (f) => f.isFile() || f.isSymbolicLink()).map((f) => f.name);
  const named = beside.filter((f) => f !== path.basename(model) && bytes.includes(f));
  options.externalData = named.map(
    (f) => ({path: f, data: fs.readFileSync(path.join(home, f))}));
  options.executionProviders = ["wasm"];
  return [bytes, options];
}
async function main() {
  const session = await ort.InferenceSession.create(...source());
  const say = (thing) => process.stdout.write(JSON.stringify(thing) + "\n");
  say({names: session.outputNames});
  const lines = require("readline").createInterface({input: process.stdin});
  for await (const line of lines) {
    try {
      const feeds = {};
      JSON.parse(line).forEach((x, place) => { feeds[x.name] = read(x, place); });
      const found = await session.run(feeds);
      say({outputs: session.outputNames.map((name, i) => write(found[name], i))});
    } catch (error) { say({error: error.message}); }
  }
}
main().catch((error) => {
  process.stdout.write(JSON.stringify({error: error.message || String(error)}) + "\n");
});
"""
"""Answers lines of JSON with lines of JSON; arrays go as files of bytes."""


def load(model: str, package: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """The file, ready to run by a package of npm."""
    folder = tempfile.TemporaryDirectory()
    process = subprocess.Popen(
        [os.environ["SEQIR_NODE"], "-e", PROGRAM, model, package, folder.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    to, answers = process.stdin, process.stdout

    def heard() -> Any:
        for line in answers:
            if line.startswith("{"):
                found = json.loads(line)
                if "error" in found:
                    raise RuntimeError(found["error"])
                return found
        raise RuntimeError(f"Node.js ended with code {process.wait()}")

    names: list[str] = heard()["names"]
    place = Path(folder.name)

    def run(feeds: Mapping[str, Any]) -> dict[str, Any]:
        described: list[dict[str, Any]] = []
        for i, (name, x) in enumerate(feeds.items()):
            text = x.dtype.kind in "OU"
            dtype = "string" if text else x.dtype.name
            described.append({"name": name, "dtype": dtype, "dims": x.shape})
            data = json.dumps(x.ravel().tolist()).encode() if text else x.tobytes()
            (place / f"x{i}").write_bytes(data)
        to.write(json.dumps(described) + "\n")
        to.flush()
        outputs = enumerate(heard()["outputs"])
        found = [_array(place / f"y{i}", each) for i, each in outputs]
        return dict(zip(names, found, strict=True))

    run.folder = folder  # pyright: ignore[reportFunctionMemberAccess] # it stays as long
    return run


def _array(path: Path, described: dict[str, Any]) -> Any:
    dims, dtype = described["dims"], described["dtype"]
    data = path.read_bytes()
    if dtype == "string":
        return np.array(json.loads(data), object).reshape(dims)
    return np.frombuffer(data, dtype).reshape(dims)
