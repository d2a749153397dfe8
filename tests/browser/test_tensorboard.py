"""TensorBoard itself in a real browser: the link that is said at the start of training shows the right cards."""

import re
import subprocess
import sys

import pytest
from lightning.pytorch.loggers import TensorBoardLogger

from lightning_infogeo import EmbeddingSettings, InfoGeometryMonitor
from tests.browser import chromium
from tests.helpers.classifiers import fit, val_loader
from tests.helpers.markers import mislabelled

pytestmark = chromium.needed

SHADOWS = """(() => {
    const seen = [];
    const walk = (node) => {
        if (node.nodeType === Node.TEXT_NODE) seen.push(node.textContent.trim());
        if (node.shadowRoot) walk(node.shadowRoot);
        if (node.tagName !== "STYLE" && node.tagName !== "SCRIPT") node.childNodes.forEach(walk);
    };
    if (document.body) walk(document.body);
    return seen.filter((text) => text).join("\\n");
})()"""
"""All text of a page that is made of elements with documents of their own."""

CARDS = "document.querySelectorAll('metrics-pinned-view card-view').length"
PICTURES = """[...document.querySelectorAll("metrics-pinned-view image-card img")]
    .filter((one) => one.complete).map((one) => [one.naturalWidth, one.naturalHeight])"""

GROUNDS = """[...document.querySelectorAll("metrics-pinned-view image-card img")].map((one) => {
    const ground = (element) => getComputedStyle(element).backgroundColor;
    while (ground(one) === "rgba(0, 0, 0, 0)") one = one.parentElement;
    return ground(one);
})"""
"""What pictures without a ground of their own stand on."""


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """Returns the log directory of a training that overfits, and the link that was said."""
    folder, said = tmp_path_factory.mktemp("live"), []
    logger = TensorBoardLogger(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lightning_infogeo.monitor.session.say", said.append)
        monitor = InfoGeometryMonitor(embedding=EmbeddingSettings(share=1.0))
        fit(monitor, folder, train=mislabelled(), val=val_loader(400), logger=logger, max_steps=200, max_epochs=-1)
    (link,) = re.findall(r"http://localhost:6006/\?\S+", "\n".join(said))
    return logger.root_dir, link


@pytest.fixture(scope="module")
def served(training):
    """Returns the address of a TensorBoard on that directory, and the link on its port."""
    logs, link = training
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", logs, "--port", "0", "--host", "127.0.0.1"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        port = None
        while port is None:
            line = running.stderr.readline()
            assert line, "TensorBoard ended"
            port = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        address = f"http://127.0.0.1:{port[1]}/"
        yield address, link.replace("http://localhost:6006/", address)
    finally:
        running.terminate()
        running.wait(30)
        running.stderr.close()


@pytest.mark.parametrize("dark", [False, True])
def test_the_link_shows_two_pictures_and_three_curves(served, dark, tmp_path):
    async def work(tab):
        await tab.visit(served[1], dark=dark)
        await tab.until(f"{CARDS} === 5 && {PICTURES}.length === 2")
        titles = await tab.value("document.querySelector('metrics-pinned-view').innerText")
        grounds = await tab.value(GROUNDS)
        await tab.screenshot(tmp_path / "pinned.png")
        return await tab.value(PICTURES), titles.replace("\n/", "/"), grounds

    sizes, titles, grounds = chromium.browse(work)
    assert sizes == [[760, 400], [760, 400]]
    for tag in ("curves", "embedding", "val/distance_to_truth", "train/distance_to_truth", "val/velocity"):
        assert f"infogeo/{tag}" in titles
    assert set(grounds) == ({"rgb(48, 48, 48)"} if dark else {"rgb(255, 255, 255)"})  # what inks are made for


def test_custom_scalars_has_a_chart_for_each_quantity(served):
    async def work(tab):
        await tab.visit(f"{served[0]}#custom_scalars")
        await tab.until(f"{SHADOWS}.includes('information length')")
        return await tab.value(SHADOWS)

    shown = chromium.browse(work).splitlines()
    for title in ("infogeo", "distance to truth", "distance to truth, beside losses", "information velocity"):
        assert title in shown


def test_events_are_a_list_in_text(served):
    async def work(tab):
        await tab.visit(f"{served[0]}#text")
        await tab.until(f"{SHADOWS}.includes('overfitting on val since step')")
        return await tab.value(SHADOWS)

    assert re.search(r"overfitting on val since step \d+, known at \d+", chromium.browse(work))
