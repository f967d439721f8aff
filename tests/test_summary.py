"""The printed and the data form of summaries; the boxes are Keras's, byte for byte."""

import io
import json
import re
import sys
import time

import keras
import numpy as np
import pytest
from keras import layers as keras_layers

import seqir
from seqir import layers, naming
from seqir.errors import ArgumentError, NotBuiltError
from seqir.layer.scope import without_values
from seqir.summary.summary import summary_of

BOTH = {"keras": (keras, keras_layers), "seqir": (seqir, layers)}


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    keras.utils.clear_session(free_memory=False)
    monkeypatch.delenv("COLUMNS", raising=False)


def guide(k, nn):
    model = k.Sequential([k.Input((250, 250, 3))], name="cnn")
    model.add(nn.Conv2D(32, 5, strides=2, activation="relu"))
    model.add(nn.Conv2D(32, 3, activation="relu"))
    model.add(nn.MaxPooling2D(3))
    for pool in (3, 2):
        model.add(nn.Conv2D(32, 3, activation="relu"))
        model.add(nn.Conv2D(32, 3, activation="relu"))
        model.add(nn.MaxPooling2D(pool))
    model.add(nn.GlobalMaxPooling2D())
    model.add(nn.Dense(10))
    return model


def incidental(k, nn):
    model = k.Sequential([nn.Dense(2, activation="relu"), nn.Dense(3), nn.Dense(4)])
    model(np.ones((1, 4), np.float32))
    return model


def long_names(k, nn):
    return k.Sequential(
        [
            k.Input((None, 300, 3)),
            nn.Conv2D(1024, 3, name="the_first_convolution_of_the_very_long_backbone"),
            nn.BatchNormalization(name="n" * 70),
            nn.Conv2D(7, 1, name="größe_der_schicht"),
            nn.SeparableConv2D(300, 3, padding="same"),
        ],
        name="a_model",
    )


def chain(k, nn):
    x = k.Input((8,), name="in")
    return k.Model(x, nn.Dense(1)(nn.Dropout(0.5)(nn.Dense(16)(x))))


def branches(k, nn):
    x = k.Input((16, 16, 3), name="image")
    a = nn.Conv2D(8, 1, name="one")(x)
    b = nn.Conv2D(8, 3, padding="same", name="three")(x)
    c = nn.MaxPooling2D(3, strides=1, padding="same")(x)
    joined = nn.Concatenate()([a, b, c])
    skip = nn.Add()([nn.Conv2D(19, 1, use_bias=False)(joined), joined])
    return k.Model(x, nn.Dense(4)(nn.Flatten()(skip)), name="inception")


def shared(k, nn):
    a, b = k.Input((4,), name="left"), k.Input((4,), name="right")
    dense = nn.Dense(8, name="tower")
    joined = nn.Concatenate()([dense(a), dense(b)])
    y = dense(nn.Dense(4)(joined))
    return k.Model([a, b], [y, nn.Dense(1)(joined)], name="siamese")


def shared_in_a_row(k, nn):
    x, dense = k.Input((4,)), nn.Dense(4)
    return k.Model(x, dense(dense(x)))


def nested(k, nn):
    inner = k.Sequential([nn.Conv2D(8, 3), nn.Conv2D(8, 3, name="last")], name="inner")
    x = k.Input((8, 8, 3))
    y = nn.Conv2D(4, 3)(x)
    block = k.Model(x, nn.Add()([y, nn.Conv2D(4, 1)(y)]), name="block")
    model = k.Sequential([k.Input((8, 8, 3)), block, inner, nn.Flatten()], name="outer")
    block.trainable = False
    return model


def nested_functional(k, nn):
    x = k.Input((6,))
    block = k.Model(x, [nn.Dense(3)(x), nn.Dense(2)(x)], name="block")
    z = k.Input((6,), name="z")
    a, b = block(z)
    return k.Model(z, {"a": nn.Dense(1)(a), "b": nn.Dense(1)(b)}, name="outer")


