"""What runs jobs: sandboxes, and the supervisor that owns one attempt and outlives the agent that started it."""
