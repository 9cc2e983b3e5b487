"""Jobs in the hands of machines. Begin with `claims.py`."""
