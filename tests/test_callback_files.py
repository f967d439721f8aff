"""Callbacks that write: checkpoints, backups, tables, events; killed and resumed."""

import csv
import http.server
import json
import sys
import threading
import urllib.parse
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from fake_training import FakeModel, Killed, fit, losses

from seqir import callbacks as cb
from seqir.errors import (
    ArgumentError,
    LoadError,
    MissingPackageError,
    UnsupportedError,
)

NAN = float("nan")


# Files.


def test_a_safetensors_file_holds_weights_or_the_training(tmp_path: Path) -> None:
    model = FakeModel()
    weights = cb.ModelCheckpoint(
        tmp_path / "deep" / "w-{epoch}.safetensors", save_weights_only=True
    )
    training = cb.ModelCheckpoint(tmp_path / "t-{epoch}.safetensors")
    assert (weights.saves_state, training.saves_state) == (False, True)
    fit(model, [training, weights], losses(1.0, 2.0))
    assert model.saved == [
        "weights w-1.safetensors",
        "checkpoint t-1.safetensors",
        "weights w-2.safetensors",
        "checkpoint t-2.safetensors",
    ]


def test_the_best_is_what_is_in_the_file(tmp_path: Path) -> None:
    model = FakeModel()
    keep = cb.ModelCheckpoint(tmp_path / "a.safetensors", save_best_only=True)

    def fails(path: Any) -> None:
        raise OSError("disk full")

    model.save_checkpoint = fails  # type: ignore
    with pytest.raises(OSError, match="disk full"):
        fit(model, keep, losses(1.0))
    assert keep.best is None


def test_no_nan_gets_into_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = FakeModel()
    keep = cb.ModelCheckpoint(tmp_path / "{epoch}.safetensors", verbose=1)
    logs = [{"loss": 1.0}, {"loss": NAN}, {"loss": float("inf")}]
    fit(model, keep, logs)
    assert model.saved == ["checkpoint 1.safetensors"]
    assert "Epoch 2: loss or weights are not finite" in capsys.readouterr().err
    model.weight[1] = np.inf  # the loss before an update that overflowed is finite
    model.epoch = 0
    fit(model, keep, logs[:1])
    assert model.saved == ["checkpoint 1.safetensors"]


def test_what_a_checkpoint_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep = cb.ModelCheckpoint(
        f"{tmp_path}/a.keras", save_best_only=True, verbose=1, monitor="loss"
    )
    fit(FakeModel(), keep, [{"loss": 2.0}, {"loss": 3.0}])
    assert capsys.readouterr().err.splitlines() == [
        f"Epoch 1: model saved to {tmp_path}/a.keras",
        "Epoch 2: loss did not improve from 2.0",
    ]
    with pytest.warns(UserWarning, match="ModelCheckpoint watches 'gone'"):
        fit(
            FakeModel(),
            cb.ModelCheckpoint(f"{tmp_path}/a.keras", "gone", save_best_only=True),
            [{"loss": 2.0}],
        )
    wrong = cb.ModelCheckpoint(f"{tmp_path}/{{val_los}}.keras")
    with pytest.raises(ArgumentError, match=r"val_los\}, which is not reported. Did"):
        fit(FakeModel(), wrong, losses(1.0))


def test_other_messages(capsys: pytest.CaptureFixture[str]) -> None:
    stop = cb.EarlyStopping(patience=1, verbose=1, restore_best_weights=True)
    plateau = cb.ReduceLROnPlateau(patience=1, verbose=1)
    schedule = cb.LearningRateScheduler(lambda epoch, lr: lr, verbose=1)
    fit(FakeModel(), [schedule, plateau, stop], losses(1.0, 2.0))
    assert capsys.readouterr().err.splitlines() == [
        "Epoch 1: learning rate set to 0.1",
        "Epoch 2: learning rate set to 0.1",
        "Epoch 2: learning rate reduced to 0.01",
        "Epoch 2: early stopping",
        "Restoring the weights of epoch 1",
    ]


def backup_of(folder: Path, **options: Any) -> cb.BackupAndRestore:
    return cb.BackupAndRestore(folder / "backup", **options)


