"""Whole processes: the commands, the server and its workers as an operator starts them."""
