"""The HTML, scripts and styles of the pages that show a growing log."""
