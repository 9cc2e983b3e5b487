"""What runs jobs: an agent, the supervisors that it starts and that outlive it, and the sandboxes that these use."""
