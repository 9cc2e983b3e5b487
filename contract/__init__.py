"""The tests of the promise: what the documents say, and that the server keeps to it."""
