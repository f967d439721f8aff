"""Growing a convolutional network layer by layer, looking at each step.

An Input at the start makes the model known from its first layer on, so that after
every ``add()`` the present output shape can be asked for. Which pooling fits next?
Print the summary and see. A layer too many is taken off again with ``pop()``, and a
layer that does not fit leaves the model as it was.

Run: ``python examples/grow_a_cnn.py [FOLDER]``
"""

import sys
from pathlib import Path

import seqir as keras
from seqir import layers


def main(folder: str = "out") -> None:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.clear_session()

    print("1. A picture of 250 x 250 pixels in three colours, two convolutions, a pool")
    model = keras.Sequential(name="grown")
    model.add(keras.Input(shape=(250, 250, 3)))
    model.add(layers.Conv2D(32, 5, strides=2, activation="relu"))
    model.add(layers.Conv2D(32, 3, activation="relu"))
    model.add(layers.MaxPooling2D(3))
    model.summary()
    assert model.output_shape == (None, 40, 40, 32)

    print("\n2. Maps of 40 x 40 are still large: two more blocks of the same kind")
    for pool in (3, 2):
        model.add(layers.Conv2D(32, 3, activation="relu"))
        model.add(layers.Conv2D(32, 3, activation="relu"))
        model.add(layers.MaxPooling2D(pool))
    model.summary(style="plain")
    assert model.output_shape == (None, 4, 4, 32)

    print("\n3. One block more would be one too many; the error says where and why")
    try:
        model.add(layers.Conv2D(32, 5, name="too_large"))
    except keras.errors.ShapeError as error:
        print(f"   {keras.errors.explain(error)}")
    print(f"   the model still has {len(model.layers)} layers")

    print("\n4. Maps of 4 x 4: the largest number of each, and ten scores")
    model.add(layers.GlobalMaxPooling2D())
    model.add(layers.Dense(10))
    model.summary(show_cost=True)
    assert model.count_params() == 49_002
    ten = model.export(out / "grown.onnx")
    print(ten)

    print("\n5. Not ten scores but three: take the last layer off, put another one on")
    removed = model.pop()
    print(f"   took off {removed.name!r}, the output is {model.output_shape} now")
    model.add(layers.Dense(3, name="three"))
    three = model.export(out / "grown_three.onnx")
    print(three)
    assert ten.parameters - three.parameters == 7 * 33


if __name__ == "__main__":
    main(*sys.argv[1:2])
