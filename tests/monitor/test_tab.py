"""What a training writes for TensorBoard's tab, read back from real event files and compared with the model itself."""

import itertools
import math

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_infogeo import ConfigurationError, InfoGeometryMonitor, Probe, TabSettings
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.loggers.adapters.tensorboard import TensorBoardAdapter
from lightning_infogeo.monitor.device.sample_rows import SampleRows
from tests.helpers.classifiers import IMAGES, LABELS, Classifier, digest, fit, train_loader
from tests.helpers.markers import At
from tests.helpers.resuming import REMARKS_ON_RESUMING, ByStep, saved
from tests.helpers.tab_files import TabFiles
from tests.helpers.tasks import Language, ManyLabels, Segmentation, loaders

pytestmark = REMARKS_ON_RESUMING

PROBE = Probe(IMAGES[:40], LABELS[:40])


class Seen(pl.Callback):
    """Log-probabilities of the model at each step."""

    def __init__(self, inputs):
        self.inputs, self.at = inputs, {}

    def on_train_start(self, trainer, pl_module):
        self.on_train_batch_end(trainer, pl_module)

    @torch.no_grad()
    def on_train_batch_end(self, trainer, pl_module, *args):
        training = pl_module.training
        pl_module.eval()
        self.at[trainer.global_step] = pl_module(self.inputs).double().log_softmax(-1)
        pl_module.train(training)


class Wide(Classifier):
    """Digits among 1,000 classes."""

    def __init__(self):
        super().__init__(nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 1000)))


def written(tmp_path, monitor=None, more=(), **options):
    logger = TensorBoardLogger(tmp_path, name="")
    monitor = monitor or InfoGeometryMonitor(probes={"val": PROBE}, schedule=3)
    fit([monitor, *more], tmp_path, logger=logger, **options)
    return TabFiles(logger.log_dir), monitor


def test_amplitudes_and_answers_are_those_of_the_model(tmp_path):
    seen = Seen(IMAGES[:40])
    files, _ = written(tmp_path, more=[seen])
    assert files.steps("infogeo/val/amplitudes") == files.steps("infogeo/val/answers") == [0, 3, 6, 9, 12]
    for step, coded in files.values["infogeo/val/amplitudes"]:
        assert coded.dtype == "uint8"
        assert abs(torch.tensor(coded) / 255 - (seen.at[step] / 2).exp()).max() <= 0.5 / 255 + 1e-6
    for step, answers in files.values["infogeo/val/answers"]:
        log_p = seen.at[step]
        own = log_p.gather(1, LABELS[:40, None])[:, 0]
        rival = torch.stack([max(row[c] for c in range(10) if c != y) for row, y in zip(log_p, LABELS, strict=False)])
        expected = torch.stack([own, rival, log_p.argmax(1).double()], 1)
        torch.testing.assert_close(torch.tensor(answers).double(), expected, rtol=2**-11, atol=1e-6)


def test_the_tags_say_what_they_hold(tmp_path):
    monitor = InfoGeometryMonitor(schedule=3, probe_size=30)
    files, _ = written(tmp_path, monitor)
    about = files.about["infogeo/val/amplitudes"]
    probe = monitor.followed["val"]
    assert about["fingerprint"] == probe.fingerprint
    assert about["labels"] == probe.labels.tolist()
    assert (about["samples"], about["of"], about["classes"], about["width"]) == (30, 30, 10, 10)
    assert about["sketch"] is about["indices"] is about["inputs"] is None
    assert [files.about[f"infogeo/{name}/answers"]["trained"] for name in ("train", "val")] == [True, False]
    assert about["run"]["metadata"]["model"] == "Classifier"
    assert about["run"]["metadata"]["optimizers"][0]["lr"] == 0.01
    assert {tag.split("/")[-1]: of["kind"] for tag, of in files.about.items()} == {
        kind: kind for kind in ("amplitudes", "answers", "numbers", "events")
    }


