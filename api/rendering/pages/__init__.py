"""Pages as HTML: templates, and the words and numbers that they show."""
