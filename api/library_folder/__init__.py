"""A folder with a library: one YAML file, and the samples and baselines that it names.

Begin with `importing.py`.
"""
