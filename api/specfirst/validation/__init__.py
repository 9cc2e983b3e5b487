"""Requests and answers judged by the documents: parameters, bodies, formats, with bounded work.

Begin with `validation.py`; the engines are in `engines.py`.
"""
