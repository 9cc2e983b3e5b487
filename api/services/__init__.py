"""Use cases: they compose domain and storage and own the transaction.

`worker_reports.py` takes what workers say, `leases.py` hands out runs, `verdicts.py` judges, `platform_sync.py` sees what
the platform's own programs did. Begin with `runs.py`.
"""
