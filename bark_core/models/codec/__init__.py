"""EnCodec's decoder as a stream: any cutting of the frames gives the samples of one decode."""

from bark_core.models.codec.decoder import CodecDecoder, DecoderState

__all__ = ["CodecDecoder", "DecoderState"]
