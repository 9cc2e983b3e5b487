"""Operations on runs: from the trigger to the end, with their errors and logs."""
