"""Operations of the Sample Platform's own API, over the same services as those of the CI API."""
