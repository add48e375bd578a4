import { MocoError } from '../errors.ts';
import { expectLength, expectNumber, expectSameCount, expectSgdOptions, expectWhole } from './checks.ts';
import type { DeviceArray, InfoNceArguments, SgdOptions, SummaryArguments } from './kernels.ts';
import { SUMMARY_LENGTH } from './kernels.ts';

/** Where two arrays of the same length lie. */
export interface Pair<P> {
  readonly target: P;
  readonly source: P;
  readonly length: number;
}

export interface Triple<P> {
  readonly parameter: P;
  readonly momentum: P;
  readonly gradient: P;
  readonly length: number;
}

/**
 * What kernels are given, checked alike for both backends: shapes, ranges, and that arrays are live. Each method is named
 * for the kernel that it checks for and says where its arrays lie (P: an address on wasm, a buffer on WebGPU). All of a
 * call is checked before any of it is written: an error leaves every array as it was.
 */
export class Operands<P> {
  /** Where a live array of these kernels lies. @throws MocoError array-freed */
  readonly at: (array: DeviceArray, name: string) => P;

  constructor(at: (array: DeviceArray, name: string) => P) {
    this.at = at;
  }

  /** @throws MocoError shape-mismatch unless an array has the length that its dimensions ask for */
  matrix(name: string, array: DeviceArray, rows: number, columns?: number): P {
    expectWhole(`the number of rows of ${name}`, rows, 0);
    if (columns !== undefined) expectWhole(`the number of columns of ${name}`, columns, 1);
    const shape = columns === undefined ? `[${rows}]` : `[${rows}, ${columns}]`;
    expectLength(name, array.length, rows * (columns ?? 1), shape);
    return this.at(array, name);
  }

  gate(gate: DeviceArray): P {
    return this.matrix('gate', gate, 1);
  }

  /** The arrays of two lists that go together. */
  pairs(
    [targetName, sourceName]: readonly [string, string],
    targets: readonly DeviceArray[],
    sources: readonly DeviceArray[],
  ): Pair<P>[] {
    expectSameCount(`${targetName} and ${sourceName}`, [targets.length, sources.length]);
    return targets.map((target, i) => ({
      target: this.at(target, `${targetName}[${i}]`),
      source: this.#same(`${sourceName}[${i}]`, sources[i]!, target),
      length: target.length,
    }));
  }

  write(target: DeviceArray, values: Float32Array, offset: number): P {
    const place = this.at(target, 'target');
    expectWhole('offset', offset, 0);
    if (offset + values.length > target.length) {
      throw new MocoError(
        'shape-mismatch',
        `values has ${values.length} elements at offset ${offset}, but target only ${target.length}`,
      );
    }
    return place;
  }