def functions(k, nn):
    x = k.Input((4,))
    y = k.ops.relu(x) * nn.Dense(4)(x)
    return k.Model(x, k.ops.sum(y, axis=-1))


def frozen(k, nn):
    model = guide(k, nn)
    for layer in model.layers[:-1]:
        layer.trainable = False
    return model


MODELS = [
    guide,
    incidental,
    long_names,
    chain,
    branches,
    shared,
    shared_in_a_row,
    nested,
    nested_functional,
    functions,
    frozen,
]
OPTIONS = [
    {},
    {"show_trainable": True},
    {"expand_nested": True},
    {"expand_nested": True, "show_trainable": True, "line_length": 78},
    {"line_length": 60},
    {"line_length": 41},
]


def printed(library, build, **options):
    k, nn = BOTH[library]
    keras.utils.clear_session(free_memory=False)
    naming.reset()
    pages = []
    build(k, nn).summary(print_fn=pages.append, **options)
    assert len(pages) == 1
    return pages[0]


CASES = [(b, o) for b in MODELS for o in OPTIONS]
CASES.remove((branches, {"line_length": 41}))  # where Keras cuts a number


@pytest.mark.parametrize(
    ("build", "options"), CASES, ids=lambda v: getattr(v, "__name__", str(v))
)
def test_boxes_are_those_of_keras(build, options):
    assert printed("seqir", build, **options) == printed("keras", build, **options)


@pytest.mark.parametrize("build", [guide, branches, nested], ids=lambda b: b.__name__)
@pytest.mark.parametrize("columns", ["60", "100", "200"])
@pytest.mark.parametrize("options", OPTIONS[:4], ids=str)
def test_width_follows_the_terminal_as_in_keras(build, columns, options, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    options = {k: v for k, v in options.items() if k != "line_length"}
    assert printed("seqir", build, **options) == printed("keras", build, **options)


@pytest.mark.parametrize(
    "positions", [[0.4, 0.7, 1.0], [0.3, 0.5, 0.8], [0.2, 0.9, 1.0]]
)
def test_positions_as_in_keras(positions):
    for length in (40, 66, 76):
        options = {"positions": positions, "line_length": length}
        assert printed("seqir", guide, **options) == printed("keras", guide, **options)


@pytest.mark.parametrize(
    "bounds", [("conv2d_1", "conv2d_3"), ("max", "conv2d_2"), ("dense", "conv2d$")]
)
def test_layer_range_as_in_keras(bounds):
    options = {"layer_range": bounds}
    assert printed("seqir", guide, **options) == printed("keras", guide, **options)


def test_colours_as_in_keras(monkeypatch):
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = {}
    for library, (k, nn) in BOTH.items():
        keras.utils.clear_session(free_memory=False)
        naming.reset()
        model = nested(k, nn)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out := Terminal())
            model.summary(expand_nested=True, show_trainable=True)
        shown[library] = out.getvalue()
    assert "\x1b[38;5;34m" in shown["seqir"]

    def colours(text):
        """Each visible character with the codes that hold for it."""
        found, state = [], ()
        for code, sign in re.findall(r"\x1b\[([\d;]*)m|(.)", text):
            if code:
                state = () if code == "0" else (*state, code)
            elif sign and sign != " ":
                found.append((sign, ";".join(state)))
        return found

    assert colours(shown["seqir"]) == colours(shown["keras"])


def test_no_colour_variable(monkeypatch, capsys):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    guide(seqir, layers).summary()
    assert "38;5" not in capsys.readouterr().out


