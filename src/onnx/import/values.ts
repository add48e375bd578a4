/** What is known of each value while a graph is imported: its shape and type, its elements if they are constant. */
import { MocoError } from '../../errors.ts';
import { knownFactor, product } from '../dims.ts';
import type { Constant, ElementType, Graph, Node, Shape } from '../graph.ts';
import { Budget } from '../limits.ts';
import type { ShapeScope } from '../shape-rules/rule.ts';
import { MOST_ELEMENTS } from '../tensor.ts';
import { fromConstant, type Known, MOST_KNOWN, toConstant } from './known.ts';

const MOST_AXES = 32;
const BYTES_OF_A_NUMBER = 8;

export class Values {
  readonly shapes = new Map<string, Shape>();
  readonly types = new Map<string, ElementType>();
  readonly constants = new Map<string, Constant>();
  readonly #held: ReadonlySet<string>;
  readonly #budget: Budget;
  readonly #known = new Map<string, Known>();
  readonly #alias = new Map<string, string>();

  /** @param held names of constants whose elements may change: weights and running statistics */
  constructor(graph: Graph, held: ReadonlySet<string>, budget = new Budget()) {
    this.#held = held;
    this.#budget = budget;
    for (const { name, shape, type } of graph.inputs) this.declare(name, shape, type);
    for (const [name, constant] of graph.constants) this.constant(name, constant);
  }

  readonly scope: ShapeScope = {
    ints: (name) => {
      const known = this.known(name ?? '');
      if (!known || (known.type !== 'int64' && known.type !== 'int32')) return undefined;
      return known.data.every((size): size is number => typeof size === 'number') ? known.data : undefined;
    },
  };

  declare(name: string, shape: Shape, type: ElementType): void {
    this.shapes.set(name, shape);
    this.types.set(name, type);
  }

  constant(name: string, constant: Constant): void {
    this.constants.set(name, constant);
    this.declare(name, constant.shape, constant.type);
  }

  know(name: string, value: Known): void {
    this.#budget.take(BYTES_OF_A_NUMBER * value.data.length);
    this.#known.set(name, value);
    this.declare(name, value.shape, value.type);
  }

  /** The elements of a value; those of long constants are left alone. */
  known(name: string): Known | undefined {
    const known = this.#known.get(name);
    if (known) return known;
    const constant = this.constants.get(name);
    if (!constant || this.#held.has(name) || constant.data.length > MOST_KNOWN) return undefined;
    this.#budget.take(BYTES_OF_A_NUMBER * constant.data.length);
    const value = fromConstant(constant);
    this.#known.set(name, value);
    return value;
  }

  /** Makes a known value that a node reads a constant of the graph. */
  write(node: Node, name: string): void {
    const known = this.#known.get(name);
    if (!known || this.constants.has(name)) return;
    const constant = toConstant(known);
    if (constant) {
      this.constants.set(name, constant);
      return;
    }
    throw new MocoError(
      'operator-unsupported',
      `node ${node.name} (${node.op}) reads ${name}, which depends on the batch: fix the batch`,
    );
  }

  isHeld(name: string): boolean {
    return this.#held.has(name);
  }

  shapeOf(node: Node, name: string): Shape {
    const shape = this.shapes.get(name);
    if (shape) return shape;
    throw new MocoError(
      'model-invalid',
      `node ${node.name} (${node.op}) reads ${name}, which nothing has written`,
    );
  }

  requirePossible(node: Node, shapes: readonly Shape[]): void {
    const deep = shapes.find((shape) => shape.length > MOST_AXES);
    if (deep)
      throw new MocoError('model-invalid', `node ${node.name} (${node.op}): ${deep.length} dimensions`);
    const absurd = shapes.find((shape) => knownFactor(product(shape)) > MOST_ELEMENTS);
    if (absurd)
      throw new MocoError('model-invalid', `node ${node.name} (${node.op}): absurd shape [${absurd}]`);
  }

  /** `name` is from now on another name of `of`. */
  alias(name: string, of: string): void {
    this.#alias.set(name, this.original(of));
  }

  original(name: string): string {
    return this.#alias.get(name) ?? name;
  }

  /** The node with its inputs under their first names; optional inputs at the end that are left out are dropped. */
  resolve(node: Node): Node {
    const inputs = node.inputs.map((name) => this.original(name));
    while (inputs.at(-1) === '') inputs.pop();
    return { ...node, inputs };
  }
}
