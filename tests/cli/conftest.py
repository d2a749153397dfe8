import pytest
import torch

from lightning_infogeo.cli import main


@pytest.fixture
def command(capsys):
    """Runs a command and returns (exit code, standard output, standard error)."""

    def run(*arguments):
        torch.set_num_threads(1)
        code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = stopped.code
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run
