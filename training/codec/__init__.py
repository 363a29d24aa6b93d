"""The codec: features, codebooks, EnCodec's decoder and encoder, and their training."""
