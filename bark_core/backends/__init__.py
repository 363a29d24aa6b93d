"""Back ends: what runs a model. Only the registry names concrete ones."""