def test_ascii_where_the_output_has_nothing_else(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    nested(seqir, layers).summary(expand_nested=True, line_length=40)
    long_names(seqir, layers).summary(style="plain")
    sys.stdout.flush()
    text = raw.getvalue().decode("ascii")
    assert "| Layer (type)" in text
    assert "- last" in text
    assert "gr??e_der" in text


def test_print_goes_to_stdout(capsys):
    naming.reset()
    model = incidental(seqir, layers)
    assert model.summary() is None
    assert capsys.readouterr().out == printed("keras", incidental)


def test_positional_arguments_are_those_of_keras(capsys):
    guide(seqir, layers).summary(60, [0.5, 0.8, 1.0])
    assert max(map(len, capsys.readouterr().out.splitlines())) == 60


def test_wide_tables_are_not_cut_off(capsys):
    guide(seqir, layers).summary(line_length=120)
    assert max(map(len, capsys.readouterr().out.splitlines())) == 120


PLAIN = """\
Model: "sequential"
_________________________________________________________________
Layer (type)                 Output Shape              Param #
=================================================================
dense (Dense)                (1, 2)                    10
_________________________________________________________________
dense_1 (Dense)              (1, 3)                    9
_________________________________________________________________
dense_2 (Dense)              (1, 4)                    16
=================================================================
Total params: 35
Trainable params: 35
Non-trainable params: 0
_________________________________________________________________
"""


def test_plain_style():
    assert printed("seqir", incidental, style="plain") == PLAIN
    assert f"{summary_of(incidental_again())}\n" == PLAIN


def incidental_again():
    naming.reset()
    return incidental(seqir, layers)


def test_plain_style_cuts_long_names_and_has_no_commas_in_rows():
    lines = printed("seqir", guide, style="plain").splitlines()
    row = "max_pooling2d_1 (MaxPooling2 (None, 12, 12, 32)        0"
    assert row in lines
    assert "conv2d_1 (Conv2D)            (None, 121, 121, 32)      9248" in lines
    assert "Total params: 49,002" in lines
    lines = printed("seqir", branches, style="plain").splitlines()
    assert {len(line) for line in lines if set(line) <= {*"_="}} == {98}
    assert any("image[0][0]" in line for line in lines)


def test_data_form():
    model = branches(seqir, layers)
    data = summary_of(model, show_cost=True).to_dict()
    assert json.loads(json.dumps(data)) == data
    rows = {row["name"]: row for row in data["rows"]}
    assert rows["add"]["connected_to"] == [["conv2d", 0, 0], ["concatenate", 0, 0]]
    assert rows["image"]["output_shape"] == [None, 16, 16, 3]
    assert rows["three"]["params"] == 3 * 3 * 3 * 8 + 8
    assert data["total_params"] == sum(w.size for w in model.weights)
    assert data["total_bytes"] == 4 * data["total_params"]
    assert [r.path for r in summary_of(nested(seqir, layers), expand_nested=True).rows][
        :2
    ] == ["block", "block/input_layer"]


def test_costs_of_the_guide():
    rows = {r.name: r for r in summary_of(guide(seqir, layers), show_cost=True).rows}
    assert rows["conv2d"].macs == 123 * 123 * 32 * 5 * 5 * 3
    assert rows["dense"].macs == 320
    assert rows["max_pooling2d"].macs == 0
    assert rows["conv2d"].activation_bytes == 123 * 123 * 32 * 4
    fields = [r.receptive_field for r in rows.values()]
    #  5; +2*2; +2*2; then windows of 3 at distance 6, ...
    assert fields[:3] == [(5, 5), (9, 9), (13, 13)]
    assert fields[3:6] == [(25, 25), (37, 37), (49, 49)]
    assert fields[6:9] == [(85, 85), (121, 121), (139, 139)]
    assert fields[9:] == [(250, 250), (250, 250)]  # pooled over the whole image
    text = printed("seqir", guide, show_cost=True, line_length=124)
    assert "36.3 M" in text
    assert "139x139" in text
    assert re.search(r"Multiply-accumulates: [\d,]+\n", text)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["Average", "Max"])
