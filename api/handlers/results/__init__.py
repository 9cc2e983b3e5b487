"""Operations on what runs came to: outputs, results of samples, triage and its causes, and new baselines."""
