"""The science: tensors and tables in, tensors and scores out."""
