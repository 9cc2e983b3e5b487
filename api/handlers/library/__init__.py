"""Operations by which people keep the library: samples, regression tests, tags and categories."""
