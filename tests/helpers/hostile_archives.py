"""Runs whose names, metadata and events would do harm on a page that did not escape them."""

from tests.helpers.synthetic_archives import write
from tests.helpers.synthetic_runs import training

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
LINK = "<a href='javascript:alert(1)'>&lt;b&gt; %{x} $1</a>"


def hostile(folder, labels=True):
    """Writes three runs below a folder, with two probes and weights; the second has events."""
    for k, text in enumerate((SCRIPT.replace("/", "∕"), IMAGE, LINK.replace("/", "∕"))):
        run = training(
            k, records=12, samples=20, way=k // 2, note=text, width=16 * 2 ** (k % 2), **{IMAGE: SCRIPT + str(k // 2)}
        )
        run = run if labels else run._replace(labels=None)
        event = {"name": SCRIPT, "probe": "val", "step": 4, "detected_at": 6, "strength": 0.5, "message": IMAGE}
        odd = {"name": IMAGE, "probe": LINK, "step": SCRIPT, "strength": None, "message": [SCRIPT]}
        more = {"train": training(50 + k, records=12, samples=20)}
        write(folder / text / "infogeo.zarr", run, events=[event, odd] if k == 1 else [], weights=True, more=more)
    return folder
