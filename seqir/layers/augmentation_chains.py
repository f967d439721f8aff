"""A layer that mixes an image with several chains of random changes of it."""

from __future__ import annotations

from seqir import ops, random
from seqir.arguments import integer, number, one_of
from seqir.layer.aliases import Tensors
from seqir.layers.augmentation import Drawn, Factor, Seed, Valued, span
from seqir.layers.augmentation_affine import INTERPOLATIONS
from seqir.layers.augmentation_mix import one_of_steps, random_steps
from seqir.ops.tensor import Result

_COLORS = (
    "random_brightness",
    "random_color_degeneration",
    "random_contrast",
    "random_sharpness",
)
"""Steps that `all_ops` adds."""


class AugMix(Valued):
    """Images mixed with `num_chains` chains of `chain_depth` random changes of them.

    Weights and kinds of changes are the same for a whole batch. A change may be none.

    Shapes: x[N, H, W, 3] -> y as x.
    Units: factor: strength of the changes; f means from 0 to f. alpha: parameter of
    the distributions of weights.
    Source: Keras 3 ``layers.AugMix``; arXiv:1912.02781.
    """

    value_range: Factor = (0, 255)
    num_chains: int = 3
    chain_depth: int = 3
    factor: Factor = 0.3
    alpha: float = 1.0
    all_ops: bool = True
    interpolation: str = "bilinear"
    seed: int | None = None
    data_format: str | None = None

    def setup(self) -> None:
        super().setup()
        self.num_chains = integer("num_chains", self.num_chains, least=1)
        self.chain_depth = integer("chain_depth", self.chain_depth, least=1)
        self.factor = span("factor", self.factor, 0, 1)
        self.alpha = number("alpha", self.alpha, above=0)
        one_of("interpolation", self.interpolation, INTERPOLATIONS)
        left_out = () if self.all_ops else _COLORS
        self._steps = random_steps(self, self.factor, self.interpolation, left_out)
        for name, step in self._steps.items():
            setattr(self, name, step)

    def drawn(self, data: Tensors, seed: Seed) -> Drawn:
        source, count = self.source(seed), len(self._steps) + 1
        shares = random.gamma((self.num_chains,), self.alpha, seed=source)
        sizes = self.num_chains, self.chain_depth
        chains = [
            [
                {
                    name: step.get_random_transformation(data, seed=source)
                    for name, step in self._steps.items()
                }
                for _ in range(self.chain_depth)
            ]
            for _ in range(self.num_chains)
        ]
        return {
            "chain_mixing_weights": shares / ops.sum(shares),
            "weight_sample": random.beta((), self.alpha, self.alpha, seed=source),
            "layer_idxes": random.randint(sizes, 0, count, seed=source),
            "chain_transforms": chains,
        }

    def changed(self, images: Result, transformation: Drawn) -> Result:
        return self.clipped(self._mixed("transform_images", images, transformation))

    def transform_segmentation_masks(
        self, segmentation_masks: Result, transformation: Drawn, training: bool = True
    ) -> Result:
        if not training:
            return segmentation_masks
        masks = ops.cast(segmentation_masks, self.compute_dtype)
        return self._mixed("transform_segmentation_masks", masks, transformation)

    def _mixed(self, method: str, x: Result, transformation: Drawn) -> Result:
        """x and what the chains make of it, by the weights that were drawn."""
        shares, weight = (
            ops.cast(transformation[name], x.dtype)
            for name in ("chain_mixing_weights", "weight_sample")
        )
        kinds = transformation["layer_idxes"]
        total = ops.zeros_like(x)
        for i, chain in enumerate(transformation["chain_transforms"]):
            y = x
            for j, drawn in enumerate(chain):
                y = one_of_steps(self._steps, method, y, kinds[i, j], drawn)
            total = total + y * shares[i]
        return weight * x + (1.0 - weight) * total


__all__ = ["AugMix"]
