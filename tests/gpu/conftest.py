"""The same tests on CUDA and, where they say something there, on the CPU."""

import os

import pytest
import torch

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read once, when cuBLAS is first used


@pytest.fixture(params=[pytest.param("cuda", marks=pytest.mark.gpu), "cpu"])
def accelerator(request):
    return request.param


@pytest.fixture(autouse=True)
def _switches_as_found():
    """Lightning leaves deterministic algorithms on after a fit that asked for them."""
    yield
    torch.use_deterministic_algorithms(False)
