"""What runs things: the worker that executes queued runs and reports them."""
