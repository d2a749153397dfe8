"""The command line, ``lightning-infogeo``."""

from lightning_infogeo.cli.commands import main as main
