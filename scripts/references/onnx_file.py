"""Reads what the references need of an ONNX file: its opset, its nodes and its initializers.

The file is protobuf (https://protobuf.dev/programming-guides/encoding/); the field numbers are those of onnx.proto.
Written out here because Debian's python3-torch exports ONNX without the onnx package.
"""
import struct

import numpy as np

DTYPES = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}


def varint(data, at):
    """The varint at `at` and the position behind it."""
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """All (field number, value) of a message; value is an int, or bytes for the length-delimited and fixed types."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size, at = varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at : at + size], at + size
        yield key >> 3, value


def strings(message, number):
    return [value.decode() for field, value in fields(message) if field == number]


def tensor(message):
    """A TensorProto as (name, array). torch writes raw_data only, and dims unpacked."""
    name, dims, dtype, raw = '', [], 0, b''
    for field, value in fields(message):
        if field == 1:
            dims.append(value)
        elif field == 2:
            dtype = DTYPES[value]
        elif field == 8:
            name = value.decode()
        elif field == 9:
            raw = value
    return name, np.frombuffer(raw, dtype).reshape(dims)


def attribute(message):
    """An AttributeProto as (name, value) with the value of the types that torch writes."""
    name, kind, value, many = '', 0, None, []
    for field, content in fields(message):
        if field == 1:
            name = content.decode()
        elif field == 2:
            value = struct.unpack('<f', content)[0]
        elif field == 3:
            value = content - (1 << 64) if content >> 63 else content
        elif field == 4:
            value = content.decode()
        elif field == 5:
            value = tensor(content)[1].tolist()
        elif field == 8:
            many.append(content - (1 << 64) if content >> 63 else content)
        elif field == 20:
            kind = content
    return name, many if kind == 7 else value


def read(path):
    """The file as {opset, nodes: [(op_type, inputs, outputs, {attribute: value})], initializers: {name: array}}."""
    with open(path, 'rb') as file:
        model = list(fields(file.read()))
    opset = next(value for field, item in model if field == 8 for number, value in fields(item) if number == 2)
    graph = list(fields(next(value for field, value in model if field == 7)))
    nodes = [
        (strings(node, 4)[0], strings(node, 1), strings(node, 2), dict(attribute(v) for f, v in fields(node) if f == 5))
        for field, node in graph
        if field == 1
    ]
    return {'opset': opset, 'nodes': nodes, 'initializers': dict(tensor(v) for f, v in graph if f == 5)}
