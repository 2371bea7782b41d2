"""The code of a logged interpreter: MLflow copies this file beside the model's data and runs it to load it.

It must not need this package where the model is loaded: `iin_core` travels along as one zip file, which
is used where no `iin` is installed.
"""

import importlib.util
import sys
from typing import Any

import mlflow
import numpy as np
from mlflow.pyfunc.model import PythonModelContext


class TrackedInterpreter(mlflow.pyfunc.PythonModel):  # type: ignore[name-defined]
    """`predict` maps activations (n, N) to factors z̃ (n, d)."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the interpreter from the files of the model."""
        if importlib.util.find_spec("iin_core") is None:
            sys.path.append(context.artifacts["code"])
        from iin_core.interpreter import Interpreter

        self.interpreter = Interpreter.load(context.artifacts["interpreter"])

    def predict(self, model_input: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
        """Encode rows (n, N) as z̃ (n, d), float32."""
        z_tilde: np.ndarray = self.interpreter.encode(np.asarray(model_input, dtype=np.float32)).numpy()
        return z_tilde


mlflow.models.set_model(TrackedInterpreter())
