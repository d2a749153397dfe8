"""What ``loggers.py`` reads back: a class makes a logger and reads what it wrote. Nothing needs a network."""

import csv
import json
import os
import re
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from lightning.pytorch import loggers


class Written(NamedTuple):
    """What a logger holds, by key, with steps of its axis in the order in which they were written."""

    scalars: dict[str, list[tuple[int, float]]]
    pictures: dict[str, list[int]]
    text: str = ""
    flag: str = ""
    alerts: tuple[str, ...] = ()


class Reader(ABC):
    """Makes a logger, and reads back what it wrote."""

    package: ClassVar[str]
    distribution: ClassVar[str]

    def key(self, key: str) -> str:
        """Returns the key under which the logger files a metric."""
        return key

    @abstractmethod
    def logger(self, folder: Path) -> Any:
        """Returns a logger that writes into a folder."""

    @abstractmethod
    def read(self, folder: Path, logger: Any) -> Written:
        """Returns what a finished logger wrote."""


class TensorBoard(Reader):
    package, distribution = "tensorboard", "tensorboard"

    def logger(self, folder: Path) -> Any:
        return loggers.TensorBoardLogger(folder)

    def read(self, folder: Path, logger: Any) -> Written:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(logger.log_dir, size_guidance={"scalars": 0, "images": 0, "tensors": 0})
        events.Reload()
        tags = events.Tags()
        text = [e for tag in tags["tensors"] if "events" in tag for e in events.Tensors(tag)]
        return Written(
            {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in tags["scalars"]},
            {tag: [e.step for e in events.Images(tag)] for tag in tags["images"]},
            text[-1].tensor_proto.string_val[0].decode() if text else "",
        )


class CSV(Reader):
    package, distribution = "csv", "lightning"

    def logger(self, folder: Path) -> Any:
        return loggers.CSVLogger(folder)

    def read(self, folder: Path, logger: Any) -> Written:
        scalars: dict[str, list[tuple[int, float]]] = {}
        with open(Path(logger.log_dir) / "metrics.csv") as file:
            for row in csv.DictReader(file):
                for key, value in row.items():
                    if value and key != "step":
                        scalars.setdefault(key, []).append((int(row["step"]), float(value)))
        return Written(scalars, {})


class Wandb(Reader):
    package, distribution = "wandb", "wandb"

    def logger(self, folder: Path) -> Any:
        return loggers.WandbLogger(save_dir=folder, offline=True, project="infogeo")

    def read(self, folder: Path, logger: Any) -> Written:
        import wandb

        files = Path(logger.experiment.dir)
        logger.experiment.finish()
        wandb.teardown()  # the process that writes the file has closed it after this
        (path,) = folder.glob("wandb/offline-run-*/*.wandb")
        scalars: dict[str, list[tuple[int, float]]] = {}
        pictures: dict[str, list[int]] = {}
        tables, alerts, summary, rows = [], [], {}, []
        for record in self._records(path.read_bytes()):
            kind = record.WhichOneof("record_type")
            if kind == "alert":
                alerts.append(record.alert.title)
            for update in record.summary.update if kind == "summary" else ():
                summary["/".join(update.nested_key) or update.key] = json.loads(update.value_json)
            if kind != "history":
                continue
            row: dict[str, Any] = {}
            for item in record.history.item:
                key, *field = item.nested_key or [item.key]
                into = row.setdefault(key, {}) if field else row
                into[field[0] if field else key] = json.loads(item.value_json)
            rows.append(row["_step"])
            x = row.get("trainer/global_step")
            for key, value in row.items():
                if isinstance(value, dict) and value.get("_type") == "images/separated":
                    assert all((files / name).exists() for name in value["filenames"])
                    pictures.setdefault(key, []).append(x)
                elif isinstance(value, dict) and value.get("_type") == "table-file":
                    tables.append(json.loads((files / value["path"]).read_text()))
                elif isinstance(value, (int, float, str)) and key[0] != "_":
                    scalars.setdefault(key, []).append((x, float(value)))
        assert rows == sorted(set(rows)), "steps that go back, or twice"
        text = "\n".join(": ".join(row) for row in tables[-1]["data"]) if tables else ""
        return Written(scalars, pictures, text, summary.get("infogeo/overfitting_flag", ""), tuple(alerts))

    @staticmethod
    def _records(content: bytes) -> Any:
        """Yields the records of a file: blocks of 32 KiB after LevelDB's log format, with a header of 7 bytes."""
        from wandb.proto import wandb_internal_pb2

        position, record = 7, b""
        while position + 7 <= len(content):
            left = 32768 - position % 32768
            if left < 7:
                position += left
                continue
            length, kind = int.from_bytes(content[position + 4 : position + 6], "little"), content[position + 6]
            record += content[position + 7 : position + 7 + length]
            position += 7 + length
            if kind in (1, 4):  # whole, or the last piece
                yield wandb_internal_pb2.Record.FromString(record)
                record = b""


