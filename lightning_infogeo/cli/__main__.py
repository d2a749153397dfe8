"""Lets ``python -m lightning_infogeo.cli`` and ``torchrun -m lightning_infogeo.cli`` run the command line."""

from lightning_infogeo.cli.commands import main

if __name__ == "__main__":
    main()
