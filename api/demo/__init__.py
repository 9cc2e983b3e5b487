"""The demonstration: media, an extractor, and the script that shows real runs."""
