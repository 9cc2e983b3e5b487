"""Operations of the pages for people: they show what the API's operations tell, and do what those do."""
