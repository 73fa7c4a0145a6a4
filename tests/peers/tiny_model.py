"""A `.tflite` of one FULLY_CONNECTED, written by hand; its outputs by numpy. Run as a program."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def write(folder: Path, inputs: int, outputs: int, seed: int) -> None:
    """model.tflite, inputs.npz and outputs.npz: y = x W^T + b, signature x -> y."""
    from ai_edge_litert import schema_py_generated as schema

    random = np.random.default_rng(seed)
    weights = random.standard_normal((outputs, inputs)).astype(np.float32)
    bias = random.standard_normal(outputs).astype(np.float32)
    model = _model(schema, weights, bias)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tflite").write_bytes(model)
    x = random.standard_normal((4, inputs)).astype(np.float32)
    np.savez(folder / "inputs.npz", x=x)
    np.savez(folder / "outputs.npz", y=x @ weights.T + bias)


def _model(schema: object, weights: np.ndarray, bias: np.ndarray) -> bytes:
    import flatbuffers

    def tensor(name: str, shape: tuple[int, ...], buffer: int) -> object:
        made = schema.TensorT()
        made.name, made.shape, made.buffer = name, list(shape), buffer
        made.type = schema.TensorType.FLOAT32
        return made

    def buffer(data: bytes) -> object:
        made = schema.BufferT()
        made.data = np.frombuffer(data, np.uint8) if data else None
        return made

    def port(name: str, index: int) -> object:
        made = schema.TensorMapT()
        made.name, made.tensorIndex = name, index
        return made

    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1, 2], [3]
    operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    operator.builtinOptions = schema.FullyConnectedOptionsT()
    graph = schema.SubGraphT()
    graph.tensors = [
        tensor("x", (1, weights.shape[1]), 0),
        tensor("w", weights.shape, 1),
        tensor("b", bias.shape, 2),
        tensor("y", (1, weights.shape[0]), 0),
    ]
    graph.inputs, graph.outputs, graph.operators, graph.name = [0], [3], [operator], "main"
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs, signature.outputs = [port("x", 0)], [port("y", 3)]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers = [buffer(b""), buffer(weights.tobytes()), buffer(bias.tobytes())]
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
