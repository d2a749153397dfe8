"""How records reach the user: off the device without waiting, into every logger, and as a table at the end."""

from lightning_infogeo.report.mailbox import Mailbox as Mailbox
from lightning_infogeo.report.publisher import Publisher as Publisher
from lightning_infogeo.report.publisher import takes_figures as takes_figures
from lightning_infogeo.report.summary import Summary as Summary
from lightning_infogeo.report.summary import shown as shown
from lightning_infogeo.report.tables import event_list as event_list
from lightning_infogeo.report.tables import summary_table as summary_table
