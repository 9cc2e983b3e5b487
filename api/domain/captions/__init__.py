"""Captions in the formats that CCExtractor writes: their cues, and what became of them between two files.

Begin with `facts.py`; `formats/` has the readers, one module for each family of formats.
"""
