"""Operations on jobs: submitting, listing, cancelling, and their logs as they grow."""