def test_numbers_are_those_of_the_trajectory(tmp_path):
    files, monitor = written(tmp_path)
    names = files.about["infogeo/val/numbers"]["quantities"]
    assert names[0] == "optimizer_step"
    for k, (step, values) in enumerate(files.values["infogeo/val/numbers"]):
        expected = [step, *(float(getattr(monitor.trajectories["val"], name)[k]) for name in names[1:])]
        assert values.tolist() == pytest.approx(expected, nan_ok=True, rel=1e-12)


def test_events_verdicts_and_the_end_are_told(tmp_path):
    files, monitor = written(tmp_path, InfoGeometryMonitor(probes={"val": PROBE}, schedule=3, markers=[At(6)]))
    first, last = files.values["infogeo/events"][0][1], files.last("infogeo/events")
    assert (first["events"], first["ended"]) == ([], False)
    assert [event["headline"] for event in last["events"]] == [event.headline for event in monitor.events] != []
    assert last["ended"]
    assert last["steps"] == {"last": 12, "planned": 12}
    told = [text for _, text in files.values["infogeo/events"]]
    assert all(a != b for a, b in itertools.pairwise(told))


def test_many_classes_are_sketched_with_their_way_to_the_truth_and_overlaps_are_kept(tmp_path):
    probe, seen = Probe(IMAGES[:200], LABELS[:200]), Seen(IMAGES[:200])
    monitor = InfoGeometryMonitor(probes={"val": probe}, schedule=3, tab=TabSettings("2 MB"))
    files, _ = written(tmp_path, monitor, [seen], model=Wide)
    about = files.about["infogeo/val/amplitudes"]
    assert (about["width"], about["sketch"]["seed"], about["classes"]) == (64, 0, 1000)
    places = torch.arange(200) if about["indices"] is None else torch.tensor(about["indices"])
    assert len(places) == about["samples"]

    def unit(coded):
        values = torch.tensor(coded).double() - 128
        return values / values.norm(dim=-1, keepdim=True)

    way = unit(files.last("infogeo/val/geodesic"))
    assert (3 <= len(way) <= 11, way.shape[1:]) == (True, (about["samples"], 64))
    for step, coded in files.values["infogeo/val/amplitudes"]:
        own = (seen.at[step][places] / 2).exp()
        truth = own.gather(1, LABELS[places, None])[:, 0]
        ignorance = own.sum(1) / 1000**0.5
        error = 5 / (64 * len(places)) ** 0.5
        assert float((unit(coded) * way[-1]).sum(-1).mean() - truth.mean()) == pytest.approx(0, abs=error)
        assert float((unit(coded) * way[0]).sum(-1).mean() - ignorance.mean()) == pytest.approx(0, abs=error)
        expected = Sketch(len(places), 1000, 64)(own.float())
        cosine = (unit(coded) * expected / expected.norm(dim=-1, keepdim=True)).sum(-1)
        assert cosine.min() > 0.999
    answers = torch.tensor(files.last("infogeo/val/answers"))
    assert answers[:, 2].tolist() == seen.at[12][places].argmax(1).tolist()


def test_what_the_monitor_sketches_itself_is_sketched_once_more(tmp_path):
    monitor = InfoGeometryMonitor(probes={"val": PROBE}, schedule=3, memory="520kB", tab=TabSettings(10**5))
    files, _ = written(tmp_path, monitor, model=Wide)
    assert files.about["infogeo/val/amplitudes"]["sketch"] == {"seed": 0, "of": 256}
    assert files.last("infogeo/val/amplitudes").shape[1] == 64
    assert files.last("infogeo/val/geodesic").shape[0] == 3
    own, rival, predicted = files.last("infogeo/val/answers").T
    assert ((own > rival) == (predicted == LABELS[:40].numpy())).all()


