/**
 * Model-local functions (FunctionProto), which PyTorch's newer exporter writes a network's modules and operators as: each
 * call becomes the nodes of the function, with names of their own for what only these know.
 */
import { MocoError } from '../errors.ts';
import { MOST_NODES } from './limits.ts';
import type { AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto } from './onnx_pb.ts';

/** Calls within calls, and graphs of attributes. */
const DEEPEST = 64;
/** Of a node's name with those of the calls that it lies in. */
const LONGEST_NAME = 256;

/** The model's graph without calls. @throws MocoError model-invalid for functions that call themselves, or grow without end */
export function inlineFunctions(model: ModelProto): GraphProto | undefined {
  const { graph } = model;
  if (!graph || model.functions.length === 0) return graph;
  return new Inliner(model, graph).run();
}

/** What a node's names and attributes mean: those of the function that it is written in, or of the model. */
interface Frame {
  readonly functions: readonly FunctionProto[];
  readonly name: string;
  rename(value: string): string;
  /** How many graphs of attributes and calls it lies in. */
  readonly depth: number;
  /** Values of the function's attributes; null outside of functions. */
  readonly attributes: ReadonlyMap<string, AttributeProto> | null;
}

class Inliner {
  readonly #graph: GraphProto;
  readonly #functions = new Map<string, FunctionProto>();
  readonly #prefix: string;
  /** Of '' that the model is written in. */
  readonly #opset: bigint | undefined;
  #calls = 0;
  #size = 0;

  constructor({ functions, opsetImport }: ModelProto, graph: GraphProto) {
    this.#graph = graph;
    this.#opset = versionOf(opsetImport);
    for (const each of functions) {
      const key = keyOf(each.domain, each.name, each.overload);
      if (this.#functions.has(key)) throw invalid(`two functions are named ${each.domain}.${each.name}`);
      this.#functions.set(key, each);
    }
    let prefix = 'call';
    const names = namesIn(graph);
    while (names.some((name) => name.startsWith(`${prefix}.`))) prefix += '_';
    this.#prefix = prefix;
  }

  run(): GraphProto {
    const frame: Frame = { functions: [], name: '', rename: (value) => value, depth: 0, attributes: null };
    return this.#body(this.#graph, frame);
  }

  #body(graph: GraphProto, frame: Frame): GraphProto {
    if (frame.depth > DEEPEST)
      throw invalid(`graphs and functions lie within each other more than ${DEEPEST} deep`);
    const named = <T extends { readonly name: string }>(values: readonly T[]) =>
      values.map((value): T => ({ ...value, name: frame.rename(value.name) }));
    this.#count(graph.initializer.length);
    return {
      ...graph,
      node: graph.node.flatMap((node) => this.#expanded(node, frame)),
      initializer: named(graph.initializer),
      input: named(graph.input),
      output: named(graph.output),
      valueInfo: [],
    };
  }

  /** The node in the words of whoever calls, or the nodes that it stands for. */
  #expanded(written: NodeProto, frame: Frame): readonly NodeProto[] {
    this.#count(1);
    const node: NodeProto = {
      ...written,
      name: nameWithin(frame.name, written),
      input: written.input.map(frame.rename),
      output: written.output.map(frame.rename),
      attribute: written.attribute.flatMap((attribute) => this.#attribute(attribute, frame)),
    };
    const called = this.#functions.get(keyOf(node.domain, node.opType, node.overload));
    return called ? this.#call(called, node, frame) : [node];
  }

  #attribute(attribute: AttributeProto, frame: Frame): AttributeProto[] {
    const { name, refAttrName } = attribute;
    if (refAttrName !== '' && frame.attributes) {
      // One that the caller leaves out, and that has no default, is left out here too.
      const given = frame.attributes.get(refAttrName);
      return given ? [{ ...given, name }] : [];
    }
    if (!attribute.g) return [attribute];
    return [{ ...attribute, g: this.#body(attribute.g, { ...frame, depth: frame.depth + 1 }) }];
  }

  #call(called: FunctionProto, node: NodeProto, { functions, depth }: Frame): readonly NodeProto[] {
    const label = `node ${node.name} (${node.opType})`;
    if (functions.includes(called)) throw invalid(`${label}: the function calls itself`);
    if (depth >= DEEPEST) throw invalid(`${label}: functions call each other more than ${DEEPEST} deep`);
    if (node.input.length > called.input.length || node.output.length > called.output.length)
      throw invalid(
        `${label}: the function takes ${called.input.length} inputs and gives ${called.output.length} outputs`,
      );
    const opset = versionOf(called.opsetImport);
    if (opset !== undefined && opset !== this.#opset)
      throw new MocoError(
        'operator-unsupported',
        `${label}: the function is of opset ${opset}, its model of ${this.#opset}`,
      );
    const prefix = `${this.#prefix}.${++this.#calls}.`;
    const names = new Map<string, string>([['', '']]);
    for (const [i, output] of called.output.entries())
      if ((node.output[i] ?? '') !== '') names.set(output, node.output[i]!);
    for (const [i, input] of called.input.entries()) names.set(input, node.input[i] ?? '');
    const given = [...called.attributeProto, ...node.attribute];
    const inner: Frame = {
      functions: [...functions, called],
      name: node.name,
      rename: (value) => names.get(value) ?? prefix + value,
      depth: depth + 1,
      attributes: new Map(given.map((attribute) => [attribute.name, attribute])),
    };
    const body = called.node.flatMap((each) => this.#expanded(each, inner));
    // An output that is an input as it came.
    const passed = called.output.flatMap((output, i): NodeProto[] =>
      called.input.includes(output) && (node.output[i] ?? '') !== ''
        ? [
            {
              ...node,
              opType: 'Identity',
              domain: '',
              input: [inner.rename(output)],
              output: [node.output[i]!],
              attribute: [],
            },
          ]
        : [],
    );
    return [...body, ...passed];
  }

  /** Calls of what does nothing count, too. */
  #count(more: number): void {
    this.#size += more;
    if (this.#size > MOST_NODES)
      throw invalid(`with its functions written out the model has more than ${MOST_NODES} nodes`);
  }
}

function keyOf(domain: string, name: string, overload: string): string {
  return JSON.stringify([domain === 'ai.onnx' ? '' : domain, name, overload]);
}

function versionOf(imports: ModelProto['opsetImport']): bigint | undefined {
  return imports.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version;
}

function nameWithin(outer: string, node: NodeProto): string {
  if (outer === '') return node.name;
  const name = `${outer}/${node.name || node.opType}`;
  return name.length > LONGEST_NAME ? outer : name;
}

/** Of all values, those of graphs within it too. */
function namesIn(graph: GraphProto): string[] {
  const names: string[] = [];
  const graphs = [graph];
  for (let inner = graphs.pop(); inner; inner = graphs.pop()) {
    for (const { name } of [...inner.input, ...inner.initializer]) names.push(name);
    for (const node of inner.node) {
      for (const name of node.output) names.push(name);
      for (const { g } of node.attribute) if (g) graphs.push(g);
    }
  }
  return names;
}

function invalid(what: string): MocoError {
  return new MocoError('model-invalid', what);
}
