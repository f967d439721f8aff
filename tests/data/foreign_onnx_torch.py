"""What PyTorch's two exporters write: `Entry` after `Entry` for `foreign_onnx.py`."""

import io
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from foreign_onnx_entry import Entry, digits
from torch import nn
from torch.nn import functional as F


class Mlp(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Linear(6, 16),
            nn.GELU(),
            nn.LayerNorm(16),
            nn.Dropout(0.3),
            nn.Linear(16, 8),
            nn.ReLU(),
            nn.Linear(8, 3),
            nn.Softmax(-1),
        )


class Cnn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.LeakyReLU(0.1),
            nn.AdaptiveAvgPool2d(1),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, 10))

    def forward(self, image: Any) -> Any:
        return self.head(self.features(image))


class Block(nn.Module):
    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.down = nn.Sequential(
            nn.Conv2d(channels, filters, 1, stride, bias=False),
            nn.BatchNorm2d(filters),
        )

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.down(x))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, 1, 1)
        self.layer1 = Block(8, 8, 1)
        self.layer2 = Block(8, 16, 2)
        self.fc = nn.Linear(16, 10)

    def forward(self, image: Any) -> Any:
        x = self.layer2(self.layer1(F.silu(self.stem(image))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


class Mobile(nn.Module):
    """Depthwise convolutions, squeeze and excitation, hard swish, group norm."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Conv2d(1, 8, 3, 1, 1)
        self.norm = nn.GroupNorm(2, 8)
        self.depthwise = nn.Conv2d(8, 8, 3, 2, 1, groups=8)
        self.instance = nn.InstanceNorm2d(8, affine=True)
        self.squeeze = nn.Conv2d(8, 4, 1)
        self.excite = nn.Conv2d(4, 8, 1)
        self.act = nn.PReLU(8)
        self.fc = nn.Linear(8, 10)

    def forward(self, image: Any) -> Any:
        x = F.hardswish(self.norm(self.expand(image)))
        x = self.act(self.instance(self.depthwise(F.pad(x, (1, 1, 1, 1)))))
        gate = self.squeeze(x.mean((2, 3), keepdim=True))
        x = x * F.hardsigmoid(self.excite(F.relu6(gate)))
        return F.log_softmax(self.fc(x.amax((2, 3))), -1)


class Lstm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(4, 6, 2, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(12, 3)

    def forward(self, steps: Any) -> Any:
        return self.fc(self.rnn(steps)[0])


class Gru(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(4, 6)
        self.fc = nn.Linear(6, 3)

    def forward(self, steps: Any, state: Any) -> Any:
        y, last = self.rnn(steps, state)
        return torch.tanh(self.fc(y[-1])), last


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.position = nn.Parameter(torch.randn(12, 8) * 0.1)
        one = nn.TransformerEncoderLayer(8, 2, 16, 0.1, "gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(one, 2, enable_nested_tensor=False)
        self.fc = nn.Linear(8, 5)

    def forward(self, tokens: Any, padding: Any) -> Any:
        x = self.embed(tokens) + self.position[: tokens.shape[1]]
        x = self.layers(x, src_key_padding_mask=padding)
        weight = (~padding).unsqueeze(-1).to(x.dtype)
        return self.fc((x * weight).sum(1) / weight.sum(1))


class Decoder(nn.Module):
    """A language model: causal attention and positions of a free number of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.position = nn.Embedding(16, 8)
        self.norm = nn.LayerNorm(8)
        self.qkv = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)

    def forward(self, tokens: Any) -> Any:
        batch, time = tokens.shape
        x = self.embed(tokens) + self.position(torch.arange(time))
        q, k, v = (
            part.reshape(batch, time, 2, 4).transpose(1, 2)
            for part in self.qkv(self.norm(x)).chunk(3, -1)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, time, 8))
        return x @ self.embed.weight.T


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(1, 4, 3, padding=1)
        self.down2 = nn.Conv2d(4, 8, 3, 2, padding=1)
        self.down3 = nn.Conv2d(8, 8, 3, 2, padding=1)
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)
        self.mid = nn.Conv2d(16, 4, 3, padding=1)
        self.last = nn.Conv2d(8, 1, 1)

    def forward(self, image: Any) -> Any:
        a = F.relu(self.down1(image))
        b = F.relu(self.down2(a))
        c = F.elu(self.down3(b))
        x = F.relu(self.mid(torch.cat([self.up(c), b], 1)))
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.sigmoid(self.last(torch.cat([x, a], 1)))


class Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, 6, padding_idx=0)
        self.fc = nn.Linear(6, 4)

    def forward(self, tokens: Any) -> Any:
        return self.fc(self.embed(tokens).mean(1))


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(1, 4, 3)
        self.fact = nn.Linear(3, 4)
        self.mean = nn.Linear(8, 2)
        self.scale = nn.Linear(8, 2)

    def forward(self, image: Any, facts: Any) -> Any:
        x = torch.cat([self.image(image).mean((2, 3)), self.fact(facts)], 1)
        return {"mean": self.mean(x), "scale": F.softplus(self.scale(x)) + 1e-3}


class Choose(nn.Module):
    """What scripting keeps: a condition and a loop that depend on data."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        for _ in range(int(times)):
            x = torch.tanh(self.fc(x))
        return x * 2.0 if bool(x.sum() > 0) else x - 1.0


class Cond(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(4, 3)
        self.right = nn.Linear(4, 3)

    def forward(self, x: Any) -> Any:
        return torch.cond(x.sum() > 0, self.left, self.right, (x,))


class Numbers(nn.Module):
    """Operators around the layers: choosing, sorting, counting, taking apart."""

    def forward(self, x: Any) -> Any:
        best, place = torch.topk(x, 3, -1)
        rows = torch.gather(x, 1, place.flip(1))
        cut = torch.where(x > 0, x, x.abs().sqrt()).clamp(0.1, 2.0)
        parts = torch.stack([p.logsumexp(-1) for p in cut.split([2, 3], 1)], 1)
        pairs = torch.einsum("bi,bj->bij", x, cut)
        sums = torch.cumsum(x, 1)[:, ::2]
        spread = (
            torch.var(x, 1, keepdim=True) + torch.linalg.vector_norm(x, dim=1)[:, None]
        )
        masked = x.masked_fill(x.argmax(-1, keepdim=True) > 2, -1.0)
        return best, rows, parts, torch.tril(pairs), sums, spread, masked


class Case(NamedTuple):
    make: Callable[[], Any]
    inputs: Callable[[torch.Generator], tuple[Any, ...]]
    names: list[str]
    outputs: list[str]
    free: dict[str, dict[int, str]]
    forms: str
    """Which exporters: `d20` the newer one at opset 20, `l11` the older one at opset
    11. With `!` all sizes are those of the example, with `u` nothing is optimized,
    with `k` initializers are inputs, too."""
    kind: str = "numbers"


BATCH = {0: "batch"}
STEPS = {0: "batch", 1: "time"}


def normal(*shape: int) -> Callable[[torch.Generator], tuple[Any, ...]]:
    return lambda g: (torch.randn(shape, generator=g),)


def images(g: torch.Generator) -> tuple[Any, ...]:
    return (torch.from_numpy(digits()[0][torch.randint(0, 1000, (3,), generator=g)]),)


def tokens(most: int, *shape: int) -> Callable[[torch.Generator], tuple[Any, ...]]:
    return lambda g: (torch.randint(0, most, shape, generator=g),)


def padded(g: torch.Generator) -> tuple[Any, ...]:
    lengths = torch.tensor([7, 4, 1])
    return (*tokens(20, 3, 7)(g), torch.arange(7)[None] >= lengths[:, None])


def pictures_and_facts(g: torch.Generator) -> tuple[Any, ...]:
    return (*images(g), *normal(3, 3)(g))


CASES = {
    "mlp": Case(Mlp, normal(5, 6), ["x"], ["y"], {"x": BATCH},
                "d20 d18! d18u l17 l11 l9k!"),
    "cnn": Case(Cnn, images, ["image"], ["digit"], {"image": BATCH},
                "d20 d18! d20u l17 l13u l9ku", "image"),
    "residual": Case(Residual, images, ["image"], ["digit"], {"image": BATCH},
                     "d20 d18u l17u l11!", "image"),
    "mobile": Case(Mobile, images, ["image"], ["digit"], {"image": BATCH},
                   "d20 l17 l14!", "image"),
    "unet": Case(UNet, images, ["image"], ["mask"],
                 {"image": {0: "batch", 2: "height", 3: "width"}}, "d20! l17 l11!"),
    "lstm": Case(Lstm, normal(3, 5, 4), ["steps"], ["y"], {"steps": STEPS},
                 "d20 l17 l11!", "sequence"),
    "gru": Case(Gru, lambda g: (*normal(5, 3, 4)(g), *normal(1, 3, 6)(g)),
                ["steps", "state"], ["y", "last"],
                {"steps": {0: "time", 1: "batch"}, "state": {1: "batch"}},
                "d20 l13!", "sequence"),
    "encoder": Case(Encoder, padded, ["tokens", "padding"], ["y"],
                    {"tokens": STEPS, "padding": STEPS}, "d20 d18! d20u l17 l14!",
                    "sequence"),
    "decoder": Case(Decoder, tokens(20, 2, 6), ["tokens"], ["logits"],
                    {"tokens": STEPS}, "d20 d23 l17 l14!", "sequence"),
    "bag": Case(Bag, tokens(30, 4, 6), ["tokens"], ["y"], {"tokens": STEPS},
                "d20 l13", "sequence"),
    "two": Case(Two, pictures_and_facts, ["image", "facts"], ["center", "width"],
                {"image": BATCH, "facts": BATCH}, "d20 l17"),
    "half": Case(lambda: Mlp().half(), lambda g: (normal(5, 6)(g)[0].half(),),
                 ["x"], ["y"], {"x": BATCH}, "d20! l17", "half"),
    "numbers": Case(Numbers, normal(4, 5), ["x"],
                    ["best", "rows", "parts", "pairs", "sums", "spread", "masked"],
                    {"x": BATCH}, "d20 l17"),
    "cond": Case(Cond, normal(3, 4), ["x"], ["y"], {"x": BATCH}, "d20", "control"),
    "choose": Case(lambda: torch.jit.script(Choose()),
                   lambda g: (*normal(3, 4)(g), torch.tensor(3)),
                   ["x", "times"], ["y"], {"x": BATCH}, "l17 l13", "control"),
}  # fmt: skip


def train(model: Any) -> None:
    """A few steps on digits, so that statistics and weights are those of a task."""
    images, labels = (torch.from_numpy(a) for a in digits())
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    model.train()
    for start in range(0, 1024, 64):
        part = slice(start, start + 64)
        loss = F.cross_entropy(model(images[part]), labels[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def exported(case: Case, model: Any, x: tuple[Any, ...], form: str) -> onnx.ModelProto:
    fixed = form.endswith("!")
    arguments: dict[str, Any] = {
        "input_names": case.names,
        "output_names": case.outputs,
        "opset_version": int(form.strip("dlku!")),
    }
    if form[0] == "l":
        target = io.BytesIO()
        arguments |= {} if fixed else {"dynamic_axes": case.free}
        if "u" in form:
            arguments["do_constant_folding"] = False
            arguments["training"] = torch.onnx.TrainingMode.PRESERVE
        arguments["keep_initializers_as_inputs"] = "k" in form
        torch.onnx.export(model, x, target, dynamo=False, **arguments)
        return onnx.load_from_string(target.getvalue())
    if not fixed:
        dims = {
            n: torch.export.Dim(n) for axes in case.free.values() for n in axes.values()
        }
        arguments["dynamic_shapes"] = tuple(
            {axis: dims[name] for axis, name in case.free.get(n, {}).items()}
            for n in case.names
        )
    arguments |= {"optimize": "u" not in form, "verbose": False}
    program = torch.onnx.export(model, x, dynamo=True, **arguments)
    assert program is not None
    return program.model_proto


def without_paths(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the lines of code that the newer exporter writes to each node."""

    def clean(nodes: Any) -> None:
        for node in nodes:
            kept = [p for p in node.metadata_props if "stack_trace" not in p.key]
            del node.metadata_props[:]
            node.metadata_props.extend(kept)
            for attribute in node.attribute:
                clean(attribute.g.node)

    clean(model.graph.node)
    for function in model.functions:
        clean(function.node)
    return model


def entries() -> Iterator[Entry]:
    warnings.simplefilter("ignore")
    for name, case in CASES.items():
        torch.manual_seed(0)
        model = case.make()
        if case.kind == "image":
            train(model)
        model.eval()
        x = case.inputs(torch.Generator().manual_seed(1))
        with torch.no_grad():
            y = model(*x)
        flat = list(y.values()) if isinstance(y, dict) else y
        flat = flat if isinstance(flat, (list, tuple)) else [flat]
        for form in case.forms.split():
            proto = without_paths(exported(case, model, x, form))
            tool = f"pytorch {torch.__version__.split('+')[0]}"
            yield Entry(
                f"torch_{name}_{form.replace('!', 'f')}",
                proto,
                [np.asarray(a) for a in x],
                [np.asarray(a.detach()) for a in flat],
                tool + (" torch.export" if form[0] == "d" else " TorchScript"),
                case.kind,
            )