@pytest.mark.parametrize(
    ("task", "output"), [(Language, "tokens"), (Segmentation, "categorical"), (ManyLabels, "bernoulli")]
)
def test_samples_of_an_input_say_which_it_is(task, output, tmp_path):
    from lightning_infogeo.distributions import Categorical

    output = Categorical(ignore_index=255) if task is Segmentation else output
    monitor = InfoGeometryMonitor(schedule=3, output=output)
    files, _ = written(tmp_path, monitor, model=task, **loaders(task))
    about = files.about["infogeo/val/amplitudes"]
    assert len(about["inputs"]) == len(about["labels"]) == about["samples"]
    assert set(about["inputs"]) == set(range(16))
    assert about["classes"] == {Language: 400, Segmentation: 3, ManyLabels: 2}[task]
    own, rival, predicted = files.last("infogeo/val/answers").T
    decided = own != rival
    assert ((own > rival) == (predicted == torch.tensor(about["labels"]).numpy()))[decided].all()


def test_without_labels_there_is_the_likeliest_class(tmp_path):
    seen = Seen(IMAGES[:40])
    files, _ = written(tmp_path, InfoGeometryMonitor(probes={"val": Probe(IMAGES[:40])}, schedule=3), [seen])
    assert files.about["infogeo/val/answers"]["labels"] is None
    own, likeliest, predicted = torch.tensor(files.last("infogeo/val/answers")).double().T
    assert own.isnan().all()
    torch.testing.assert_close(likeliest, seen.at[12].amax(1), rtol=2**-11, atol=1e-6)
    assert predicted.tolist() == seen.at[12].argmax(1).tolist()


def test_a_record_that_is_not_finite_has_numbers_alone(tmp_path):
    class Broken(Classifier):
        def forward(self, x):
            return super().forward(x) * (math.nan if not self.training and self.trainer.global_step == 6 else 1)

    with pytest.warns(UserWarning, match="not all finite"):
        files, _ = written(tmp_path, model=Broken)
    assert files.steps("infogeo/val/numbers") == [0, 3, 6, 9, 12]
    assert files.steps("infogeo/val/amplitudes") == files.steps("infogeo/val/answers") == [0, 3, 9, 12]


class TestPictures:
    def images(self):
        return IMAGES.reshape(-1, 1, 8, 8)

    def net(self):
        return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)))

    def test_come_once_where_inputs_are_images(self, tmp_path):
        probe = Probe(self.images()[:40], LABELS[:40])
        train = DataLoader(TensorDataset(self.images()[:96], LABELS[:96]), batch_size=16)
        monitor = InfoGeometryMonitor(probes={"val": probe}, schedule=3)
        files, _ = written(tmp_path, monitor, model=self.net, train=train, val=False)
        assert len(files.values["infogeo/val/pictures"]) == 1
        pictures, about = files.last("infogeo/val/pictures"), files.about["infogeo/val/pictures"]
        assert about["samples"] == list(range(40))
        levels = torch.tensor(pictures).float()[..., 0]
        torch.testing.assert_close(levels, (self.images()[:40, 0] * 255).round(), rtol=0, atol=1)

    @pytest.mark.parametrize("options", [{"tab": TabSettings(pictures=False)}, {"probes": {"val": PROBE}}])
    def test_do_not_come_otherwise(self, options, tmp_path):
        flat = "probes" in options
        probe = PROBE if flat else Probe(self.images()[:40], LABELS[:40])
        data = IMAGES if flat else self.images()
        train = DataLoader(TensorDataset(data[:96], LABELS[:96]), batch_size=16)
        monitor = InfoGeometryMonitor(schedule=3, **{"probes": {"val": probe}, **options})
        files, _ = written(tmp_path, monitor, model=self.net, train=train, val=False)
        assert "infogeo/val/pictures" not in files.values
        assert files.values["infogeo/val/amplitudes"]


