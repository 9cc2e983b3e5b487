"""The commands of `ci-api`, called as the command line calls them."""
