"""When and in which order: Prefect flows and the `iin` command."""
