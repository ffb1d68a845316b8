"""Trains the classifier, in the server's own environment; MLflow wants it saved its own way."""

import importlib.util

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression

with np.load("digits.npz") as data:
    model = LogisticRegression(max_iter=1_000).fit(data["images"], data["labels"])
joblib.dump(model, "model.joblib")
if importlib.util.find_spec("mlflow"):
    import mlflow

    mlflow.pyfunc.save_model("saved", python_model="counting.py", artifacts={"model": "model.joblib"})
