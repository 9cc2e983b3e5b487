"""Readers of caption files: tolerant, total, and of bounded cost. What is no cue is frame."""
