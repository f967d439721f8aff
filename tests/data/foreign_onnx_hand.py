"""Files as old tools wrote them, and parts of ONNX that layers do not use.

The graphs are written in ONNX's own text form; what they compute is written beside
them in NumPy and PyTorch.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import torch
from foreign_onnx_entry import Entry
from onnx import TensorProto, helper, numpy_helper, parser
from torch.nn import functional as F

RNG = np.random.default_rng(0)
TOOL = "onnx.helper"


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def made(text: str, weights: dict[str, Any] | None = None) -> onnx.ModelProto:
    """The model of a text, with arrays as initializers; for IR 3 as inputs, too."""
    model = parser.parse_model(text)
    for name, array in (weights or {}).items():
        tensor = numpy_helper.from_array(array, name)
        model.graph.initializer.append(tensor)
        if model.ir_version == 3:
            model.graph.input.append(
                helper.make_tensor_value_info(name, tensor.data_type, array.shape)
            )
    return model


def entry(
    name: str, model: onnx.ModelProto, x: Any, y: Any, kind: str = "numbers"
) -> Entry:
    return Entry(f"hand_{name}", model, x, y, TOOL, kind)


def old_layers() -> Iterator[Entry]:
    x, w, b = normal(4, 3), normal(5, 3), normal(5)
    scale, bias, mean = normal(5), normal(5), normal(5)
    spread = np.abs(normal(5)) + 0.5
    hidden = np.maximum(x @ w.T + 0.5 * b, 0)
    y = (hidden - mean) / np.sqrt(spread + 1e-3) * scale + bias
    model = made(
        """<ir_version: 3, opset_import: ["": 7]>
        mlp (float[?, 3] x) => (float[?, 5] y, float[?, 5] z) {
            h = Gemm <alpha = 1.0, beta = 0.5, transA = 0, transB = 1> (x, w, b)
            r = Relu (h)
            y = BatchNormalization <epsilon = 0.001, momentum = 0.9, spatial = 1>
                (r, scale, bias, mean, spread)
            d, mask = Dropout <ratio = 0.4> (y)
            z = Softmax (d)
        }""",
        {"w": w, "b": b, "scale": scale, "bias": bias, "mean": mean, "spread": spread},
    )
    softmax = np.exp(y) / np.exp(y).sum(1, keepdims=True)
    yield entry("ir3_mlp", model, [x], [y, softmax.astype(np.float32)])

    x, w, b = normal(2, 3, 6, 6), normal(4, 3, 3, 3), normal(4)
    a = F.conv2d(torch.tensor(x), torch.tensor(w), torch.tensor(b), padding=1)
    p = F.max_pool2d(a, 2)
    q = F.avg_pool2d(a, 3, 2, padding=1, count_include_pad=True)
    s = p + q + p
    m = torch.maximum(torch.maximum(s, q), p)
    model = made(
        """<ir_version: 3, opset_import: ["": 8]>
        cnn (float[N, 3, 6, 6] x) => (float[N, 36] y) {
            a = Conv <auto_pad = "SAME_UPPER"> (x, w, b)
            p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (a)
            q = AveragePool <kernel_shape = [3, 3], strides = [2, 2],
                pads = [1, 1, 1, 1], count_include_pad = 1> (a)
            s = Sum (p, q, p)
            m = Max (s, q, p)
            y = Flatten (m)
        }""",
        {"w": w, "b": b},
    )
    yield entry("ir3_cnn", model, [x], [m.flatten(1).numpy()])

    x = normal(2, 3, 2, 2)
    y = np.repeat(np.repeat(x, 2, 2), 3, 3)
    text = """<ir_version: 4, opset_import: ["": 9]>
        up (float[N, 3, 2, 2] x) => (float[N, 3, h, w] y) {
            scales = Constant <value = float[4] {1, 1, 2, 3}> ()
            y = Upsample <mode = "nearest"> (x, scales)
        }"""
    yield entry("upsample_9", made(text), [x], [y])
    text = """<ir_version: 3, opset_import: ["": 7]>
        up (float[1, 3, 2, 2] x) => (float[1, 3, 4, 6] y) {
            y = Upsample <mode = "nearest", scales = [1.0, 1.0, 2.0, 3.0]> (x)
        }"""
    yield entry("upsample_7", made(text), [x[:1]], [y[:1]])
    text = """<ir_version: 5, opset_import: ["": 10]>
        up (float[N, 3, 2, 2] x) => (float[N, 3, 4, 6] y) {
            scales = Constant <value = float[4] {1, 1, 2, 3}> ()
            y = Resize <mode = "nearest"> (x, scales)
        }"""
    yield entry("resize_10", made(text), [x], [y])
    text = """<ir_version: 6, opset_import: ["": 11]>
        up (float[N, 3, 2, 2] x) => (float[N, 3, 4, 6] y) {
            none = Constant <value = float[0] {}> ()
            sizes = Constant <value = int64[2] {4, 6}> ()
            shape = Shape (x)
            zero = Constant <value = int64[1] {0}> ()
            two = Constant <value = int64[1] {2}> ()
            first = Slice (shape, zero, two)
            all = Concat <axis = 0> (first, sizes)
            y = Resize <mode = "linear",
                coordinate_transformation_mode = "align_corners"> (x, none, none, all)
        }"""
    y = F.interpolate(torch.tensor(x), (4, 6), mode="bilinear", align_corners=True)
    yield entry("resize_11", made(text), [x], [y.numpy()])


def old_attributes() -> Iterator[Entry]:
    x = normal(2, 3, 4)
    cut = np.clip(x, -0.5, 0.8)
    part = cut[:, 1:3, ::1][:, :, -3:]
    wide = np.pad(part, ((0, 0), (1, 0), (0, 2)), constant_values=7)
    total = wide.sum((0, 2))[None, :, None]
    text = """<ir_version: 3, opset_import: ["": 9]>
        old (float[2, 3, 4] x) => (float[2, 3, 5] wide, float[1, 3, 1] total,
                float[2, 1, 4] a, float[2, 2, 4] b, float[2, 3, 2] best,
                int64[2, 3, 2] place) {
            cut = Clip <min = -0.5, max = 0.8> (x)
            part = Slice <axes = [1, 2], starts = [1, -3],
                ends = [3, 9223372036854775807]> (cut)
            wide = Pad <mode = "constant", value = 7.0,
                pads = [0, 1, 0, 0, 0, 2]> (part)
            flat = ReduceSum <axes = [0, 2], keepdims = 0> (wide)
            most = Unsqueeze <axes = [0, 2]> (flat)
            less = Squeeze <axes = [0]> (most)
            total = Unsqueeze <axes = [0]> (less)
            a, b = Split <axis = 1, split = [1, 2]> (x)
            best, place = TopK <axis = -1, k = 2> (x)
        }"""
    place = np.argsort(-x, -1)[..., :2]
    best = np.take_along_axis(x, place, -1)
    expected = [wide, total, x[:, :1], x[:, 1:], best, place]
    yield entry("attributes_9", made(text), [x], expected)

    x = normal(2, 3, 4)
    flat = x.reshape(2, 12)
    soft = np.exp(flat) / np.exp(flat).sum(1, keepdims=True)
    hard = (flat == flat.max(1, keepdims=True)).astype(np.float32)
    text = """<ir_version: 6, opset_import: ["": 11]>
        soft (float[N, 3, 4] x) => (float[N, 3, 4] y, float[N, 3, 4] z,
                float[N, 3, 4] h, float[N, 3, 4] last) {
            y = Softmax (x)
            z = LogSoftmax <axis = 1> (x)
            h = Hardmax (x)
            last = Softmax <axis = 2> (x)
        }"""
    last = np.exp(x) / np.exp(x).sum(2, keepdims=True)
    expected = [a.reshape(x.shape) for a in (soft, np.log(soft), hard)] + [last]
    yield entry("softmax_11", made(text), [x], expected)

    text = """<ir_version: 3, opset_import: ["": 9]>
        old (float[3, 4] x, int64[2] rows) => (float[3, 4] y, float[3, 4] g) {
            depth = Constant <value = int64 {3}> ()
            values = Constant <value = float[2] {0.0, 2.0}> ()
            hot = OneHot <axis = -1> (rows, depth, values)
            sums = ReduceMax <axes = [0], keepdims = 0> (hot)
            column = Unsqueeze <axes = [1]> (sums)
            y = Mul (x, column)
            size = Shape (x)
            zeros = ConstantOfShape <value = float[1] {0.0}> (size)
            where = Constant <value = int64[1, 4] {0, 1, 2, 0}> ()
            what = Constant <value = float[1, 4] {1, 2, 3, 4}> ()
            g = Scatter <axis = 0> (zeros, where, what)
        }"""
    x, rows = normal(3, 4), np.array([2, 0])
    column = np.array([[2.0], [0.0], [2.0]], np.float32)
    g = np.zeros((3, 4), np.float32)
    g[[0, 1, 2, 0], range(4)] = [1, 2, 3, 4]
    yield entry("one_hot_9", made(text), [x, rows], [x * column, g])


def bodies() -> Iterator[Entry]:
    x = normal(3, 4)
    for opset in (9, 11, 16):
        axes = "" if opset == 16 else "<axes = [0, 1], keepdims = 0>"
        more = "<keepdims = 0>" if opset == 16 else axes
        text = f"""<ir_version: 8, opset_import: ["": {opset}]>
            choice (float[N, 4] x) => (float[N, 4] y) {{
                total = ReduceSum {more} (x)
                zero = Constant <value = float {{0.0}}> ()
                positive = Greater (total, zero)
                y = If (positive) <
                    then_branch = more () => (float[N, 4] a) {{
                        two = Constant <value = float {{2.0}}> ()
                        a = Mul (x, two)
                    }},
                    else_branch = less () => (float[N, 4] b) {{
                        small = Less (zero, total)
                        b = If (small) <
                            then_branch = one () => (float[N, 4] c) {{
                                c = Neg (x)
                            }},
                            else_branch = two () => (float[N, 4] d) {{
                                d = Sub (x, total)
                            }}
                        >
                    }}
                >
            }}"""
        part = x if opset == 9 else -np.abs(x)
        y = part * 2 if part.sum() > 0 else part - part.sum()
        yield entry(f"if_{opset}", made(text), [part], [y], "control")

    text = """<ir_version: 8, opset_import: ["": 16]>
        powers (float[n] x, int64 times)
                => (float[n] last, float[k, n] all, bool still) {
            yes = Constant <value = bool {1}> ()
            limit = Constant <value = float {100.0}> ()
            last, still, all = Loop (times, yes, x, yes) <
                body = step (int64 i, bool go, float[n] v, bool was)
                        => (bool again, float[n] next, bool now, float[n] kept) {
                    next = Add (v, x)
                    top = ReduceMax <keepdims = 0> (next)
                    again = Less (top, limit)
                    now = Not (was)
                    kept = Identity (next)
                }
            >
        }"""
    x = np.abs(normal(3))
    all_ = np.stack([x * (i + 2) for i in range(4)])
    expected = [all_[-1], all_, np.array(True)]
    yield entry("loop_16", made(text), [x, np.array(4)], expected, "control")
    text = text.replace("16]", "11]").replace("ir_version: 8", "ir_version: 6")
    yield entry("loop_11", made(text), [x, np.array(4)], expected, "control")

    text = """<ir_version: 7, opset_import: ["": 13]>
        walk (float[2] start, float[time, 2] xs)
                => (float[2] last, float[time, 2] back, float[time] sums) {
            last, back, sums = Scan <num_scan_inputs = 1,
                scan_input_directions = [1], scan_output_directions = [1, 0],
                body = step (float[2] state, float[2] x)
                        => (float[2] next, float[2] out, float s) {
                    next = Add (state, x)
                    out = Identity (next)
                    s = ReduceSum <keepdims = 0> (x)
                }> (start, xs)
        }"""
    start, xs = normal(2), normal(5, 2)
    sums = start + np.cumsum(xs[::-1], 0, dtype=np.float32)
    expected = [sums[-1], sums[::-1], xs[::-1].sum(1)]
    yield entry("scan_13", made(text), [start, xs], expected, "control")

    text = """<ir_version: 8, opset_import: ["": 17, "local": 1, "other": 1]>
        outer (float[N, 4] x) => (float[N, 4] y, float[N, 4] z) {
            a = local.twice (x)
            y = other.scaled <by = 3.0> (a)
            z = other.scaled (x)
        }
        <domain: "other", opset_import: ["": 17, "local": 1]>
        scaled <by: float = 0.5> (x) => (y) {
            f = Constant <value_float: float = @by> ()
            p = Mul (x, f)
            y = local.twice (p)
        }
        <domain: "local", opset_import: ["": 17]>
        twice (x) => (y) { y = Add (x, x) }"""
    x = normal(2, 4)
    yield entry("functions", made(text), [x], [x * 12, x], "control")


def odd_values() -> Iterator[Entry]:
    x = normal(2, 3)
    text = """<ir_version: 7, opset_import: ["": 13]>
        optional (float[N, 3] x)
                => (float[N, 3] low, float[N, 3] high, float[N, 3] same) {
            zero = Constant <value_float = 0.0> ()
            low = Clip (x, zero)
            high = Clip (x, , zero)
            ratio = Constant <value_float = 0.5> ()
            off = Constant <value = bool {0}> ()
            d = Dropout (x, ratio, off)
            many = Constant <value_ints = [3]> ()
            floats = Constant <value_floats = [1.0, 1.0, 1.0]> ()
            same = Mul (d, floats)
        }"""
    expected = [np.maximum(x, 0), np.minimum(x, 0), x]
    yield entry("optional", made(text), [x], expected)

    w, r, x = normal(2, 8, 3), normal(2, 8, 2), normal(4, 2, 3)
    text = """<ir_version: 8, opset_import: ["": 14]>
        rnn (float[time, batch, 3] x, int32[batch] lengths)
                => (float[time, 2, batch, 2] y, float[2, batch, 2] c) {
            y, , c = LSTM <hidden_size = 2, direction = "bidirectional">
                (x, w, r, , lengths)
        }"""
    both, cell = lstm(x, w, r, [4, 2])
    lengths = np.array([4, 2], np.int32)
    model = made(text, {"w": w, "r": r})
    yield entry("lstm_lengths", model, [x, lengths], [both, cell], "sequence")

    text = """<ir_version: 9, opset_import: ["": 20, "ai.onnx.ml": 3]>
        words (string[N] a, string[N] b)
                => (string[N] both, bool[N] same, int64[N] ids) {
            both = StringConcat (a, b)
            same = Equal (a, b)
            ids = ai.onnx.ml.LabelEncoder <keys_strings = ["cat", "dog"],
                values_int64s = [4, 7], default_int64 = -1> (a)
        }"""
    a, b = np.array(["cat", "dog", "é"]), np.array(["s", "dog", ""])
    expected = [np.char.add(a, b), a == b, np.array([4, 7, -1])]
    yield entry("strings", made(text), [a, b], expected, "text")

    text = """<ir_version: 7, opset_import: ["": 13]>
        pieces (float[N, 4] x)
                => (seq(float[N, 2]) parts, float[N, 2] last, float[N, 6] all,
                    int64 n) {
            two = Constant <value = int64 {2}> ()
            at = Constant <value = int64 {-1}> ()
            parts = SplitToSequence <axis = 1> (x, two)
            last = SequenceAt (parts, at)
            more = SequenceInsert (parts, last)
            all = ConcatFromSequence <axis = 1> (more)
            n = SequenceLength (more)
        }"""
    x = normal(2, 4)
    parts = [x[:, :2], x[:, 2:]]
    expected = [parts, parts[1], np.concatenate([x, parts[1]], 1), np.array(3)]
    yield entry("sequence_out", made(text), [x], expected, "text")
    text = """<ir_version: 7, opset_import: ["": 13]>
        pieces (seq(float[N, 2]) parts) => (float[N, m] all) {
            all = ConcatFromSequence <axis = 1> (parts)
        }"""
    yield entry("sequence_in", made(text), [parts], [x], "text")

    text = """<ir_version: 8, opset_import: ["": 17]>
        kinds (double[N] d, uint8[N] u, int8[N] i, float16[N] h, bool[N] b, int32[N] n)
                => (double[N] dd, uint8[N] uu, float16[N] hh, float[N] all, bool[N] bb,
                    uint64[N] big) {
            dd = Exp (d)
            uu = Max (u, u)
            hh = Mul (h, h)
            f = Cast <to = 1> (i)
            g = Cast <to = 1> (b)
            fg = Add (f, g)
            m = Cast <to = 1> (n)
            all = Sub (fg, m)
            bb = Xor (b, b)
            big = Cast <to = 13> (u)
        }"""
    d = RNG.normal(size=3)
    u, i = np.array([0, 7, 255], np.uint8), np.array([-128, 0, 127], np.int8)
    h, b = normal(3).astype(np.float16), np.array([True, False, True])
    n = np.array([-5, 0, 2**20], np.int32)
    every = i.astype(np.float32) + b.astype(np.float32) - n.astype(np.float32)
    expected = [np.exp(d), u, h * h, every, b ^ b, u.astype(np.uint64)]
    yield entry("dtypes", made(text), [d, u, i, h, b, n], expected, "half")

    text = """<ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]>
        fused (float[N, 3] x) => (float[N, 2] y, float[N, 3] g) {
            y = com.microsoft.FusedMatMul <alpha = 0.5, transB = 1> (x, w)
            g = com.microsoft.Gelu (x)
        }"""
    x, w = normal(2, 3), normal(2, 3)
    gelu = F.gelu(torch.tensor(x)).numpy()
    yield entry("microsoft", made(text, {"w": w}), [x], [0.5 * x @ w.T, gelu])


def lstm(x: Any, w: Any, r: Any, lengths: list[int]) -> tuple[Any, Any]:
    """Hidden states of both directions and their last cells, gates i, o, f, c."""
    time, batch, _ = x.shape
    out = np.zeros((time, 2, batch, 2), np.float32)
    cells = np.zeros((2, batch, 2), np.float32)

    def sigmoid(a: Any) -> Any:
        return 1 / (1 + np.exp(-a))

    for way in (0, 1):
        for row, length in enumerate(lengths):
            h = c = np.zeros(2)
            for t in range(length) if way == 0 else reversed(range(length)):
                gates = w[way] @ x[t, row] + r[way] @ h
                i, o, f, g = gates.reshape(4, 2)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
                out[t, way, row] = h
            cells[way, row] = c
    return out, cells


def sizes_and_names() -> Iterator[Entry]:
    text = """<ir_version: 8, opset_import: ["": 17]>
        sizes (float[N, T, 4] x) => (float[N, T, 2, 2] a, float[m, 4] b,
                float[N, T, 4] c, int64[T] d, int64[3, k] e, float[N, 4, T] f,
                int64 g) {
            shape = Shape (x)
            lead = Shape <start = 0, end = 2> (x)
            twos = Constant <value = int64[2] {2, 2}> ()
            to = Concat <axis = 0> (lead, twos)
            a = Reshape (x, to)
            rows = Constant <value = int64[2] {-1, 4}> ()
            b = Reshape (x, rows)
            row = Constant <value = float[4] {1, 2, 3, 4}> ()
            c = Expand (row, shape)
            zero = Constant <value = int64 {0}> ()
            one = Constant <value = int64 {1}> ()
            time = Gather (shape, one)
            d = Range (zero, time, one)
            e = NonZero (x)
            keep = Constant <value = int64[3] {0, 4, -1}> ()
            f = Reshape (x, keep)
            g = Size (x)
        }"""
    x = normal(2, 3, 4)
    x[0, 1] = 0
    row = np.broadcast_to(np.array([1, 2, 3, 4], np.float32), x.shape)
    expected = [x.reshape(2, 3, 2, 2), x.reshape(-1, 4), row, np.arange(3)]
    expected += [np.array(np.nonzero(x)), x.reshape(2, 4, 3), np.array(24)]
    yield entry("sizes", made(text), [x], expected)

    w = normal(3, 3)
    nodes = [
        helper.make_node("MatMul", ["0", "слой/вес"], ["a b"], ""),
        helper.make_node("Relu", ["a b"], ["out:0"], "имя"),
        helper.make_node("Neg", ["a b"], ["dead"], "one more"),
        helper.make_node("Identity", ["unused weight"], ["w/out"], ""),
        helper.make_node("Identity", ["0"], ["same"], "", doc_string="a copy"),
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "main graph",
        [info("0", 1, [None, 3]), info("not used", 7, ["a", "b"])],
        [info("out:0", 1, [None, 3]), info("w/out", 1, [2]), info("same", 1, [None, 3]),
         info("kept", 1, [2])],
        [numpy_helper.from_array(w, "слой/вес"),
         numpy_helper.from_array(np.float32([5, 6]), "unused weight"),
         numpy_helper.from_array(np.float32([7, 8]), "kept"),
         numpy_helper.from_array(np.float32([9]), "nobody")],
        doc_string="names as they come",
    )  # fmt: skip
    model = helper.make_model(
        graph,
        producer_name="a tool",
        ir_version=8,
        opset_imports=[
            helper.make_opsetid("", 17),
            helper.make_opsetid("ai.onnx.ml", 3),
        ],
    )
    helper.set_model_props(model, {"author": "somebody", "license": "none"})
    x, other = normal(2, 3), np.zeros((1, 2), np.int64)
    expected = [np.maximum(x @ w, 0), np.float32([5, 6]), x, np.float32([7, 8])]
    yield entry("names", model, [x, other], expected)

    text = """<ir_version: 8, opset_import: ["": 17]>
        small (float s, float[0, 3] e, float[N, 1] v)
                => (float t, float[0, 3] f, float[N] w) {
            t = Exp (s)
            f = Relu (e)
            axis = Constant <value = int64[1] {1}> ()
            w = Squeeze (v, axis)
        }"""
    s, e, v = normal(), np.zeros((0, 3), np.float32), normal(4, 1)
    yield entry(
        "small", made(text), [np.array(s, np.float32), e, v], [np.exp(s), e, v[:, 0]]
    )

    w, b, x = normal(3, 64), normal(64), normal(2, 3)
    text = """<ir_version: 8, opset_import: ["": 17]>
        outside (float[N, 3] x) => (float[N, 64] y) {
            p = MatMul (x, w)
            y = Add (p, b)
        }"""
    model = made(text, {"w": w, "b": b})
    data = b"\0" * 64
    for tensor in model.graph.initializer:
        raw = tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": "hand_external.data", "offset": len(data)}
        for key, value in {**place, "length": len(raw)}.items():
            tensor.external_data.add(key=key, value=str(value))
        data += raw
    yield replace(entry("external", model, [x], [x @ w + b]), data=data)

    x = normal(2, 4)
    dense = np.float32([[0, 0, 3], [0, 0, 0], [1, 0, 0], [0, 2, 0]])
    text = """<ir_version: 8, opset_import: ["": 17]>
        sparse (float[N, 4] x) => (float[N, 3] y) { y = MatMul (x, w) }"""
    model = made(text)
    values = numpy_helper.from_array(np.float32([3, 1, 2]), "w")
    places = numpy_helper.from_array(np.array([2, 6, 10]), "")
    model.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, places, [4, 3])
    )
    yield entry("sparse", model, [x], [x @ dense])


def entries() -> Iterator[Entry]:
    yield from old_layers()
    yield from old_attributes()
    yield from bodies()
    yield from odd_values()
    yield from sizes_and_names()
