/** Reading and writing of ONNX model files. */

import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { bytesOf, callback, expectArgument, optional, texts } from '../arguments.ts';
import { MocoError, messageOf } from '../errors.ts';
import type { ExternalData } from './external-data.ts';
import { inlineFunctions } from './functions.ts';
import type { Attribute, Graph, Node, Shape, Value } from './graph.ts';
import { GRAPH } from './graph-form.ts';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx_pb.ts';
import { decodeTensor, encodeTensor } from './tensor.ts';
import { DATA_TYPES, TYPE_OF } from './types.ts';

/** IR version 8 goes with opset 17. */
const IR_VERSION = 8n;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** The graph as the bytes of an .onnx file. `metadata` becomes the model's metadata_props. */
export function encodeModel(
  graph: Graph,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  expectArgument('encodeModel', 'graph', graph, GRAPH);
  expectArgument('encodeModel', 'metadata', metadata, texts);
  const domains = new Set(graph.nodes.map((node) => node.domain));
  domains.add('');
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: 'moco-web',
    opsetImport: [...domains].map((domain) =>
      create(OperatorSetIdProtoSchema, { domain, version: domain === '' ? BigInt(graph.opset) : 1n }),
    ),
    metadataProps: Object.entries(metadata).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    ),
    graph: create(GraphProtoSchema, {
      name: graph.name,
      node: graph.nodes.map((node) =>
        create(NodeProtoSchema, {
          name: node.name,
          opType: node.op,
          domain: node.domain,
          input: [...node.inputs],
          output: [...node.outputs],
          attribute: Object.entries(node.attributes).map(([name, value]) => encodeAttribute(name, value)),
        }),
      ),
      initializer: [...graph.constants].map(([name, constant]) => encodeTensor(name, constant)),
      input: graph.inputs.map(encodeValue),
      output: graph.outputs.map(encodeValue),
    }),
  });
  return toBinary(ModelProtoSchema, model);
}

/**
 * The graph in the bytes of an .onnx file.
 * @param file its bytes
 * @param external reads data that lies in files beside the model; without it, such data is refused
 * @throws MocoError model-invalid where the bytes are no ONNX model, or use what we do not read (element types other
 * than those of ElementType)
 */
export function decodeModel(file: ArrayBuffer | Uint8Array, external?: ExternalData): Graph {
  expectArgument('decodeModel', 'external', external, optional(callback));
  return decodeWithMetadata(bytesOf('decodeModel', 'file', file), external).graph;
}

/** With what the model says of itself (metadata_props). Throws as decodeModel does. */
export function decodeWithMetadata(
  bytes: Uint8Array,
  external?: ExternalData,
): { readonly graph: Graph; readonly metadata: ReadonlyMap<string, string> } {
  const model = parse(bytes);
  const graph = inlineFunctions(model);
  if (!graph) throw new MocoError('model-invalid', 'the ONNX model has no graph');
  const opset = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version;
  if (opset === undefined) throw new MocoError('model-invalid', 'the ONNX model names no opset version');
  refuseQuantized(graph);
  const metadata = new Map(model.metadataProps.map(({ key, value }) => [key, value]));
  const decoding = { opset: Number(opset), external, depth: 0, decodeOutput: decodeValue };
  return { graph: decodeGraph(graph, decoding), metadata };
}

const QUANTIZED =
  /^(QuantizeLinear|DequantizeLinear|DynamicQuantizeLinear|QLinear\w+|QGemm|ConvInteger|MatMulInteger)$/;

/** Before its values are looked at, whose types we do not know either. */
function refuseQuantized(graph: GraphProto): void {
  const node = graph.node.find(({ opType }) => QUANTIZED.test(opType));
  if (!node) return;
  throw new MocoError(
    'operator-unsupported',
    `node ${node.name || node.output[0]} (${node.opType}): the model is quantized, and whole numbers cannot be trained: ` +
      'give the float model that it was made from',
  );
}

