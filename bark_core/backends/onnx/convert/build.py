"""All graphs and tables of a checkpoint, one stage after another so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bark_core.backends.onnx import layout
from bark_core.backends.onnx.convert.calibration import (
    calibrate,
    coarse_context,
    semantic_context,
)
from bark_core.backends.onnx.convert.codec import write_codec
from bark_core.backends.onnx.convert.graph_writer import GraphWriter
from bark_core.backends.onnx.convert.transformer import (
    Blocks,
    FloatArray,
    Tensors,
    write_causal,
    write_fine,
)
from bark_core.backends.onnx.precision import LinearKind, Precision
from bark_core.checkpoints import StageName
from bark_core.config import BarkConfig, TransformerConfig

LoadStage = Callable[[StageName], Tensors]
MakeContext = Callable[[BarkConfig, FloatArray], FloatArray]


def build_graphs(
    directory: Path, config: BarkConfig, precision: Precision, load: LoadStage, dynamic_bits: int
) -> None:
    """Fill an empty directory.

    Args:
        directory: Where to write (see ``layout``).
        config: Sizes.
        precision: How to keep the matrices.
        load: Gives a stage's tensors by canonical name.
        dynamic_bits: Of DYNAMIC_INT8 matrices: 8, or 7 where the machine's products of 8-bit
            numbers saturate.
    """

    def blocks(
        graph: GraphWriter, model: TransformerConfig, tensors: Tensors, kind: LinearKind
    ) -> Blocks:
        return Blocks(graph, model, tensors, kind, dynamic_bits)

    def causal(
        stage: StageName, model: TransformerConfig, head_rows: Sequence[int], context: MakeContext
    ) -> None:
        tensors = load(stage)
        embedding = tensors["input_embeds_layer.weight"]
        scales = None
        if precision.int8_cache:
            scales = calibrate(model, tensors, context(config, embedding))
        graphs = {layout.prefill_file(stage): precision.windows}
        if not precision.one_causal_graph:
            graphs[layout.step_file(stage)] = precision.steps
        for file, kind in graphs.items():
            is_step = file == layout.step_file(stage)
            with GraphWriter(directory / file) as graph:
                parts = blocks(graph, model, tensors, kind)
                write_causal(parts, head_rows, scales, single_position=is_step)
        _save_tables(directory, stage, embedding, tensors)

    causal("semantic", config.semantic_model, layout.semantic_rows(config), semantic_context)
    causal("coarse", config.coarse_model, layout.coarse_rows(config), coarse_context)
    tensors = load("fine")
    with GraphWriter(directory / layout.FINE) as graph:
        write_fine(
            blocks(graph, config.fine_model, tensors, precision.windows),
            config.fine.codebook_size,
        )
    tables = [tensors[f"input_embeds_layers.{k}.weight"] for k in range(config.fine.n_codebooks)]
    _save_tables(directory, "fine", np.stack(tables), tensors)
    tensors = load("codec")
    with GraphWriter(directory / layout.CODEC) as graph:
        write_codec(graph, config.codec, tensors)
    books = [
        tensors[f"quantizer.layers.{k}.codebook.embed"] for k in range(config.fine.n_codebooks)
    ]
    np.save(directory / layout.CODEBOOKS, np.stack(books))


def _save_tables(
    directory: Path, stage: StageName, embedding: FloatArray, tensors: Tensors
) -> None:
    np.save(directory / layout.embedding_file(stage), embedding)
    positions = tensors["position_embeds_layer.weight"]
    np.save(directory / layout.positions_file(stage), positions)
