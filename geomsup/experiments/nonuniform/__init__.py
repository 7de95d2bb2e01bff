"""One feature, or each, of another importance or density."""