/** What a model says of itself without its weights. */
export interface ModelFacts {
  readonly name: string;
  /** Without initializers. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Each once, sorted. */
  readonly operators: readonly string[];
  /** How many there are, with functions written out and those of graphs within graphs. */
  readonly nodes: number;
  /** metadata_props. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** @throws MocoError model-invalid, as decodeModel, which reads the weights too */
export function readModelFacts(bytes: Uint8Array): ModelFacts {
  const model = parse(bytes);
  const { graph, metadataProps } = model;
  if (!graph) throw new MocoError('model-invalid', 'the ONNX model has no graph');
  const constants = new Set(graph.initializer.map(({ name }) => name));
  return {
    name: graph.name,
    inputs: graph.input.filter(({ name }) => !constants.has(name)).map(decodeValue),
    outputs: graph.output.map(decodeValue),
    operators: [...new Set(graph.node.map(({ opType }) => opType))].sort(),
    nodes: nodesIn(inlineFunctions(model) ?? graph),
    metadata: new Map(metadataProps.map(({ key, value }) => [key, value])),
  };
}

/** The protobuf reader bounds how deep they lie within each other. */
function nodesIn({ node }: GraphProto): number {
  let count = node.length;
  for (const { attribute } of node) for (const { g } of attribute) if (g) count += nodesIn(g);
  return count;
}

interface Decoding {
  readonly opset: number;
  readonly external: ExternalData | undefined;
  /** How many graphs this one lies in. */
  readonly depth: number;
  readonly decodeOutput: (value: ValueInfoProto) => Value;
}

const DEEPEST = 16;

function decodeGraph(graph: GraphProto, decoding: Decoding): Graph {
  const { opset, external, depth, decodeOutput } = decoding;
  if (depth > DEEPEST)
    throw new MocoError('model-invalid', `graphs lie within graphs more than ${DEEPEST} deep`);
  const names = new Set<string>();
  for (const { name } of graph.initializer) {
    if (names.has(name))
      throw new MocoError('model-invalid', `two initializers are named ${JSON.stringify(name)}`);
    names.add(name);
  }
  // What nothing reads may be of a type that we do not know, as num_batches_tracked may.
  const read = namesRead(graph);
  const constants = new Map(
    graph.initializer
      .filter(({ name, dataType }) => read.has(name) || TYPE_OF.has(dataType))
      .map((tensor) => [tensor.name, decodeTensor(tensor, external)]),
  );
  return {
    name: graph.name,
    opset,
    // Models before IR version 4 list their initializers among the inputs too.
    inputs: graph.input.filter(({ name }) => !names.has(name)).map(decodeValue),
    outputs: graph.output.map(decodeOutput),
    constants,
    nodes: graph.node.map(
      (node): Node => ({
        name: node.name || (node.output[0] ?? ''),
        op: node.opType,
        domain: node.domain === 'ai.onnx' ? '' : node.domain,
        inputs: node.input,
        outputs: node.output,
        attributes: Object.fromEntries(
          node.attribute.map((attribute) => [
            attribute.name,
            decodeAttribute(
              attribute,
              node.name,
              (inner) =>
                decodeGraph(inner, { ...decoding, depth: depth + 1, decodeOutput: decodeBranchOutput }),
              external,
            ),
          ]),
        ),
      }),
    ),
  };
}

/** Names that nodes read, those of graphs within it too, or that leave it. */
function namesRead(graph: GraphProto): ReadonlySet<string> {
  const read = new Set<string>();
  const graphs = [graph];
  for (let inner = graphs.pop(); inner; inner = graphs.pop()) {
    for (const { name } of inner.output) read.add(name);
    for (const node of inner.node) {
      for (const name of node.input) read.add(name);
      for (const { g } of node.attribute) if (g) graphs.push(g);
    }
  }
  return read;
}

function parse(bytes: Uint8Array) {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new MocoError('model-invalid', `not an ONNX model, or a truncated one: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function encodeAttribute(name: string, value: Attribute): AttributeProto {
  const make = (fields: MessageInitShape<typeof AttributeProtoSchema>) =>
    create(AttributeProtoSchema, { ...fields, name });
  if (typeof value === 'number') return make({ type: AttributeType.INT, i: BigInt(value) });
  if (typeof value === 'string') return make({ type: AttributeType.STRING, s: utf8.encode(value) });
  if ('float' in value) return make({ type: AttributeType.FLOAT, f: value.float });
  if ('floats' in value) return make({ type: AttributeType.FLOATS, floats: [...value.floats] });
  if ('strings' in value) {
    return make({ type: AttributeType.STRINGS, strings: value.strings.map((s) => utf8.encode(s)) });
  }
  if ('tensor' in value) return make({ type: AttributeType.TENSOR, t: encodeTensor('', value.tensor) });
  if ('graph' in value) throw new MocoError('model-invalid', `attribute ${name} holds a sub-graph`);
  return make({ type: AttributeType.INTS, ints: value.map(BigInt) });
}

function decodeAttribute(
  attribute: AttributeProto,
  node: string,
  decodeInner: (graph: GraphProto) => Graph,
  external?: ExternalData,
): Attribute {
  switch (attribute.type) {
    case AttributeType.INT:
      return Number(attribute.i);
    case AttributeType.FLOAT:
      return { float: attribute.f };
    case AttributeType.STRING:
      return fromUtf8.decode(attribute.s);
    case AttributeType.INTS:
      return attribute.ints.map(Number);
    case AttributeType.FLOATS:
      return { floats: attribute.floats };
    case AttributeType.STRINGS:
      return { strings: attribute.strings.map((s) => fromUtf8.decode(s)) };
    case AttributeType.TENSOR:
      if (!attribute.t) break;
      return { tensor: decodeTensor(attribute.t, external) };
    case AttributeType.GRAPH:
      if (!attribute.g) break;
      return { graph: decodeInner(attribute.g) };
  }
  throw new MocoError(
    'model-invalid',
    `node ${node}: attribute ${attribute.name} has no value that we can read`,
  );
}

function encodeValue({ name, type, shape }: Value): ValueInfoProto {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof size === 'number'
          ? { case: 'dimValue', value: BigInt(size) }
          : { case: 'dimParam', value: size },
    }),
  );
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, {
      value: {
        case: 'tensorType',
        value: create(TypeProto_TensorSchema, {
          elemType: DATA_TYPES[type],
          shape: create(TensorShapeProtoSchema, { dim }),
        }),
      },
    }),
  });
}

/** The outputs of a branch need no type, and torch gives them none. */
function decodeBranchOutput(value: ValueInfoProto): Value {
  return value.type ? decodeValue(value) : { name: value.name, type: 'float32', shape: [] };
}

function decodeValue(value: ValueInfoProto): Value {
  const tensor = value.type?.value.case === 'tensorType' ? value.type.value.value : undefined;
  const type = tensor && TYPE_OF.get(tensor.elemType);
  if (!tensor || type === undefined) {
    throw new MocoError('model-invalid', `value ${value.name}: its type is missing or not supported`);
  }
  const shape: Shape = (tensor.shape?.dim ?? []).map((dim, axis) => {
    if (dim.value.case === 'dimValue') {
      const size = Number(dim.value.value);
      if (Number.isSafeInteger(size) && size >= 0) return size;
      throw new MocoError('model-invalid', `value ${value.name}: impossible size ${size}`);
    }
    return dim.value.value || `${value.name}.${axis}`;
  });
  return { name: value.name, type, shape };
}
