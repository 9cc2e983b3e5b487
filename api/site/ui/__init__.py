"""The files of the documentation page, and llms.txt."""
