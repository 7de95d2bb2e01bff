"""The paper's first demonstrations: how many features a small model keeps."""
