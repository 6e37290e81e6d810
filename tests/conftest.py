"""What several test files share."""

import pytest

import tongtou as tt
from tongtou import evaluation


@pytest.fixture(scope="session")
def mnist():
    """The embedded digits."""
    return tt.datasets.mnist()


@pytest.fixture
def use_kernel():
    """A function that switches kernels for the length of one test."""
    kernel = evaluation.kernel
    if kernel is None:
        pytest.fail("these tests need the compiled kernel")
    before = kernel.kernel_in_use()
    yield kernel.use_kernel
    kernel.use_kernel(before)


@pytest.fixture(params=evaluation.kernel.kernel_names() if evaluation.kernel else ["none"])
def each_kernel(request, use_kernel):
    """Runs the test once for every kernel of this machine."""
    use_kernel(request.param)
    return request.param