@pytest.mark.parametrize("classes", [3, 50, 1000])
@pytest.mark.parametrize("budget", [100_000, 400_000])
def test_event_files_stay_within_the_budget(classes, budget, tmp_path):
    def model():
        return Classifier(nn.Sequential(nn.Linear(64, 4), nn.Linear(4, classes)))

    data = TensorDataset(IMAGES[:512], LABELS[:512] % 3)
    monitor = InfoGeometryMonitor(schedule=1, tab=TabSettings(budget), embedding=False)
    files, _ = written(
        tmp_path, monitor, model=model, train=DataLoader(data, 64), val=DataLoader(data, 64), max_steps=150
    )
    texts = sum(len(str(text)) for _, text in files.values["infogeo/events"])
    assert files.nbytes - texts <= budget
    assert files.nbytes >= budget / 4
    steps = files.steps("infogeo/val/amplitudes")
    assert (steps[0], steps[-1]) == (0, 150)


def test_nothing_is_written_on_request_nor_for_other_loggers(tmp_path, monkeypatch):
    packed = []
    monkeypatch.setattr(SampleRows, "__call__", lambda *args: packed.append(args))
    files, _ = written(tmp_path, InfoGeometryMonitor(schedule=3, tab=False))
    assert not files.values
    fit(InfoGeometryMonitor(schedule=3), tmp_path, logger=CSVLogger(tmp_path))
    fit(InfoGeometryMonitor(schedule=3), tmp_path)
    fit(InfoGeometryMonitor(schedule=3), tmp_path, logger=TensorBoardLogger(tmp_path), fast_dev_run=2)
    assert packed == []


def test_training_and_curves_are_the_same_with_and_without(tmp_path):
    digests, curves = set(), []
    for tab in (True, False):
        monitor = InfoGeometryMonitor(schedule=3, tab=tab)
        made = fit(monitor, tmp_path, logger=TensorBoardLogger(tmp_path))
        digests.add(digest(made))
        curves.append(monitor.trajectories["val"].state_dict()["values"])
    assert len(digests) == 1
    torch.testing.assert_close(*curves, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("same_folder", [True, False])
@pytest.mark.parametrize("at", [6, 7])
def test_a_resumed_training_goes_on(at, same_folder, tmp_path):
    def monitor():
        return InfoGeometryMonitor(probes={"val": PROBE}, schedule=3)

    whole, _ = written(tmp_path / "whole", monitor(), model=ByStep, max_steps=15)
    first = TensorBoardLogger(tmp_path / "parts", name="", version=0)
    options = {"every_n_train_steps": 1}
    fit([monitor(), saved(tmp_path, **options)], tmp_path, ByStep, logger=first, max_steps=9, enable_checkpointing=True)
    second = TensorBoardLogger(tmp_path / "parts", name="", version=0 if same_folder else 1)
    fit(monitor(), tmp_path, ByStep, ckpt_path=tmp_path / f"step={at}.ckpt", logger=second, max_steps=15)
    parts = TabFiles(tmp_path / "parts")
    for tag in ("amplitudes", "answers", "numbers"):
        found = dict(parts.values[f"infogeo/val/{tag}"])  # of two values at a step the last counts
        expected = dict(whole.values[f"infogeo/val/{tag}"])
        assert list(found) == list(expected) == [0, 3, 6, 9, 12, 15]
        for step, array in expected.items():
            torch.testing.assert_close(torch.tensor(found[step]), torch.tensor(array), rtol=0, atol=0, equal_nan=True)
    runs = {about["run"]["id"] for about in (parts.about["infogeo/val/numbers"], parts.about["infogeo/val/answers"])}
    assert len(runs) == 1


def test_a_file_that_is_begun_anew_is_described_anew(tmp_path):
    class Closes(pl.Callback):
        def on_train_batch_end(self, trainer, *args):
            if trainer.global_step == 7:
                trainer.logger.experiment.close()

    logger = TensorBoardLogger(tmp_path, name="")
    fit([InfoGeometryMonitor(probes={"val": PROBE}, schedule=3), Closes()], tmp_path, logger=logger)
    assert len(list(tmp_path.rglob("events*"))) == 2
    files = TabFiles(logger.log_dir)  # takes values of a file only after their description
    assert sorted(files.steps("infogeo/val/amplitudes")) == [0, 3, 6, 9, 12]
    assert sorted(files.steps("infogeo/events"))[-1] == 12


def test_two_monitors_have_tags_of_their_own(tmp_path):
    monitors = [InfoGeometryMonitor(probes={"val": PROBE}, schedule=3, prefix=prefix) for prefix in ("a", "b/c")]
    files, _ = written(tmp_path, monitors[0], monitors[1:])
    assert files.steps("a/val/answers") == files.steps("b/c/val/answers") == [0, 3, 6, 9, 12]
    assert files.about["b/c/val/answers"]["monitor"] == "b/c"


def test_a_logger_that_fails_on_them_keeps_its_curves(tmp_path, monkeypatch):
    def fails(self, tensors, step):
        raise OSError("disk full")

    monkeypatch.setattr(TensorBoardAdapter, "write_tensors", fails)
    with pytest.warns(UserWarning, match="disk full.*It gets no more tensors"):
        files, monitor = written(tmp_path)
    assert not files.values
    assert len(monitor.trajectories["val"]) == 5


def test_names_of_classes_are_those_of_the_data_set(tmp_path):
    class Named(TensorDataset):
        classes = tuple(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])

    subset = torch.utils.data.Subset(Named(IMAGES[:96], LABELS[:96]), range(90))
    files, _ = written(tmp_path, InfoGeometryMonitor(schedule=3), train=DataLoader(subset, batch_size=16))
    assert files.about["infogeo/val/answers"]["class_names"] == list(Named.classes)


