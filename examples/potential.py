"""A small potential learns the energy of atoms; its gradient is their forces.

The network sums a function of the distance over all pairs of five atoms. It is trained
on energies alone, those of a Morse potential. ``seqir.grad`` makes a second model of
it, which gives the energy and its gradient by the positions: the forces, with their
sign turned. Both go into one ONNX file of standard operators.

What happens: the forces of the file are compared with central differences of the
energy, and then plain onnxruntime moves the atoms by them. If forces and energy belong
together, kinetic and potential energy keep their sum.

Run: ``python examples/potential.py [FOLDER]``
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import seqir as keras
from seqir import layers, ops

ATOMS = 5


def morse(positions: np.ndarray) -> np.ndarray:
    """The energy of each of many clusters: (1 - e^(1 - r))² - 1 for every pair."""
    i, j = np.triu_indices(ATOMS, 1)
    r = np.linalg.norm(positions[:, i] - positions[:, j], axis=-1)
    return np.sum((1 - np.exp(1 - r)) ** 2 - 1, axis=-1, keepdims=True)


def clusters(count: int, rng: np.random.Generator) -> np.ndarray:
    """Clusters whose atoms are not too near to each other."""
    found: list[np.ndarray] = []
    i, j = np.triu_indices(ATOMS, 1)
    while len(found) < count:
        positions = rng.normal(scale=1.1, size=(ATOMS, 3))
        if np.linalg.norm(positions[i] - positions[j], axis=-1).min() > 0.7:
            found.append(positions)
    return np.array(found)


class Pairs(layers.Layer):
    """The distances of all pairs, each as 16 bells along the axis of distances."""

    def call(self, positions: Any) -> Any:
        i, j = np.triu_indices(ATOMS, 1)
        between = ops.take(positions, i, axis=1) - ops.take(positions, j, axis=1)
        distance = ops.sqrt(ops.sum(between * between, axis=-1, keepdims=True))
        centres = np.linspace(0.5, 5, 16)
        return ops.exp(-2 * (distance - centres) ** 2)


def total(energies: Any) -> Any:
    """The sum over all pairs."""
    return ops.sum(energies, axis=1)


def potential() -> keras.Model:
    """Positions to energy, in double precision."""
    keras.utils.set_random_seed(5)
    positions = keras.Input((ATOMS, 3), name="positions")
    x = Pairs(name="pairs")(positions)
    x = layers.Dense(24, activation="tanh", name="hidden")(x)
    x = layers.Dense(1, use_bias=False, name="pair_energy")(x)
    energy = layers.Lambda(total, name="energy")(x)
    return keras.Model(positions, energy, name="potential")


def main(folder: str = "out") -> None:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    keras.config.set_floatx("float64")
    rng = np.random.default_rng(3)
    positions = clusters(1500, rng)
    energies = morse(positions)

    model = potential()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(positions, energies, batch_size=50, epochs=30, verbose=0)
    model.compile(keras.optimizers.Adam(0.001), "mse")
    model.fit(positions, energies, batch_size=50, epochs=10, verbose=0)
    fresh = clusters(200, rng)
    error = np.abs(model.predict(fresh, verbose=0) - morse(fresh)).mean()
    print(f"energies of 200 new clusters: {error:.3f} off, of {energies.std():.2f}")

    forces = keras.grad(model, wrt="positions")
    print(forces.export(out / "potential.onnx"))
    session = onnxruntime.InferenceSession(out / "potential.onnx")

    def compute(x: np.ndarray) -> tuple[float, np.ndarray]:
        energy, slope = session.run(["energy", "d/positions"], {"positions": x[None]})
        return float(energy[0, 0]), -slope[0]

    x: np.ndarray = fresh[0]
    force = compute(x)[1]
    numeric = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-5
        numeric[place] = -(compute(x + step)[0] - compute(x - step)[0]) / 2e-5
    print(f"forces: {np.abs(force - numeric).max():.1e} from central differences")

    dt = 0.02
    velocity: np.ndarray = rng.normal(scale=0.2, size=x.shape)
    energy, force = compute(x)
    totals: list[float] = []
    for _ in range(500):  # velocity Verlet
        velocity = velocity + force * dt / 2
        x = x + velocity * dt
        energy, force = compute(x)
        velocity = velocity + force * dt / 2
        totals.append(energy + float((velocity**2).sum()) / 2)
    drift = np.ptp(totals) / np.std(energies)
    print(f"500 steps by onnxruntime: the total energy moves by {drift:.1e}")
    keras.config.set_floatx("float32")


if __name__ == "__main__":
    main(*sys.argv[1:2])
