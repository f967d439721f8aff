"""Features: what the layers inside a model compute.

Every layer of a model knows its input and output tensor, and ``Model(inputs,
outputs)`` between any of them is a model that shares the same weights: nothing is
copied. ``slice()`` does the same by names or regular expressions. Such a part exports
like any model and holds no layer and no weight that it does not need.

Run: ``python examples/feature_extraction.py [FOLDER]``
"""

import sys
from pathlib import Path

import numpy as np

import seqir as keras
from seqir import layers


def main(folder: str = "out") -> None:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input(shape=(250, 250, 3)),
            layers.Conv2D(32, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu", name="my_intermediate_layer"),
            layers.Conv2D(32, 3, activation="relu"),
        ]
    )
    x = np.random.default_rng(0).uniform(size=(1, 250, 250, 3)).astype(np.float32)

    print("1. All layers at once")
    extractor = keras.Model(
        inputs=model.inputs, outputs=[layer.output for layer in model.layers]
    )
    features = extractor(x)
    for name, feature in zip(extractor.output_names, features, strict=True):
        print(f"   {name:<22} {feature.shape}")

    print("2. One layer by its name")
    one = keras.Model(
        inputs=model.inputs,
        outputs=model.get_layer(name="my_intermediate_layer").output,
    )
    np.testing.assert_allclose(one(x), features[1], rtol=1e-4, atol=1e-6)
    print(f"   {one.output_names[0]:<22} {one.output_shape}, the same numbers")

    print("3. The same by a pattern; the two halves put together are the model")
    body = model.slice("my_.*")
    head = model.slice("conv2d_1", inputs="my_intermediate_layer")
    np.testing.assert_allclose(head(body(x)), features[2], rtol=1e-4, atol=1e-6)
    print(f"   body {body.count_params():,} + head {head.count_params():,} weights")
    print(f"   the model can be cut in two after: {', '.join(model.cut_points())}")

    print("4. The weights are shared: a change in the model is seen in its parts")
    kernel, bias = model.layers[0].get_weights()
    model.layers[0].set_weights([kernel * 0, bias])
    assert not one(x).any()
    model.layers[0].set_weights([kernel, bias])
    np.testing.assert_allclose(one(x), features[1], rtol=1e-4, atol=1e-6)
    print("   a first kernel of zeros makes all features zero, and back")

    print("5. The part as a file")
    whole, part = model.export(out / "whole.onnx"), body.export(out / "body.onnx")
    print(part)
    print(f"   {whole.bytes:,} bytes for the model, {part.bytes:,} for this part of it")


if __name__ == "__main__":
    main(*sys.argv[1:2])