@pytest.mark.parametrize("tab", ["8MB", 1, None])
def test_another_argument_is_refused(tab):
    with pytest.raises(ConfigurationError, match=r"tab=.*must be True, False or TabSettings"):
        InfoGeometryMonitor(tab=tab)


def test_train_and_held_out_probes_share_the_budget(tmp_path):
    files, _ = written(tmp_path, InfoGeometryMonitor(schedule=3), train=train_loader(size=400))
    assert files.about["infogeo/train/amplitudes"]["samples"] == 400
    assert files.about["infogeo/val/amplitudes"]["samples"] == 48


class Stops(pl.Callback):
    def __init__(self, error):
        self.error = error

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == 7:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("of the user's own")])
def test_a_training_that_is_broken_off_has_ended(error, tmp_path):
    logger = TensorBoardLogger(tmp_path, name="")
    with pytest.raises((SystemExit, ValueError)):
        fit([InfoGeometryMonitor(probes={"val": PROBE}, schedule=3), Stops(error)], tmp_path, logger=logger)
    told = TabFiles(logger.log_dir).last("infogeo/events")
    assert told["ended"]
    assert told["steps"]["last"] == 6


def test_a_training_that_is_extended_beyond_its_budget_is_written_on(tmp_path):
    def monitor():
        return InfoGeometryMonitor(probes={"val": PROBE}, schedule=1, tab=TabSettings(10**5, pictures=False))

    first, second = (TensorBoardLogger(tmp_path, name="", version=k) for k in (0, 1))
    made = fit(monitor(), tmp_path, logger=first, max_steps=200)
    made.save_checkpoint(tmp_path / "last.ckpt")
    fit(monitor(), tmp_path, logger=second, max_steps=400, ckpt_path=tmp_path / "last.ckpt")
    for logger, last in ((first, 200), (second, 400)):
        files = TabFiles(logger.log_dir)
        assert files.steps("infogeo/val/answers")[-1] == last
        assert 10 <= len(files.steps("infogeo/val/answers")) < 200
        assert files.nbytes - sum(len(str(text)) for _, text in files.values["infogeo/events"]) <= 10**5


