"""The demo's caption extractor, with ccextractor's command line: installed as one file, as the executable of the demo's runs.

It needs the standard library only. Begin with `command.py`.
"""
