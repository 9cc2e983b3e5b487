"""The pages that show a log while it is written: HTML, scripts and styles, served as they are."""