def test_a_backup_goes_after_a_normal_end_only(tmp_path: Path) -> None:
    folder, file = tmp_path / "backup", tmp_path / "backup" / "latest.safetensors"
    fit(FakeModel(), backup_of(tmp_path), losses(1.0, 2.0))
    assert not folder.exists()

    with pytest.raises(Killed):  # an error
        fit(
            FakeModel(), backup_of(tmp_path), losses(1.0, 2.0), kill=lambda e, b: e == 1
        )
    assert file.exists()
    file.unlink()

    nans = [cb.TerminateOnNaN(), backup_of(tmp_path, save_freq=1)]  # no error, but NaN
    model = FakeModel()
    fit(model, nans, [{"loss": 1.0}, {"loss": NAN}, {"loss": 1.0}])
    assert model.epoch == 2
    assert file.exists()
    restored = FakeModel()
    restored.load_checkpoint(file)
    assert restored.weight.tolist() == [2.0] * 3  # as it was before the NaN
    file.unlink()

    # Ctrl-C between two epochs
    listed = cb.CallbackList(
        backup_of(tmp_path), model=FakeModel(), epochs=3, verbose=0, steps=2
    )
    listed.model.callbacks = listed
    listed.on_train_begin()
    listed.on_epoch_end(0, {"loss": 1.0})
    listed.on_train_end()
    assert file.exists()

    (folder / "mine.txt").write_text("keep")
    fit(FakeModel(), [backup_of(tmp_path), cb.EarlyStopping()], losses(1.0, 2.0, 3.0))
    assert [p.name for p in folder.iterdir()] == ["mine.txt"]


def test_a_backup_stays_if_asked_to(tmp_path: Path) -> None:
    fit(FakeModel(), backup_of(tmp_path, delete_checkpoint=False), losses(1.0, 2.0))
    assert (tmp_path / "backup" / "latest.safetensors").exists()


def test_a_damaged_backup_falls_back_to_the_one_before(tmp_path: Path) -> None:
    latest = tmp_path / "backup" / "latest.safetensors"
    logs = losses(1.0, 2.0, 3.0)
    two = backup_of(tmp_path, double_checkpoint=True)
    with pytest.raises(Killed):
        fit(FakeModel(), two, logs, kill=lambda e, b: e == 2)
    latest.write_bytes(b"torn")
    model = FakeModel()
    with (
        pytest.warns(
            UserWarning,
            match=r"latest.safetensors cannot be loaded \(.*torn|is damaged",
        ),
        pytest.raises(Killed),
    ):
        fit(model, two, logs, kill=lambda e, b: e == 1)
    assert model.epoch == 1
    fresh = FakeModel()
    fresh.load_checkpoint(latest)  # the good one has taken the place of the damaged
    assert fresh.epoch == 1
    latest.write_bytes(b"torn")
    with pytest.raises(LoadError, match="is damaged"):
        fit(FakeModel(), two, logs)


def test_a_kill_between_two_backups_leaves_one(tmp_path: Path) -> None:
    logs = losses(1.0, 2.0, 3.0)
    two = backup_of(tmp_path, double_checkpoint=True)
    model = FakeModel()
    write = model.save_checkpoint

    def killed(path: Any) -> None:
        if model.epoch == 2:
            raise Killed
        write(path)

    model.save_checkpoint = killed  # type: ignore
    with pytest.raises(Killed):
        fit(model, two, logs)
    resumed = FakeModel()
    fit(resumed, two, logs)
    assert resumed.callbacks is not None
    assert resumed.callbacks.history.epoch == [0, 1, 2]


# A training that was killed and resumed is the unbroken one.


def everything(folder: Path, save_freq: Any) -> list[cb.Callback]:
    return [
        cb.BackupAndRestore(folder / "backup", save_freq),
        cb.LearningRateScheduler(lambda epoch, lr: lr * 0.9),
        cb.ReduceLROnPlateau(patience=2, cooldown=1, factor=0.5),
        cb.EarlyStopping(patience=4, restore_best_weights=True),
        cb.ModelCheckpoint(
            folder / "best-{epoch}.keras", save_best_only=True, monitor="val_loss"
        ),
        cb.ModelCheckpoint(
            folder / "{epoch}-{batch}.weights.h5", save_freq=3, save_weights_only=True
        ),
        cb.CSVLogger(folder / "log.csv"),
    ]


