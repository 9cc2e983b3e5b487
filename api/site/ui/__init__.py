"""The files of the documentation page, and the text for programs that read before they call."""
