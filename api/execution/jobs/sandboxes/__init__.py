"""What runs one command in a cage: bubblewrap or a container engine, and the limits, groups and filters that they hold it with."""
