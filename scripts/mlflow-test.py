"""What `--mlflow` writes, read by MLflow's own client: `mlflow-test.py SEESAW`."""

import json
import pathlib
import subprocess
import sys
import tempfile

import mlflow
import numpy
import safetensors.numpy

SEESAW = str(pathlib.Path(sys.argv[1]).resolve())


def run(*words, folder):
    done = subprocess.run([SEESAW, *words], cwd=folder, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"mlflow-test: seesaw {' '.join(words)}\n{done.stderr}")


def features(data):
    random = numpy.random.default_rng(0)
    data.mkdir()
    about = {
        "format": "seesaw-features/1", "name": "colours", "task": "single-label", "modalities": ["image", "text"],
        "classes": ["red", "green", "blue"], "metric": "accuracy",
    }
    (data / "dataset.json").write_text(json.dumps(about))
    for split, count in [("train", 60), ("validation", 15), ("test", 18)]:
        truth = numpy.arange(count) % 3
        rows = {m: random.normal(size=(count, 4)).astype(numpy.float32) for m in ("image", "text")}
        for m in rows:
            rows[m][numpy.arange(count), truth] += 2
        safetensors.numpy.save_file({**rows, "labels": truth.astype(numpy.int64)}, data / f"{split}.safetensors")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        features(folder / "data")
        quick = ["--set", "training.epochs=3", "-q", "--mlflow", "mlruns"]
        for _ in range(2):
            run("train", "data", "--method", "joint", "--seed", "7", "--out", "alone", *quick, folder=folder)
            run("compare", "data", "--methods", "joint,ogm", "--seeds", "2", "--out", "both", *quick, folder=folder)
        client = mlflow.tracking.MlflowClient((folder / "mlruns").as_uri())
        experiment = client.get_experiment_by_name("colours")
        found = client.search_runs([experiment.experiment_id])
        names = sorted(r.info.run_name for r in found)
        rows = [n for n in names if not n.startswith("specialist")]
        assert rows == ["joint seed 0", "joint seed 1", "joint seed 7", "ogm seed 0", "ogm seed 1"], names
        alone = next(r for r in found if r.info.run_name == "joint seed 7")
        assert alone.info.status == "FINISHED" and alone.info.end_time >= alone.info.start_time
        assert alone.data.params["training.epochs"] == "3" and alone.data.params["method.name"] == "joint"
        history = client.get_metric_history(alone.info.run_id, "validation.accuracy")
        assert [m.step for m in history] == [0, 1, 2], history
        evaluation = json.loads((folder / "alone/evaluation.json").read_text())
        for condition, score in evaluation["scores"].items():
            assert abs(alone.data.metrics[f"test.{condition}"] - score) < 1e-12
        assert "run.json" in [a.path for a in client.list_artifacts(alone.info.run_id)]
        best = client.search_runs([experiment.experiment_id], order_by=["metrics.`test.full` DESC"], max_results=1)
        # MLflow can go on with such a folder.
        client.log_metric(alone.info.run_id, "mine", 1.0)
        assert client.get_run(alone.info.run_id).data.metrics["mine"] == 1.0
        print(
            f"mlflow-test: MLflow {mlflow.__version__} reads {len(found)} runs, {len(alone.data.metrics)} metrics of the "
            f"first; the best is {best[0].info.run_name}")


main()
