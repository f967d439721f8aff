"""Models that are trained by hand, for seqir and, with `jax.grad`, for Keras.

``python by_hand_cases.py OUT.npz`` trains them with Keras on JAX.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Arrays = list[np.ndarray]
STEPS, BATCH, NOISE = 10, 6, 3


def batches(size: int) -> Iterator[tuple[np.ndarray, ...]]:
    """For each step data and two noises: both sides draw the same."""
    rng = np.random.default_rng(size)
    for _ in range(STEPS):
        yield (
            rng.normal(size=(BATCH, 5)).astype("float32"),
            rng.normal(size=(BATCH, NOISE)).astype("float32"),
            rng.uniform(size=(BATCH, 1)).astype("float32"),
        )


def filled(model: Any) -> Any:
    """The model with weights that both sides agree on."""
    rng = np.random.default_rng(7)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape).astype("float32") * 0.4)
    return model


def generator(keras: Any) -> Any:
    layers = keras.layers
    return filled(
        keras.Sequential(
            [
                keras.Input((NOISE,)),
                layers.Dense(6),
                layers.BatchNormalization(momentum=0.8),
                layers.LeakyReLU(negative_slope=0.2),
                layers.Dense(5),
            ]
        )
    )


def critic(keras: Any) -> Any:
    layers = keras.layers
    stack = [layers.Dense(7, activation="tanh"), layers.Dense(1)]
    return filled(keras.Sequential([keras.Input((5,)), *stack]))


def encoder(keras: Any) -> Any:
    x = keras.Input((5,))
    h = keras.layers.Dense(6, activation="relu")(x)
    ends = [keras.layers.Dense(NOISE)(h), keras.layers.Dense(NOISE)(h)]
    return filled(keras.Model(x, ends))


def decoder(keras: Any) -> Any:
    layers = keras.layers
    stack = [layers.Dense(6, activation="relu"), layers.Dense(5)]
    return filled(keras.Sequential([keras.Input((NOISE,)), *stack]))


# The losses, written once: `call` maps a network and its inputs to outputs.


def gan_losses(keras: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    ops = keras.ops
    loss = keras.losses.BinaryCrossentropy(from_logits=True)

    def of_critic(call: Any, d: Any, real: Any, fake: Any) -> Any:
        scores = call(d, ops.concatenate([fake, real], axis=0))
        labels = ops.concatenate([ops.ones((BATCH, 1)), ops.zeros((BATCH, 1))])
        return loss(labels, scores)

    def of_generator(call: Any, d: Any, g: Any, noise: Any) -> Any:
        return loss(ops.zeros((BATCH, 1)), call(d, call(g, noise)))

    return of_critic, of_generator


def vae_loss(keras: Any, call: Any, e: Any, d: Any, x: Any, eps: Any) -> Any:
    ops = keras.ops
    mean, log_var = call(e, x)
    z = mean + ops.exp(0.5 * log_var) * eps
    error = ops.mean(ops.sum(ops.square(x - call(d, z)), axis=-1))
    kl = -0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var))
    return error + ops.mean(ops.sum(kl, axis=-1))


def optimizers(keras: Any) -> tuple[Any, Any]:
    make = keras.optimizers
    return make.Adam(0.01, beta_1=0.5), make.RMSprop(0.02, momentum=0.5)


# seqir: the steps are methods.


def seqir_models(keras: Any) -> dict[str, Any]:
    class Gan(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.d, self.g = critic(keras), generator(keras)

        def compile(self) -> None:
            super().compile()
            self.d_optimizer, self.g_optimizer = optimizers(keras)

        def train_step(self, data: Any) -> Any:
            real, noise, _ = data[0]
            of_critic, of_generator = gan_losses(keras)
            fake = self.g(noise, training=True)
            d_loss = of_critic(trained, self.d, real, fake)
            weights = self.d.trainable_weights
            self.d_optimizer.apply(keras.gradient(d_loss, weights), weights)
            g_loss = of_generator(trained, self.d, self.g, noise)
            weights = self.g.trainable_weights
            gradients = keras.gradient(g_loss, weights)
            self.g_optimizer.apply_gradients(zip(gradients, weights, strict=True))
            return {"d_loss": d_loss, "g_loss": g_loss}

    class WGan(Gan):
        def train_step(self, data: Any) -> Any:
            ops = keras.ops
            real, noise, mix = data[0]
            weights = self.d.trainable_weights
            for _ in range(2):
                fake = self.g(noise, training=True)
                between = real + mix * (fake - real)
                slope = keras.gradient(self.d(between), between)
                norm = ops.sqrt(ops.sum(ops.square(slope), axis=1))
                penalty = ops.mean(ops.square(norm - 1.0))
                d_loss = ops.mean(self.d(fake)) - ops.mean(self.d(real)) + 10 * penalty
                self.d_optimizer.apply(keras.gradient(d_loss, weights), weights)
            g_loss = -ops.mean(self.d(self.g(noise, training=True)))
            weights = self.g.trainable_weights
            self.g_optimizer.apply(keras.gradient(g_loss, weights), weights)
            return {"d_loss": d_loss, "g_loss": g_loss}  # pyright: ignore[reportPossiblyUnboundVariable]

    class Vae(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.d, self.g = encoder(keras), decoder(keras)

        def compile(self) -> None:
            super().compile(optimizer=optimizers(keras)[0])

        def train_step(self, data: Any) -> Any:
            x, eps, _ = data[0]
            loss = vae_loss(keras, trained, self.d, self.g, x, eps)
            weights = self.trainable_weights
            self.optimizer.apply(keras.gradient(loss, weights), weights)
            return {"loss": loss}

    def trained(network: Any, x: Any) -> Any:
        return network(x, training=True)

    return {"gan": Gan, "wgan": WGan, "vae": Vae}


def with_seqir(keras: Any, case: str) -> Iterator[Arrays]:
    model = seqir_models(keras)[case]()
    model.compile()
    for batch in batches(len(case)):
        model.train_on_batch(batch)
        yield [w.numpy() for part in (model.d, model.g) for w in part.weights]


# Keras: the steps are functions of the weights.


class Differentiated:
    """Two networks of Keras, trained with `jax.grad`: weights are arguments."""

    def __init__(self, keras: Any, case: str) -> None:
        self.keras = keras
        self.d = (encoder if case == "vae" else critic)(keras)
        self.g = (decoder if case == "vae" else generator)(keras)
        self.weights = {m: [v.value for v in m.trainable_variables] for m in self.both}
        self.rest = {m: [v.value for v in m.non_trainable_variables] for m in self.both}
        self.owned = [self.both, []] if case == "vae" else [[self.d], [self.g]]
        self.optimizers = optimizers(keras)
        self.slots: list[Any] = []
        for optimizer, models in zip(self.optimizers, self.owned, strict=True):
            optimizer.build([v for m in models for v in m.trainable_variables])
            self.slots.append([v.value for v in optimizer.variables])

    @property
    def both(self) -> list[Any]:
        return [self.d, self.g]

    def step(self, which: int, loss: Callable[..., Any], *args: Any) -> None:
        """One update by the gradient of ``loss(call, *args)``."""
        import jax

        models = self.owned[which]

        def of_weights(weights: Any) -> Any:
            given = self.weights | dict(zip(models, weights, strict=True))
            moved = dict(self.rest)

            def call(network: Any, x: Any) -> Any:
                y, moved[network] = network.stateless_call(
                    given[network], moved[network], x, training=True
                )
                return y

            return loss(call, *args), [moved[m] for m in self.both]

        before = [self.weights[m] for m in models]
        gradients, moved = jax.grad(of_weights, has_aux=True)(before)
        flat, self.slots[which] = self.optimizers[which].stateless_apply(
            self.slots[which],
            [g for own in gradients for g in own],
            [w for own in before for w in own],
        )
        for model in models:
            count = len(self.weights[model])
            self.weights[model], flat = flat[:count], flat[count:]
        self.rest = dict(zip(self.both, moved, strict=True))

    def plain(self, network: Any, x: Any) -> Any:
        y, self.rest[network] = network.stateless_call(
            self.weights[network], self.rest[network], x, training=True
        )
        return y

    def gan(self, x: Any, noise: Any, mix: Any) -> None:
        of_critic, of_generator = gan_losses(self.keras)
        self.step(0, of_critic, self.d, x, self.plain(self.g, noise))
        self.step(1, of_generator, self.d, self.g, noise)

    def wgan(self, x: Any, noise: Any, mix: Any) -> None:
        for _ in range(2):
            self.step(0, self.with_penalty, x, mix, self.plain(self.g, noise))
        self.step(1, self.realness, noise)

    def with_penalty(self, call: Any, x: Any, mix: Any, fake: Any) -> Any:
        import jax
        import jax.numpy as jnp

        between = x + mix * (fake - x)
        slope = jax.grad(lambda b: jnp.sum(call(self.d, b)))(between)
        penalty = jnp.mean((jnp.sqrt(jnp.sum(slope**2, axis=1)) - 1.0) ** 2)
        return jnp.mean(call(self.d, fake)) - jnp.mean(call(self.d, x)) + 10 * penalty

    def realness(self, call: Any, noise: Any) -> Any:
        return -self.keras.ops.mean(call(self.d, call(self.g, noise)))

    def vae(self, x: Any, eps: Any, mix: Any) -> None:
        self.step(0, lambda call: vae_loss(self.keras, call, self.d, self.g, x, eps))

    def arrays(self) -> Arrays:
        for m in self.both:
            pairs = [
                *zip(m.trainable_variables, self.weights[m], strict=True),
                *zip(m.non_trainable_variables, self.rest[m], strict=True),
            ]
            for variable, value in pairs:
                variable.assign(value)
        return [np.asarray(w.value) for m in self.both for w in m.weights]


def with_keras(keras: Any, case: str) -> Iterator[Arrays]:
    training = Differentiated(keras, case)
    for batch in batches(len(case)):
        getattr(training, case)(*batch)
        yield training.arrays()


CASES = ("gan", "wgan", "vae")

if __name__ == "__main__":
    import keras

    found: dict[str, np.ndarray] = {}
    for case in CASES:
        for number, arrays in enumerate(with_keras(keras, case)):
            found |= {f"{case}/{number}/{i}": a for i, a in enumerate(arrays)}
    np.savez(sys.argv[1], **found)