  gatherRows(target: DeviceArray, source: DeviceArray, rows: Uint32Array, dim: number): Pair<P> {
    const to = this.matrix('target', target, rows.length, dim);
    return { target: to, source: this.#indexed('source', source, target, rows, dim), length: target.length };
  }

  scatterRows(target: DeviceArray, source: DeviceArray, rows: Uint32Array, dim: number): Pair<P> {
    const from = this.matrix('source', source, rows.length, dim);
    const to = this.#indexed('target', target, source, rows, dim);
    if (new Set(rows).size !== rows.length) {
      const twice = rows.find((row, r) => rows.indexOf(row) !== r);
      throw new MocoError(
        'usage',
        `rows names row ${twice} of target twice: each can take one row of source`,
      );
    }
    return { target: to, source: from, length: source.length };
  }

  l2Normalize(
    x: DeviceArray,
    y: DeviceArray,
    norm: DeviceArray,
    rows: number,
    dim: number,
  ): [x: P, y: P, norm: P] {
    return [this.matrix('x', x, rows, dim), this.matrix('y', y, rows, dim), this.matrix('norm', norm, rows)];
  }

  l2NormalizeBackward(
    y: DeviceArray,
    norm: DeviceArray,
    dy: DeviceArray,
    dx: DeviceArray,
    rows: number,
    dim: number,
  ): [y: P, norm: P, dy: P, dx: P] {
    return [
      this.matrix('y', y, rows, dim),
      this.matrix('norm', norm, rows),
      this.matrix('dy', dy, rows, dim),
      this.matrix('dx', dx, rows, dim),
    ];
  }

  infoNce(args: InfoNceArguments): Record<'query' | 'key' | 'queue' | 'loss' | 'dQuery' | 'rank', P> {
    const { rows, dim, queueSize, temperature, gradientScale } = args;
    expectWhole('queueSize', queueSize, 1);
    expectNumber('temperature', temperature, temperature > 0, 'greater than 0');
    expectNumber('gradientScale', gradientScale, true, 'finite');
    return {
      query: this.matrix('query', args.query, rows, dim),
      key: this.matrix('key', args.key, rows, dim),
      queue: this.matrix('queue', args.queue, queueSize, dim),
      loss: this.matrix('loss', args.loss, rows),
      dQuery: this.matrix('dQuery', args.dQuery, rows, dim),
      rank: this.matrix('rank', args.rank, rows),
    };
  }

  enqueue(
    queue: DeviceArray,
    keys: DeviceArray,
    pointer: number,
    queueSize: number,
    rows: number,
    dim: number,
    gate: DeviceArray,
  ): [queue: P, keys: P, gate: P] {
    expectWhole('queueSize', queueSize, 1);
    expectWhole('pointer', pointer, 0, queueSize - 1);
    return [
      this.matrix('queue', queue, queueSize, dim),
      this.matrix('keys', keys, rows, dim),
      this.gate(gate),
    ];
  }

  ema(key: readonly DeviceArray[], query: readonly DeviceArray[], m: number): Pair<P>[] {
    expectNumber('m', m, m >= 0 && m <= 1, 'in [0, 1]');
    return this.pairs(['key', 'query'], key, query);
  }

  updateRunning(
    running: readonly DeviceArray[],
    sums: readonly DeviceArray[],
    keep: number,
    scales: readonly number[],
  ): Pair<P>[] {
    expectNumber('keep', keep, true, 'finite');
    expectSameCount('running, sums and scales', [running.length, sums.length, scales.length]);
    for (const [i, scale] of scales.entries()) expectNumber(`scales[${i}]`, scale, true, 'finite');
    return this.pairs(['running', 'sums'], running, sums);
  }

  sgd(
    parameters: readonly DeviceArray[],
    gradients: readonly DeviceArray[],
    momentumBuffers: readonly DeviceArray[],
    options: SgdOptions,
  ): Triple<P>[] {
    expectSgdOptions(options);
    const counts = [parameters.length, gradients.length, momentumBuffers.length];
    expectSameCount('parameters, gradients and momentumBuffers', counts);
    return parameters.map((p, i) => ({
      parameter: this.at(p, `parameters[${i}]`),
      momentum: this.#same(`momentumBuffers[${i}]`, momentumBuffers[i]!, p),
      gradient: this.#same(`gradients[${i}]`, gradients[i]!, p),
      length: p.length,
    }));
  }

  summarize(args: SummaryArguments): Record<'loss' | 'rank' | 'query' | 'gate' | 'summary', P> {
    const { rows, dim } = args;
    expectWhole('rows', rows, 1);
    return {
      loss: this.matrix('loss', args.loss, rows),
      rank: this.matrix('rank', args.rank, rows),
      query: this.matrix('query', args.query, rows, dim),
      gate: this.gate(args.gate),
      summary: this.matrix('summary', args.summary, SUMMARY_LENGTH),
    };
  }

  topK(
    queries: DeviceArray,
    bank: DeviceArray,
    q: number,
    m: number,
    dim: number,
    k: number,
  ): { queries: P; bank: P } {
    const places = {
      queries: this.matrix('queries', queries, q, dim),
      bank: this.matrix('bank', bank, m, dim),
    };
    expectWhole('k', k, 1, m);
    return places;
  }

  /** An array of whole rows of `dim`, which holds each row of a list and is not the other array. */
  #indexed(name: string, array: DeviceArray, other: DeviceArray, rows: Uint32Array, dim: number): P {
    const place = this.at(array, name);
    const last = rows.reduce((most, row) => Math.max(most, row), -1);
    if ((last + 1) * dim > array.length) {
      throw new MocoError(
        'shape-mismatch',
        `${name} has ${array.length} elements, but row ${last} of ${dim} ends at ${(last + 1) * dim}`,
      );
    }
    if (array === other) {
      throw new MocoError('usage', 'target and source are one array: rows cannot change places within it');
    }
    return place;
  }

  /** A live array as long as another one. */
  #same(name: string, array: DeviceArray, other: DeviceArray): P {
    expectLength(name, array.length, other.length, 'its partner');
    return this.at(array, name);
  }
}