@pytest.mark.parametrize("save_freq", ["epoch", 1, 3])
@pytest.mark.parametrize("killed_at", range(1, 9))
def test_a_killed_training_ends_as_the_unbroken_one(
    tmp_path: Path, killed_at: int, save_freq: Any
) -> None:
    logs = losses(1.0, 0.9, 0.95, 0.94, 0.5, 0.6, 0.7, 0.65, 0.8, 0.9)
    results: list[Any] = []
    for name, kill in (("whole", -1), ("broken", killed_at)):
        folder = tmp_path / name
        folder.mkdir()
        saved: list[str] = []
        model = FakeModel()
        if kill > 0:
            with pytest.raises(Killed):
                fit(
                    model,
                    everything(folder, save_freq),
                    logs,
                    kill=lambda e, b, k=kill: (e, b) == (k, 1),
                )
            saved = [s for s in model.saved if "checkpoint" not in s]
            model = FakeModel()
        callbacks = everything(folder, save_freq)
        listed = fit(model, callbacks, logs)
        saved += [s for s in model.saved if "checkpoint" not in s]
        states = [s for s in listed.get_state() if s[0] != "CSVLogger"]
        results.append(
            (
                model.weight.tolist(),
                model.optimizer.learning_rate,
                listed.history.history,
                listed.history.epoch,
                states,
                (folder / "log.csv").read_text(),
                sorted(set(saved)),
            )
        )
        assert not (folder / "backup").exists()
    assert results[0] == results[1]
    assert results[0][3] == list(range(9))  # stopped early, with patience 4


# CSV.


def test_csv_is_that_of_keras(tmp_path: Path) -> None:
    logs = [
        {"loss": 1.0, "accuracy": 0.5},
        {"loss": 0.25, "accuracy": 0.75, "val_loss": 2.0},
        {"loss": NAN},
    ]
    rows: list[Any] = []
    for name, logger in (("k", keras.callbacks.CSVLogger), ("s", cb.CSVLogger)):
        path = tmp_path / f"{name}.csv"
        for append in (False, True):
            writer = logger(path, separator=";", append=append)
            writer.on_train_begin()
            for epoch, values in enumerate(logs):
                writer.on_epoch_end(epoch, dict(values))
            writer.on_train_end()
        with path.open(newline="") as file:
            rows.append(list(csv.reader(file, delimiter=";")))
    assert rows[0] == rows[1]
    assert len(rows[1]) == 7


def test_half_a_row_of_a_crash_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "log.csv"
    fit(FakeModel(), cb.CSVLogger(path), losses(0.5, 0.25))
    whole = path.read_bytes()
    assert whole == b"epoch,loss,val_loss\n0,1.0,0.5\n1,0.5,0.25\n"
    path.write_bytes(whole[:-4])
    fit(FakeModel(), cb.CSVLogger(path, append=True), losses(0.125))
    assert path.read_bytes() == b"epoch,loss,val_loss\n0,1.0,0.5\n0,1.0,0.125\n"
    fit(FakeModel(), cb.CSVLogger(path), losses(7.0))
    assert path.read_bytes() == b"epoch,loss,val_loss\n0,1.0,7.0\n"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(
        ArgumentError, match=r"its columns are a, b, and the first must"
    ):
        fit(FakeModel(), cb.CSVLogger(path, append=True), losses(1.0))
    assert path.read_text() == "a,b\n1,2\n"


