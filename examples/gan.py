"""A GAN that draws digits: two networks, two optimizers, a step of one's own.

The generator makes pictures out of noise, the critic tells them from scikit-learn's
scanned digits (they come with the library). What a step is, the model says itself in
`train_step`, which is traced into one graph.

Run: ``python examples/gan.py [FOLDER]``
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import seqir as keras
from seqir import layers, ops

NOISE = 16


class GAN(keras.Model):
    """A generator and a critic that learn against each other."""

    def __init__(self, generator: keras.Model, critic: keras.Model) -> None:
        super().__init__()
        self.generator, self.critic = generator, critic
        self.seeds = keras.random.SeedGenerator(1)
        self.losses_seen = [keras.metrics.Mean(name="made"), keras.metrics.Mean("told")]

    def compile(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, made: keras.optimizers.Optimizer, told: keras.optimizers.Optimizer
    ) -> None:
        """Take an optimizer for each network."""
        super().compile()
        self.made, self.told = made, told
        self.loss = keras.losses.BinaryCrossentropy(
            from_logits=True, label_smoothing=0.1
        )

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The mean losses of an epoch."""
        return [*self.losses_seen]

    def draw(self, count: keras.ops.Size | int) -> keras.KerasTensor:
        """Pictures out of noise."""
        noise = keras.random.normal((count, NOISE), seed=self.seeds)
        return self.generator(noise, training=True)

    def train_step(self, real: Any) -> dict[str, Any]:
        """First the critic learns, then the generator."""
        count = ops.shape(real)[0]
        ones = ops.ones((count, 1))
        both = ops.concatenate([real, self.draw(count)])
        labels = ops.concatenate([ones, ops.zeros((count, 1))])
        told = self.loss(labels, self.critic(both, training=True))
        weights = self.critic.trainable_weights
        self.told.apply(keras.gradient(told, weights), weights)

        made = self.loss(ones, self.critic(self.draw(count), training=True))
        weights = self.generator.trainable_weights
        self.made.apply(keras.gradient(made, weights), weights)
        for metric, value in zip(self.losses_seen, (made, told), strict=True):
            metric.update_state(value)
        return {metric.name: metric.result() for metric in self.losses_seen}


def generator() -> keras.Sequential:
    """Noise to a picture of 8 x 8 pixels."""
    stack = [
        keras.Input((NOISE,), name="noise"),
        layers.Dense(128, activation="relu"),
        layers.BatchNormalization(momentum=0.8),
        layers.Dense(128, activation="relu"),
        layers.BatchNormalization(momentum=0.8),
        layers.Dense(64, activation="sigmoid"),
        layers.Reshape((8, 8, 1), name="image"),
    ]
    return keras.Sequential(stack, name="generator")


def critic() -> keras.Sequential:
    """A picture to a score: large for a real one."""
    stack = [
        keras.Input((8, 8, 1), name="image"),
        layers.Flatten(),
        layers.Dense(128),
        layers.LeakyReLU(0.2),
        layers.Dropout(0.3),
        layers.Dense(64),
        layers.LeakyReLU(0.2),
        layers.Dense(1),
    ]
    return keras.Sequential(stack, name="critic")


def main(folder: str = "out") -> None:
    """Train, look at the pictures, export the generator."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(1)
    images: NDArray[np.float32] = (load_digits().images / 16).astype(np.float32)[
        ..., None
    ]
    gan = GAN(generator(), critic())
    gan.compile(
        keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5)
    )
    gan.fit(images, batch_size=128, epochs=80, verbose=0)

    noise = np.random.default_rng(3).normal(size=(500, NOISE)).astype(np.float32)
    drawn = gan.generator.predict(noise, verbose=0)
    distance = float(np.abs(drawn.mean(0) - images.mean(0)).mean())
    print(f"the mean of drawn digits is {distance:.3f} from that of real ones")
    framed = np.pad(drawn[:32, ..., 0], ((0, 0), (1, 1), (1, 1)))
    rows = framed.reshape(4, 8, 10, 10).swapaxes(1, 2).reshape(40, 80, 1)
    keras.utils.save_img(out / "gan.png", np.kron(rows, np.ones((4, 4, 1))))
    print(gan.generator.export(out / "generator.onnx"))


if __name__ == "__main__":
    main(*sys.argv[1:])
