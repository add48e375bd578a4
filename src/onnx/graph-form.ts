/** What a graph is told from anything else by, for the calls that callers hand one to. */
import { type Form, instance, kindOf, listOf, made, record, text, whole } from '../arguments.ts';
import type { Constant, Graph, Node, Value } from './graph.ts';

const SIZES: Form = {
  give: 'sizes',
  is: (value) =>
    Array.isArray(value) &&
    value.every((size) => typeof size === 'string' || (Number.isSafeInteger(size) && size >= 0)),
};
const NAMES: Form = {
  give: 'names',
  is: (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
};
const anyText: Form = { give: 'a text', is: (value) => typeof value === 'string' };

const VALUE = made<Value>('{ name, type, shape }', { name: text(), type: text(), shape: SIZES });
const NODE = made<Node>('{ name, op, domain, inputs, outputs, attributes }', {
  name: anyText,
  op: text(),
  domain: anyText,
  inputs: NAMES,
  outputs: NAMES,
  attributes: record,
});
const CONSTANT = made<Constant>('{ type, shape, data }', {
  type: text(),
  shape: listOf(whole(0), 'sizes'),
  data: { give: 'a typed array', is: (value) => ArrayBuffer.isView(value) },
});
const FIELDS = made<Graph>('a graph, from decodeModel, buildNetwork or differentiate', {
  name: anyText,
  opset: whole(1),
  inputs: listOf(VALUE, 'values'),
  outputs: listOf(VALUE, 'values'),
  constants: instance('a Map', 'Map'),
  nodes: listOf(NODE, 'nodes'),
});

export const GRAPH: Form = {
  give: FIELDS.give,
  is: (value) =>
    FIELDS.is(value) && [...(value as Graph).constants.values()].every((one) => CONSTANT.is(one)),
  wrong(value, name) {
    if (kindOf(value) !== 'Object') return null;
    const { inputs, outputs, nodes } = value as Partial<Graph>;
    const lists = { inputs: [inputs, VALUE], outputs: [outputs, VALUE], nodes: [nodes, NODE] } as const;
    for (const [list, [values, form]] of Object.entries(lists)) {
      const at = Array.isArray(values) ? values.findIndex((one) => !form.is(one)) : -1;
      if (at >= 0) return `${name}.${list}[${at}] is not ${form.give}`;
    }
    return null;
  },
};
