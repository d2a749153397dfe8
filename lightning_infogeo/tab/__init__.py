"""What the tab in TensorBoard is made from: how much of every record is written, and in which form."""

from lightning_infogeo.tab.coding import coded
from lightning_infogeo.tab.descriptions import bounded, names_of
from lightning_infogeo.tab.pictures import pictures_of
from lightning_infogeo.tab.record_budget import RecordBudget
from lightning_infogeo.tab.sample_layout import SampleLayout, laid_out
from lightning_infogeo.tab.settings import TabSettings

__all__ = ["RecordBudget", "SampleLayout", "TabSettings", "bounded", "coded", "laid_out", "names_of", "pictures_of"]
