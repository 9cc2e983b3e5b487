"""What jobs, workers and servers of one host share: its folder, its slots, its locks."""
