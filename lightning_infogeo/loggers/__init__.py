"""How records reach the user: copied to the host, written to every logger, and summarised as a table at the end."""

from lightning_infogeo.loggers.fitted_table import FittedTable as FittedTable
from lightning_infogeo.loggers.host_copy import HostCopies as HostCopies
from lightning_infogeo.loggers.summary import event_list as event_list
from lightning_infogeo.loggers.summary import summary_table as summary_table
from lightning_infogeo.loggers.terminal import Summary as Summary
from lightning_infogeo.loggers.writer import LoggerWriter as LoggerWriter
