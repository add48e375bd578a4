/**
 * An ONNX graph as plain data, and a builder that writes one. Values are known by name, as in ONNX.
 */
import { MocoError } from '../errors.ts';

/** A size, or the name of a size that is known only when the graph runs (the batch). */
export type Dim = number | string;
export type Shape = readonly Dim[];
/** Models may hold float64 and half floats; graphs that we run hold none (import/to-float32.ts). */
export type ElementType =
  | 'float32'
  | 'int64'
  | 'int32'
  | 'bool'
  | 'uint8'
  | 'float64'
  | 'float16'
  | 'bfloat16';

export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

/** A tensor whose values are part of the graph. */
export interface Constant {
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Of half floats, the bits. */
  readonly data: Float32Array | BigInt64Array | Int32Array | Uint8Array | Float64Array | Uint16Array;
}

/** Whole numbers are ONNX ints; a float attribute is written `{ float: x }`. */
export type Attribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly tensor: Constant }
  /** The branch of an If, the body of a loop. */
  | { readonly graph: Graph };
export type Attributes = Readonly<Record<string, Attribute>>;

export interface Node {
  readonly name: string;
  readonly op: string;
  /** '' is the ONNX domain itself. */
  readonly domain: string;
  /** '' stands for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

export interface Graph {
  readonly name: string;
  readonly opset: number;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly constants: ReadonlyMap<string, Constant>;
  readonly nodes: readonly Node[];
}

/**
 * The opset of every graph that we write: at later versions some operators have no kernel in onnxruntime-web 1.30
 * (docs/performance.md names those we met).
 */
export const OPSET = 17;

/** Writes a graph node by node. Names it makes itself begin with the prefix, so that graphs can share names safely. */
export class GraphBuilder {
  readonly #name: string;
  readonly #prefix: string;
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #constants = new Map<string, Constant>();
  readonly #nodes: Node[] = [];
  readonly #shared = new Map<string, string>();
  readonly #inputNames = new Set<string>();
  readonly #outputNames = new Set<string>();
  #count = 0;

  constructor(name: string, prefix = 't') {
    this.#name = name;
    this.#prefix = prefix;
  }

  input(name: string, shape: Shape, type: ElementType = 'float32'): string {
    this.#inputs.push({ name, type, shape });
    this.#inputNames.add(name);
    return name;
  }

  hasInput(name: string): boolean {
    return this.#inputNames.has(name);
  }

  output(name: string, shape: Shape, type: ElementType = 'float32'): void {
    this.#outputs.push({ name, type, shape });
    this.#outputNames.add(name);
  }

  hasOutput(name: string): boolean {
    return this.#outputNames.has(name);
  }

  /** A constant under a name of its own. */
  constant(name: string, constant: Constant): string {
    this.#constants.set(name, constant);
    return name;
  }

  /** An int64 vector, as shapes and axes are given; equal ones are shared. @throws MocoError model-invalid for other numbers */
  ints(values: readonly number[]): string {
    const other = values.find((value) => !Number.isInteger(value));
    if (other !== undefined)
      throw new MocoError('model-invalid', `${other} is no whole number, as sizes and axes are`);
    return this.#share(`i${values.join('_')}`, () => ({
      type: 'int64',
      shape: [values.length],
      data: BigInt64Array.from(values, BigInt),
    }));
  }

  /** A float32 scalar; equal ones are shared. */
  scalar(value: number): string {
    return this.#share(`f${value}`, () => ({ type: 'float32', shape: [], data: Float32Array.of(value) }));
  }

  /** A float32 vector of one value; equal ones are shared. */
  filled(length: number, value: number): string {
    return this.#share(`v${length}_${value}`, () => ({
      type: 'float32',
      shape: [length],
      data: new Float32Array(length).fill(value),
    }));
  }

  /** Appends a node with one output and returns the output's name. */
  op(op: string, inputs: readonly string[], attributes: Attributes = {}, output?: string): string {
    const name = output ?? this.fresh(op);
    this.node({ name, op, domain: '', inputs, outputs: [name], attributes });
    return name;
  }

  node(node: Node): void {
    this.#nodes.push(node);
  }

  /** A name that no other value has. */
  fresh(hint: string): string {
    this.#count++;
    return `${this.#prefix}.${this.#count}.${hint}`;
  }

  build(): Graph {
    return {
      name: this.#name,
      opset: OPSET,
      inputs: this.#inputs,
      outputs: this.#outputs,
      constants: this.#constants,
      nodes: this.#nodes,
    };
  }

  #share(key: string, make: () => Constant): string {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const name = this.constant(`${this.#prefix}.c.${key}`, make());
    this.#shared.set(key, name);
    return name;
  }
}
