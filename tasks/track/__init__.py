"""A study shown in MLflow, from sealed outputs alone."""
