"""One HTML page about recorded runs, which holds all it needs. Nothing else in the package knows plotly."""

from lightning_infogeo.page.contents import Contents as Contents
from lightning_infogeo.page.contents import Subject as Subject
from lightning_infogeo.page.document import page as page
from lightning_infogeo.page.document import plotly_script as plotly_script
