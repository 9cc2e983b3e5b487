"""What jobs, workers and servers of one host share: its folder, slots and locks, and how programs of ours are started.

Begin with `work_folder.py`.
"""
