"""The gRPC server of barkstream: the only place where gRPC and bark_core meet."""