def test_csv_of_arrays_and_of_another_file(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    fit(FakeModel(), cb.CSVLogger(path), [{"loss": 1.0, "f1": np.array([1.0, 2.0])}])  # type: ignore
    assert '"[1.0, 2.0]"' in path.read_text()
    logger = cb.CSVLogger(path)
    logger.set_state({"keys": ["loss"], "size": 10_000})  # the file is not that long
    logger.on_epoch_end(3, {"loss": 1.0})
    assert path.read_text() == "epoch,loss,val_loss\n3,1.0,NA\n"


# TensorBoard and a server.


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What is in the event files of a folder."""
    from tensorboardX.proto import event_pb2

    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.glob("events.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):  # length, its checksum, the event, its checksum
            size = int.from_bytes(data[at : at + 8], "little")
            event = event_pb2.Event.FromString(data[at + 12 : at + 12 + size])  # pyright: ignore[reportAttributeAccessIssue]
            at += size + 16
            for value in event.summary.value:
                number = value.simple_value if not value.HasField("histo") else NAN
                found.setdefault(value.tag, []).append((event.step, number))
    return found


def test_values_that_come_later_get_columns(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    late = [{"loss": 1.0, "val_loss": 2.0}, {"loss": 0.5, "val_f1": 0.25, "auc": 1.0}]
    fit(FakeModel(), cb.CSVLogger(path), [*late, {"loss": 0.125}])
    assert path.read_text().splitlines() == [
        "epoch,loss,val_loss,auc,val_f1",
        "0,1.0,2.0,NA,NA",
        "1,0.5,NA,1.0,0.25",
        "2,0.125,NA,NA,NA",
    ]
    fit(FakeModel(), cb.CSVLogger(path, append=True), [{"loss": 3.0, "val_mae": 4.0}])
    head, *_, last = path.read_text().splitlines()
    assert head == "epoch,loss,val_loss,auc,val_f1,val_mae"
    assert last == "0,3.0,NA,NA,NA,4.0"


def test_tensorboard(tmp_path: Path) -> None:
    board = cb.TensorBoard(
        tmp_path, histogram_freq=2, update_freq=3, write_steps_per_second=True
    )
    model = FakeModel()
    fit(model, board, losses(0.5, 0.25, 0.125))
    train, held = scalars(tmp_path / "train"), scalars(tmp_path / "validation")
    assert [s for s, _ in train["epoch_loss"]] == [0, 1, 2]
    np.testing.assert_allclose([v for _, v in train["epoch_loss"]], [1, 1 / 2, 1 / 3])
    assert train["epoch_learning_rate"] == [(i, np.float32(0.1)) for i in range(3)]
    assert train["batch_loss"] == [(3, 0.5), (6, np.float32(1 / 3))]
    assert [step for step, _ in train["fake/weight/histogram"]] == [0, 2]
    assert all(rate > 0 for _, rate in train["epoch_steps_per_second"])
    speeds = train["batch_steps_per_second"]
    assert [step for step, _ in speeds] == list(range(1, len(speeds) + 1))
    assert len(speeds) >= 6
    assert all(rate > 0 for _, rate in speeds)
    assert held == {"epoch_loss": [(0, 0.5), (1, 0.25), (2, 0.125)]}

    listed = cb.CallbackList([board], model=model)
    listed.on_test_begin()
    listed.on_test_end({"loss": 4.0, "f1": np.ones(2)})
    listed.close()
    held = scalars(tmp_path / "validation")
    assert held["evaluation_loss_vs_iterations"] == [(6, 4.0)]
    assert board.get_state() == {"batches": 6}
    board.on_train_begin()
    board.set_state({"batches": 6})
    board.on_epoch_resume(3, 1)
    for batch in range(3):
        board.on_train_batch_end(batch, {"loss": 9.0})
    board.close()
    assert scalars(tmp_path / "train")["batch_loss"][-1] == (9, 9.0)
    assert cb.TensorBoard(update_freq="batch").update_freq == 1


def test_tensorboard_refuses_what_it_cannot_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("write_graph", "write_images", "profile_batch", "embeddings_freq"):
        with pytest.raises(UnsupportedError, match=f"cannot do {name}=1: leave it out"):
            cb.TensorBoard(**{name: 1})
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(
        MissingPackageError, match=r'pip install "seqir\[tensorboard\]"'
    ):
        fit(FakeModel(), cb.TensorBoard(tmp_path), losses(1.0))


def test_values_are_sent_to_a_server() -> None:
    got: list[tuple[str, str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append((self.path, self.headers["Content-Type"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None: ...  # pyright: ignore[reportIncompatibleMethodOverride]

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    root = f"http://127.0.0.1:{server.server_port}"
    fit(FakeModel(), cb.RemoteMonitor(root), losses(0.5))
    fit(FakeModel(), cb.RemoteMonitor(root, path="/x", send_as_json=True), losses(0.5))
    server.shutdown()
    server.server_close()
    thread.join()
    wanted = {"epoch": 0, "loss": 1.0, "val_loss": 0.5}
    (path, kind, form), (other, json_kind, body) = got
    assert (path, kind) == ("/publish/epoch/end/", "application/x-www-form-urlencoded")
    assert json.loads(urllib.parse.parse_qs(form)["data"][0]) == wanted
    assert (other, json_kind) == ("/x", "application/json")
    assert json.loads(body) == wanted
    with pytest.warns(UserWarning, match="cannot be reached"):
        fit(FakeModel(), cb.RemoteMonitor(root), losses(0.5))