class MLflow(Reader):
    package, distribution = "mlflow", "mlflow-skinny"

    def logger(self, folder: Path) -> Any:
        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # MLflow 3 wants to be told that a folder will do
        return loggers.MLFlowLogger(tracking_uri=f"file:{folder}/mlruns")

    def read(self, folder: Path, logger: Any) -> Written:
        client, run = logger.experiment, logger.run_id
        scalars = {
            key: [(m.step, m.value) for m in client.get_metric_history(run, key)]
            for key in client.get_run(run).data.metrics
        }
        pictures: dict[str, list[int]] = {}
        for each in sorted((a.path for a in client.list_artifacts(run, "images")), key=self._step):
            if each.endswith(".png"):
                key = re.split("[%+]step", Path(each).name)[0].replace("~", "/").replace("#", "/")
                pictures.setdefault(key, []).append(self._step(each))
        texts = [Path(client.download_artifacts(run, each.path)) for each in client.list_artifacts(run, "infogeo")]
        assert len(texts) <= 1, "one artifact, rewritten"
        flag = client.get_run(run).data.tags.get("infogeo.overfitting", "")
        return Written(scalars, pictures, texts[0].read_text() if texts else "", flag)

    @staticmethod
    def _step(path: str) -> int:
        found = re.search("step[%+]([0-9]+)", path)
        return int(found[1]) if found else -1


class Comet(Reader):
    package, distribution = "comet_ml", "comet_ml"

    def logger(self, folder: Path) -> Any:
        # Lightning's `online=False` switches the experiment off instead (2.6.6); Comet's own setting does not.
        os.environ["COMET_START_ONLINE"] = "0"
        return loggers.CometLogger(offline_directory=str(folder), display_summary_level=0)

    def read(self, folder: Path, logger: Any) -> Written:
        logger.experiment.end()
        (path,) = folder.glob("*.zip")
        scalars: dict[str, list[tuple[int, float]]] = {}
        pictures: dict[str, list[int]] = {}
        texts, others = [], {}
        with zipfile.ZipFile(path) as file:
            for line in file.read("messages.json").decode().splitlines():
                message = json.loads(line)
                payload, kind = message["payload"], message["type"]
                if kind == "metric_msg":
                    metric = payload["metric"]
                    scalars.setdefault(metric["metricName"], []).append((metric["step"], float(metric["metricValue"])))
                elif kind == "log_other":
                    others[payload["key"]] = payload["value"]
                elif kind == "file_upload" and payload["upload_type"] == "visualization":
                    pictures.setdefault(payload["additional_params"]["figName"], []).append(
                        payload["additional_params"]["step"]
                    )
                elif kind == "file_upload" and payload["upload_type"] == "text-sample":
                    texts.append(file.read(Path(payload["file_path"]).name).decode())
        return Written(scalars, pictures, texts[-1] if texts else "", others.get("infogeo/overfitting_flag", ""))


