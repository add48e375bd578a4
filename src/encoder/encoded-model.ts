/** A graph as the bytes that a session is made of. */
import type { Graph } from '../onnx/graph.ts';
import { encodeModel } from '../onnx/model.ts';

export interface EncodedModel {
  readonly name: string;
  /** An ONNX file. */
  readonly bytes: Uint8Array;
  /** Its operators, each once: for messages. */
  readonly operators: readonly string[];
}

export function encoded(graph: Graph): EncodedModel {
  const operators = [...new Set(graph.nodes.map(({ op }) => op))].sort();
  return { name: graph.name, bytes: encodeModel(graph), operators };
}