def test_the_field_of_a_global_pooling_is_the_image(kind, rank, keepdims):
    pool = getattr(layers, f"Global{kind}Pooling{rank}D")(keepdims=keepdims)
    conv = getattr(layers, f"Conv{rank}D")(4, 3)
    size = (9, 8, 7)[:rank]
    model = seqir.Sequential([seqir.Input((*size, 2)), conv, pool, layers.Dense(3)])
    fields = [r.receptive_field for r in summary_of(model, show_cost=True).rows]
    assert fields == [(3,) * rank, size, size]
    free = seqir.Sequential([seqir.Input((*[None] * rank, 2)), layers.ReLU(), pool])
    assert summary_of(free, show_cost=True).rows[1].receptive_field is None


def large(k, nn):
    """Counts of up to 13 places, and names of up to 40."""
    return k.Sequential(
        [
            k.Input((224, 224, 3)),
            nn.Conv2D(64, 7, strides=2, name="first_convolution_of_the_whole_model_a"),
            nn.BatchNormalization(name="first_normalization_of_the_whole_model"),
            nn.Conv2D(2048, 3, name="second_convolution_of_the_whole_model"),
            nn.GlobalAveragePooling2D(name="pooling_behind_all_convolutions"),
            nn.Dense(1_000_000, name="classifier_of_a_million_words"),
        ],
        name="large",
    )


def wired(k, nn):
    """Layers with long names in a graph."""
    x = k.Input((32, 32, 3), name="an_image_that_has_a_very_long_name_indeed")
    y = nn.Conv2D(2048, 3, name="stage_1_block_1_convolution_a")(x)
    z = nn.Conv2D(2048, 3, name="stage_1_block_1_convolution_b")(x)
    y = nn.Add(name="stage_1_block_1_sum_of_both")([y, z])
    return k.Model(x, nn.Conv2D(9999, 3, name="stage_2")(y), name="wired")