class Aim(Reader):
    package, distribution = "aim", "aim"

    def logger(self, folder: Path) -> Any:
        from aim.pytorch_lightning import AimLogger

        return AimLogger(
            repo=str(folder), system_tracking_interval=None, log_system_params=False, capture_terminal_logs=False
        )

    def key(self, key: str) -> str:
        return key.removeprefix("train_").removeprefix("val_")  # Aim's logger makes a context of these

    def read(self, folder: Path, logger: Any) -> Written:
        from aim import Repo
        from aim.sdk.index_manager import RepoIndexManager
        from aim.storage.context import Context

        logger.finalize("success")
        repo = Repo(str(folder))
        RepoIndexManager.get_index_manager(repo).index(logger._run_hash)
        run = repo.get_run(logger._run_hash)
        scalars = {
            metric.name: list(zip(metric.data.indices_list(), metric.data.items_list()[1][0], strict=True))
            for metric in run.metrics()
            if metric.context.to_dict() != {"subset": "val"}
        }
        names = {name for name, _, _ in run.iter_sequence_info_by_type("aim.image")}
        pictures = {
            name: list(run.get_image_sequence(name, Context({})).values.sparse_list()[0]) for name in sorted(names)
        }
        texts = run.get_text_sequence("infogeo/events", Context({}))
        alerts = run.get_log_records()
        return Written(
            scalars,
            pictures,
            texts.values.values_list()[-1].data if texts else "",
            run.get("infogeo_overfitting_flag", ""),
            tuple(each.message for each in alerts.values.values_list()) if alerts else (),
        )


class ClearML(Reader):
    package, distribution = "clearml", "clearml"

    def __init__(self) -> None:
        self.task: Any = None

    def logger(self, folder: Path) -> Any:
        from clearml import Task

        os.environ["CLEARML_CACHE_DIR"] = str(folder)
        Task.set_offline(offline_mode=True)
        self.task = Task.init(project_name="infogeo", task_name=folder.name, reuse_last_task_id=False)
        return loggers.TensorBoardLogger(folder)

    def read(self, folder: Path, logger: Any) -> Written:
        logger.finalize("success")
        session = Path(self.task.get_offline_mode_folder())
        self.task.close()
        scalars: dict[str, list[tuple[int, float]]] = {}
        pictures: dict[str, list[int]] = {}
        text = ""
        for line in (session / "metrics.jsonl").read_text().splitlines():
            for each in json.loads(line):
                key = f"{each['metric']}/{each['variant']}"
                if each["type"] == "training_stats_scalar":
                    scalars.setdefault(key, []).append((each["iter"], each["value"]))
                elif each["type"] == "training_debug_image" and each["url"].endswith(".txt"):
                    text = Path(each["url"]).read_text()
                elif each["type"] == "training_debug_image":
                    pictures.setdefault(key, []).append(each["iter"])
        return Written(scalars, pictures, text)

    def key(self, key: str) -> str:
        *group, name = key.split("/")  # ClearML's charts: a group, and a curve in it
        return "/".join(("_".join(group) or name, name))


class DVCLive(Reader):
    package, distribution = "dvclive", "dvclive"

    def logger(self, folder: Path) -> Any:
        from dvclive.lightning import DVCLiveLogger

        return DVCLiveLogger(dir=str(folder / "dvclive"), save_dvc_exp=False, report=None)

    def key(self, key: str) -> str:
        return {"train_loss": "train/loss"}.get(key, key)  # DVCLive's logger makes folders of these

    def read(self, folder: Path, logger: Any) -> Written:
        plots = folder / "dvclive" / "plots"
        scalars = {}
        for path in (plots / "metrics").rglob("*.tsv"):
            with open(path) as file:
                rows = [(int(row["step"]), float(row[path.stem])) for row in csv.DictReader(file, delimiter="\t")]
            scalars[str(path.relative_to(plots / "metrics").with_suffix(""))] = rows
        pictures: dict[str, list[int]] = {}
        for path in sorted((plots / "images").rglob("*.png"), key=lambda path: int(path.stem)):
            pictures.setdefault(str(path.parent.relative_to(plots / "images")), []).append(int(path.stem))
        summary = json.loads((folder / "dvclive" / "metrics.json").read_text())["infogeo"]
        return Written(scalars, pictures, summary.get("events", ""), summary.get("overfitting_flag", ""))


READERS: tuple[type[Reader], ...] = (TensorBoard, CSV, Wandb, MLflow, Comet, Aim, ClearML, DVCLive)
