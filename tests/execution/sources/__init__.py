"""Sources of executables."""
