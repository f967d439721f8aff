"""Settings that hold for the whole test run."""

import gc
import os

# The oracle computes with NumPy; it must be told before it is first imported.
os.environ["KERAS_BACKEND"] = "numpy"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("COLUMNS", "100")

import pytest
from hypothesis import settings

settings.register_profile("seqir", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("seqir")


def pytest_collection_finish() -> None:
    """Leaves the tens of thousands of tests themselves to no garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def fresh_names() -> None:
    """Names, random numbers and the type of new layers start anew in every test.

    A test that sets a policy back to "float32" has still chosen one.
    """
    from seqir import dtype_policies, initializers, naming

    dtype_policies.reset()
    naming.reset()
    initializers.set_random_seed(0)


@pytest.fixture(autouse=True)
def fresh_numbers(request: pytest.FixtureRequest) -> None:
    """A test's data is the same whichever tests of its module ran before."""
    rng = getattr(request.module, "RNG", None)
    if rng is not None:
        rng.bit_generator.state = type(rng.bit_generator)(0).state
