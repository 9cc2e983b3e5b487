"""What the system remembers: rows and bytes in, domain values out."""
