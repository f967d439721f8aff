"""Three Dense layers: a Sequential model is a function made of its layers.

Shows that calling the model is calling its layers in turn, that weights appear when
the first input is seen, how to read and replace them, and what is said to somebody
who asks for them too early.

Run: ``python examples/three_layers.py [FOLDER]``
"""

import sys
from pathlib import Path

import numpy as np

import seqir as keras
from seqir import layers


def three_layers(name: str | None = None) -> keras.Sequential:
    return keras.Sequential(
        [
            layers.Dense(2, activation="relu", name="layer1"),
            layers.Dense(3, activation="relu", name="layer2"),
            layers.Dense(4, name="layer3"),
        ],
        name=name,
    )


def main(folder: str = "out") -> None:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.clear_session()
    keras.utils.set_random_seed(7)

    print("1. The model is the composition of its layers")
    model = three_layers("three_layers")
    x = np.ones((3, 3), np.float32)
    whole = model(x)
    layer1, layer2, layer3 = model.layers
    by_hand = layer3(layer2(layer1(x)))
    print(f"   model(x)                    {np.round(whole[0], 4)}, {whole.shape}")
    print(f"   layer3(layer2(layer1(x)))   {np.round(by_hand[0], 4)}, {by_hand.shape}")
    np.testing.assert_allclose(whole, by_hand, rtol=1e-5)

    print("2. A layer on its own has weights from its first input on")
    layer = layers.Dense(3)
    print(f"   before: {layer.weights}")
    layer(np.ones((1, 4)))
    for weight in layer.weights:
        print(f"   after:  {weight.path} {weight.shape}")

    print("3. So has a model that was not told its input shape")
    late = three_layers("late")
    try:
        late.summary()
    except keras.errors.NotBuiltError as error:
        print(f"   before: {error}")
    late(np.ones((1, 4)))
    print(f"   after:  {len(late.weights)} weights, {late.count_params()} numbers")
    late.summary(style="plain")

    print("4. Told in advance, it is built at once, for any batch size")
    early = keras.Sequential([keras.Input((4,)), *three_layers().layers], name="early")
    early.set_weights(late.get_weights())
    batch = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    np.testing.assert_allclose(early(batch), late(batch), rtol=1e-5, atol=1e-6)
    print("   with the weights of the late model it computes the same")

    print("5. Weights that do not fit change nothing")
    try:
        early.layers[0].set_weights([np.zeros((5, 2)), np.zeros(2)])
    except keras.errors.ShapeError as error:
        print(f"   {error}")
    print(early.export(out / "three_layers.onnx"))


if __name__ == "__main__":
    main(*sys.argv[1:2])
