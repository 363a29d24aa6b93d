"""What the converter encodes by itself is what the ``onnx`` package reads, and would write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from bark_core.backends.onnx.convert import messages
from bark_core.backends.onnx.convert.graph_writer import CONTRIB, GraphWriter
from bark_core.backends.onnx.convert.messages import Attribute
from tests.support.onnx_models import convert, random_weights
from tests.support.tiny import tiny_config

ATTRIBUTES: list[dict[str, Attribute]] = [
    {"axis": -1, "epsilon": 1e-5, "perm": [0, 1, 3, 2]},
    {"zero": 0, "none": 0.0, "largest": 2**63 - 1, "smallest": -(2**63), "wide": 300},
    {"kind": "PER_CHANNEL", "empty": "", "other": "ü"},
    {"one": [1], "several": [-1, 0, 127, 128, 16_384, 2**40]},
    {},
]
ARRAYS: list[NDArray[Any]] = [
    np.arange(6, dtype=np.float32).reshape(2, 3) - 2.5,
    np.array([-1, 2**62], dtype=np.int64),
    np.array([[-128], [127]], dtype=np.int8),
    np.array([0, 255], dtype=np.uint8),
    np.array(-7, dtype=np.int32),
    np.zeros((0, 3), dtype=np.float32),
]


@pytest.mark.parametrize("attributes", ATTRIBUTES)
@pytest.mark.parametrize("domain", ["", CONTRIB])
def test_nodes(attributes: dict[str, Attribute], domain: str) -> None:
    ours = messages.node("Op", ["a", "", "b"], ["c", "d"], domain, attributes)
    theirs = helper.make_node("Op", ["a", "", "b"], ["c", "d"], name="c", domain=domain)
    for name in sorted(attributes):
        theirs.attribute.append(helper.make_attribute(name, attributes[name]))
    read = onnx.NodeProto.FromString(ours)
    if not domain:
        theirs.ClearField("domain")
    assert read == theirs
    assert {a.name: helper.get_attribute_value(a) for a in read.attribute} == {
        name: value.encode() if isinstance(value, str) else pytest.approx(value)
        for name, value in attributes.items()
    }


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
def test_tensors(array: NDArray[Any]) -> None:
    read = onnx.TensorProto.FromString(messages.tensor("größe", array))
    assert read == numpy_helper.from_array(array, "größe")
    np.testing.assert_array_equal(numpy_helper.to_array(read), array)


def test_values() -> None:
    read = onnx.ValueInfoProto.FromString(messages.value("x", [1, "T", 0], np.int64))
    assert read == helper.make_tensor_value_info("x", onnx.TensorProto.INT64, [1, "T", 0])


def test_a_big_tensor_lies_on_a_page_of_its_own(tmp_path: Path) -> None:
    big = np.arange(3000, dtype=np.float32).reshape(30, 100)
    with GraphWriter(tmp_path / "g.onnx") as graph:
        graph.constant("small", np.array([1.5], dtype=np.float32))
        graph.constant("first", big)
        graph.constant("second", big.T)
    small, first, second = onnx.load(tmp_path / "g.onnx").graph.initializer
    assert numpy_helper.to_array(small) == [1.5]
    np.testing.assert_array_equal(numpy_helper.to_array(first), big)
    np.testing.assert_array_equal(numpy_helper.to_array(second), big.T)
    raw = onnx.load(tmp_path / "g.onnx", load_external_data=False)
    places = [{e.key: e.value for e in t.external_data} for t in raw.graph.initializer]
    assert [place.get("offset") for place in places] == [None, "0", "12288"]


@pytest.mark.parametrize("precision", ["float32", "int8", "int4"])
def test_graphs_are_sound_and_written_as_the_package_would(precision: str, tmp_path: Path) -> None:
    config = tiny_config()
    directory = convert(tmp_path / "graphs", config, random_weights(config, 1), precision).path
    graphs = sorted(directory.glob("*.onnx"))
    assert len(graphs) == (4 if precision == "float32" else 6)
    for path in graphs:
        onnx.checker.check_model(str(path))
        model = onnx.load(path, load_external_data=False)
        assert path.read_bytes() == model.SerializeToString(deterministic=True), path.name
        assert model.graph.node
        assert model.graph.input
        assert model.graph.output
        assert {opset.domain: opset.version for opset in model.opset_import} == {"": 18, CONTRIB: 1}
