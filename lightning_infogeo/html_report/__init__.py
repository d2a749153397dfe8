"""One HTML page about recorded runs, which holds all it needs. Nothing else in the package knows plotly."""

from lightning_infogeo.html_report.document import page as page
from lightning_infogeo.html_report.document import plotly_script as plotly_script
from lightning_infogeo.html_report.payload import ReportPayload as ReportPayload
from lightning_infogeo.html_report.payload import ReportRun as ReportRun
