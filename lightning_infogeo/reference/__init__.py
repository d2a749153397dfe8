"""Finished runs to measure a running one by."""

from lightning_infogeo.reference.chart import Chart as Chart
from lightning_infogeo.reference.chart import chart as chart
from lightning_infogeo.reference.progress_table import QUANTITIES as QUANTITIES
from lightning_infogeo.reference.progress_table import Reference as Reference
from lightning_infogeo.reference.progress_table import against as against
from lightning_infogeo.reference.progress_table import reference as reference
from lightning_infogeo.reference.references import References as References
