"""``seqir.optimizers.legacy``: what Keras 2 kept there is refused, with a hint."""

from typing import NoReturn

from seqir import absent


def __getattr__(name: str) -> NoReturn:
    absent.refuse("optimizers.legacy", name)
