"""TensorBoard and CSV, for real: what is in the files."""

import csv

from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lightning_infogeo.loggers.adapters import adapter_of
from tests.helpers.loggers import FLAG, LENGTHS, OTHER_FLAG, STEPS, WITHDRAWAL, scalars, write_everything


def read(logger):
    events = EventAccumulator(logger.log_dir, size_guidance={"images": 0, "tensors": 0})
    events.Reload()
    return events


def test_curves_pictures_and_events_are_at_their_steps(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    write_everything(logger)
    assert scalars(logger.log_dir)["infogeo/val/length"] == LENGTHS
    events = read(logger)
    pictures = events.Images("infogeo/embedding")
    assert [(each.step, each.width, each.height) for each in pictures] == [(x, 100, 50) for x in STEPS]
    text = events.Tensors("infogeo/events/text_summary")[-1].tensor_proto.string_val[0].decode()
    for event in (FLAG, OTHER_FLAG, WITHDRAWAL):
        assert f"- **{event.headline}**: {event.message}" in text


def test_a_file_of_numbers_gets_curves_and_nothing_is_said_of_pictures(tmp_path, recwarn, capfd):
    logger = CSVLogger(tmp_path)
    write_everything(logger)
    with open(f"{logger.log_dir}/metrics.csv") as file:
        rows = [(int(row["step"]), float(row["infogeo/val/length"])) for row in csv.DictReader(file)]
    assert rows == LENGTHS
    assert adapter_of(logger).takes == frozenset()
    assert not recwarn.list
    assert capfd.readouterr() == ("", "")
