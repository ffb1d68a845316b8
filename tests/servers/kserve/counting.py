"""A model for KServe's server, which counts."""

import sys
from pathlib import Path

import joblib
import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class Counting(Model):
    def __init__(self) -> None:
        super().__init__("digits")
        self.classifier = joblib.load("model.joblib")
        self.ready = True

    def predict(self, payload: InferRequest, headers=None, response_headers=None) -> InferResponse:
        images = payload.inputs[0].as_numpy()
        with Path("counts.txt").open("a") as counts:
            counts.write(f"{len(images)}\n")
        answers = self.classifier.predict_proba(images).astype(np.float32)
        output = InferOutput("probabilities", list(answers.shape), "FP32")
        output.set_data_from_numpy(answers, binary_data=True)
        return InferResponse(payload.id or "none", "digits", [output])


if __name__ == "__main__":
    ModelServer(http_port=int(sys.argv[1]), enable_grpc=False, workers=1).start([Counting()])