def test_long_metadata_are_cut_and_leave_room_for_records(tmp_path):
    class Wordy(Classifier):
        def __init__(self, layout=tuple(range(100_000)), note="x" * 100_000, lr=1e-2):
            super().__init__(lr=lr)
            self.save_hyperparameters()

    class Named(TensorDataset):
        classes = tuple(f"{k} {'y' * 50_000}" for k in range(10))

    data = DataLoader(Named(IMAGES[:96], LABELS[:96]), batch_size=16)
    files, _ = written(tmp_path, InfoGeometryMonitor(schedule=3, tab=TabSettings("1 MB")), model=Wordy, train=data)
    about = files.about["infogeo/val/answers"]
    assert len(str(about)) < 10_000
    assert about["run"]["metadata"]["hyperparameters"]["lr"] == 0.01
    assert files.steps("infogeo/val/answers") == [0, 3, 6, 9, 12]


class Raises(TensorDataset):
    @property
    def classes(self):
        raise RuntimeError("not read yet")


class Endless(TensorDataset):
    @property
    def dataset(self):
        return self


@pytest.mark.parametrize(("kind", "warned"), [(Raises, "not read yet.*tab gets nothing"), (Endless, None)])
def test_objects_of_the_users_own_never_stop_a_training(kind, warned, tmp_path, recwarn):
    data = DataLoader(kind(IMAGES[:96], LABELS[:96]), batch_size=16)
    files, monitor = written(tmp_path, InfoGeometryMonitor(schedule=3), train=data)
    assert len(monitor.trajectories["val"]) == 5
    assert bool(files.values) == (warned is None)
    assert bool([one for one in recwarn if "tab gets nothing" in str(one.message)]) == (warned is not None)


def test_too_many_probes_for_the_budget_are_told_of(tmp_path):
    probes = {f"val_{k}": Probe(IMAGES[40 * k : 40 * k + 40], LABELS[40 * k : 40 * k + 40]) for k in range(40)}
    with pytest.warns(UserWarning, match=r"TabSettings\(budget=100000\).*not even two records of 40 probes fit"):
        files, _ = written(tmp_path, InfoGeometryMonitor(probes=probes, schedule=3, tab=TabSettings(10**5)))
    assert not files.values


def test_runs_with_one_probe_and_with_two_have_the_same_map(tmp_path):
    data = DataLoader(TensorDataset(IMAGES[:512], LABELS[:512]), 64)
    probe = Probe(IMAGES[:512], LABELS[:512])
    abouts = []
    for k, probes in enumerate(({"val": probe}, {"train": probe, "val": probe})):
        files, _ = written(tmp_path / str(k), InfoGeometryMonitor(probes=probes, schedule=3), model=Wide, train=data)
        abouts.append(files.about["infogeo/val/amplitudes"])
    for key in ("fingerprint", "classes", "width", "indices", "sketch"):
        assert abouts[0][key] == abouts[1][key]


def test_images_with_ignored_labels_are_shown(tmp_path):
    images, labels = IMAGES.reshape(-1, 1, 8, 8)[:40], LABELS[:40].clone()
    labels[::3] = -100
    probe = Probe(images, labels)
    train = DataLoader(TensorDataset(IMAGES.reshape(-1, 1, 8, 8)[:96], LABELS[:96]), batch_size=16)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    monitor = InfoGeometryMonitor(probes={"val": probe}, schedule=3)
    files, _ = written(tmp_path, monitor, model=Classifier(net), train=train, val=False)
    pictures, about = files.last("infogeo/val/pictures"), files.about["infogeo/val/pictures"]
    inputs = files.about["infogeo/val/answers"]["inputs"]
    assert inputs == [k for k in range(40) if k % 3]
    assert about["samples"] == list(range(len(inputs)))
    levels = torch.tensor(pictures).float()[..., 0]
    torch.testing.assert_close(levels, (images[inputs, 0] * 255).round(), rtol=0, atol=1)
