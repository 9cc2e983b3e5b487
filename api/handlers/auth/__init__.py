"""Operations on accounts: the caller's own with its tokens, and, for admins, everybody's."""
