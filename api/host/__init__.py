"""What jobs, workers and servers of one host share: its clock, folder, slots and locks, modes of files, how child programs start.

Begin with `work_folder.py`.
"""
