"""What the system decides: plain values and functions, without I/O, clock or framework."""