@pytest.mark.parametrize("columns", ["40", "60", "80", "100", "120"])
@pytest.mark.parametrize("style", ["rich", "plain"])
@pytest.mark.parametrize("build", [large, wired, guide, branches, frozen])
@pytest.mark.parametrize(
    "options",
    [{}, {"show_cost": True}, {"show_cost": True, "show_trainable": True}],
    ids=str,
)
def test_numbers_are_never_cut(build, options, style, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    with without_values():
        naming.reset()
        model = build(seqir, layers)
        summary = summary_of(model, **options)
        pages = []
        model.summary(style=style, print_fn=pages.append, **options)
    text = pages[0]
    for row in summary.rows:
        shown = [f"{row.params:,}" if style == "rich" else str(row.params)]
        if options:
            shown.append("x".join(map(str, row.receptive_field or "-")))
        for number in shown:
            assert re.search(rf"(?<![\w,.]){number}(?![\w,…])", text), number
        for size in row.output_shape:
            assert re.search(rf"\b{size}\b", text)
    if not summary.is_chain and options:  # its own layout, with the places of calls
        places = sum(len(row.connected_to) for row in summary.rows)
        assert text.count("[0][0]") == places


def test_heads_stand_in_the_first_line_and_the_table_fits(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with without_values():
        lines = printed("seqir", large, show_cost=True).splitlines()
    assert [h.strip() for h in lines[2].strip("┃").split("┃")] == [
        "Layer", "Output Shape", "Param #", "MACs", "Activation", "Field",
    ]  # fmt: skip
    assert max(map(len, lines)) <= 80
    assert "│ 2,049,000,000 │ 2.05 G │    3.81 MB │ 224x224 │" in "\n".join(lines)


def test_a_table_may_be_wider_than_the_terminal():
    with without_values():
        lines = printed("seqir", large, line_length=30, show_cost=True).splitlines()
    assert 30 < max(map(len, lines)) < 80
    assert any("2,049,000,000 │ 2.05 G" in line for line in lines)


def test_fields_survive_what_keeps_positions():
    x = seqir.Input((32, 32, 3))
    y = layers.Conv2D(4, 3, padding="same")(x)
    y = layers.Dropout(0.1)(layers.ReLU()(layers.BatchNormalization()(y)))
    z = layers.Conv2D(4, 5, padding="same")(x)
    y = layers.Concatenate()([y, z])
    y = layers.ZeroPadding2D(1)(y)
    inner = seqir.Sequential(
        [layers.Conv2D(4, 3, strides=2), layers.Conv2D(4, 3)], name="inner"
    )
    y = layers.Softmax()(inner(y))
    y = layers.Permute((2, 1, 3))(y)
    summary = summary_of(seqir.Model(x, y), show_cost=True, expand_nested=True)
    fields = {row.path: row.receptive_field for row in summary.rows}
    assert fields["dropout"] == (3, 3)
    assert fields["concatenate"] == fields["zero_padding2d"] == (5, 5)
    assert fields["inner/conv2d_2"] == (7, 7)
    assert fields["inner"] == fields["inner/conv2d_3"] == (11, 11)
    assert fields["softmax"] == (11, 11)
    assert fields["permute"] is None


def test_receptive_field_is_what_the_output_depends_on():
    model = seqir.Sequential(
        [
            seqir.Input((40, 40, 1)),
            layers.Conv2D(2, 3, dilation_rate=2),
            layers.AveragePooling2D(2),
            layers.Conv2D(2, (3, 1), strides=(2, 1)),
        ]
    )
    (rows, cols) = summary_of(model, show_cost=True).rows[-1].receptive_field  # pyright: ignore[reportGeneralTypeIssues]
    for weight in model.weights:
        weight.assign(np.abs(weight.numpy()) + 0.1)
    base = model(np.zeros((1, 40, 40, 1), np.float32))
    seen = np.zeros((40, 40), bool)
    probes = np.zeros((1600, 40, 40, 1), np.float32)
    probes.reshape(1600, 1600)[np.arange(1600), np.arange(1600)] = 1
    y = model(probes)
    seen = np.any(y[:, 3, 3] != base[0, 3, 3], -1).reshape(40, 40)
    assert np.ptp(np.nonzero(seen.any(1))[0]) + 1 == rows
    assert np.ptp(np.nonzero(seen.any(0))[0]) + 1 == cols


def test_fields_are_those_of_each_call():
    x = seqir.Input((20, 20, 3))
    conv, turn = layers.Conv2D(3, 3), layers.Permute((2, 1, 3))

    def field(y):
        return summary_of(seqir.Model(x, y), show_cost=True).rows[-1].receptive_field

    assert field(layers.ReLU()(conv(conv(x)))) == (5, 5)
    assert field(layers.Add()([conv(x), conv(x + 1)])) == (3, 3)
    assert field(turn(turn(x))) is None  # no axis has one meaning throughout
    assert field(seqir.ops.max_pool(seqir.ops.relu(x), 2)) == (2, 2)
    assert field(layers.Conv2DTranspose(3, 3, padding="same")(x)) is None
    y = layers.SeparableConv2D(4, (3, 5), strides=2)(x)
    assert field(layers.DepthwiseConv2D(2, activation="relu")(y)) == (5, 7)
    assert field(layers.LayerNormalization(axis=(1, 2))(x)) is None


def test_the_field_of_a_layer_of_ones_own_is_that_of_its_operators():
    class Named(layers.Layer):
        """Has attributes that windows have, and no window."""

        kernel_size, strides, padding = (3, 3), (2, 2), ((1, 1), (1, 1))
        data_format = keepdims = cropping = None

        def call(self, x):
            return x * 2

    class Slides(layers.Layer):
        def call(self, x):
            return seqir.ops.average_pool(x, (2, 4), 1)

    x = seqir.Input((20, 20, 3))
    model = seqir.Model(x, Slides()(Named()(Slides()(x))))
    fields = [r.receptive_field for r in summary_of(model, show_cost=True).rows]
    assert fields[1:] == [(2, 4), (2, 4), (3, 7)]


def test_unknown_sizes_have_no_cost():
    model = seqir.Sequential([seqir.Input((None, None, 3)), layers.Conv2D(4, 3)])
    (row,) = summary_of(model, show_cost=True).rows
    assert row.macs is None
    assert row.activation_bytes is None
    assert row.receptive_field == (3, 3)


def test_layers_inside_a_layer_of_ones_own():
    class Twin(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.layers = [layers.Dense(3, name="a"), layers.Dense(2, name="b")]

        def call(self, x):
            return self.layers[0](x)

    model = seqir.Sequential([seqir.Input((4,)), Twin(name="twin")])
    rows = summary_of(model, expand_nested=True, show_trainable=True).rows
    assert [(r.path, r.output_shape, r.params, r.built) for r in rows] == [
        ("twin", (None, 3), 15, True),
        ("twin/a", (None, 3), 15, True),
        ("twin/b", None, 0, False),
    ]
    pages = []
    model.summary(expand_nested=True, print_fn=pages.append)
    assert re.search(r"└ b \(Dense\) +│ \? +│ +0 \(unbuilt\) │", pages[0])


def test_html():
    model = nested(seqir, layers)
    page = model._repr_html_()
    assert page.count("<tr>") == 1 + 3 + 3
    assert "<script" not in page
    assert "http" not in page
    odd = seqir.Sequential([seqir.Input((4,)), layers.Dense(1, name="<b>&")])
    assert "&lt;b&gt;&amp;" in odd._repr_html_()


def test_brackets_in_names_are_no_markup():
    model = seqir.Sequential([seqir.Input((4,)), layers.Dense(1, name="[bold]x[0]")])
    pages = []
    model.summary(print_fn=pages.append)
    assert "[bold]x[0] (Dense)" in pages[0]


def test_errors():
    model = seqir.Sequential([layers.Dense(2)], name="later")
    with pytest.raises(
        NotBuiltError, match=r"'later' is not built .* summary: .* build\("
    ):
        model.summary()
    with pytest.raises(NotBuiltError, match="not built"):
        summary_of(model)
    model = guide(seqir, layers)
    with pytest.raises(ArgumentError, match="Insufficient console width"):
        model.summary(line_length=10)
    with pytest.raises(ArgumentError, match="layer_names do not match"):
        model.summary(layer_range=("nothing", "conv2d"))
    with pytest.raises(ArgumentError, match="length 2"):
        model.summary(layer_range=("conv2d",))
    with pytest.raises(ArgumentError, match="string type only"):
        model.summary(layer_range=(0, 1))
    with pytest.raises(ArgumentError, match="style must be"):
        model.summary(style="fancy")
    with pytest.raises(ArgumentError, match=r"positions needs 3 numbers"):
        model.summary(positions=[0.5, 1.0])


def test_ten_thousand_layers_take_no_time():
    model = seqir.Sequential([seqir.Input((2,))])
    for i in range(10_000):
        model.add(layers.Identity(name=f"layer_{i}"))
    start = time.perf_counter()
    pages = []
    model.summary(print_fn=pages.append)
    assert time.perf_counter() - start < 5
    assert pages[0].count("Identity") == 10_000


def test_the_optimizer_of_a_model_in_training_counts() -> None:
    model = seqir.Sequential([seqir.Input((4,)), layers.Dense(2)])
    model.compile("adam", "mse")
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "Optimizer params" not in lines[0]
    model.train_on_batch(np.ones((2, 4)), np.ones((2, 2)))
    model.summary(print_fn=lines.append)
    # As in Keras: the total has the optimizer's numbers, iteration and rate included.
    assert "Total params: 32 (" in lines[1]
    assert "Trainable params: 10 (" in lines[1]
    assert "Optimizer params: 22 (" in lines[1]
