"""The sandbox of a cluster: Jobs of Kubernetes.

Begin with `sandbox.py`; `guard.py` waits beside each Job, `job.py` has its manifest, `cluster.py` asks the cluster.
"""
