"""Use cases about the library of samples and regression tests."""
