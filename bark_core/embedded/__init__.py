"""The checkpoint that ships with the package, if one does."""
