"""Resources that jobs, workers and servers of one host share: its folder, slots, locks, and how child programs start.

Begin with `work_folder.py`.
"""
