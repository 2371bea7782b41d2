"""The same work on a cluster: Ray does it, Zarr and sealed outputs hold it, MLflow shows it."""
