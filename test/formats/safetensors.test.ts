import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import {
  type NamedTensor,
  readSafetensors,
  readSafetensorsHeader,
  writeSafetensors,
} from '../../src/formats/safetensors.ts';

/** A file of exactly this header and this many bytes of data. */
function file(header: unknown, dataBytes: number, claimedLength?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimedLength ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function problem(bytes: Uint8Array): string {
  try {
    readSafetensors(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(MocoError);
    expect((error as MocoError).code).toBe('checkpoint-invalid');
    return (error as MocoError).message;
  }
  throw new Error('was accepted');
}

const f32 = (shape: number[], begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('safetensors', () => {
  it('writes the bytes the format prescribes, keys sorted, wide elements first', () => {
    const bytes = writeSafetensors(
      new Map<string, NamedTensor>([
        ['b', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
        ['c', { dtype: 'F32', shape: [1, 2], data: Float32Array.of(1.5, -2) }],
        ['a', { dtype: 'I64', shape: [], data: BigInt64Array.of(-7n) }],
      ]),
    );
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + length)).trimEnd()).toBe(
      '{"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]},' +
        '"b":{"dtype":"U8","shape":[3],"data_offsets":[16,19]},' +
        '"c":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}',
    );
    const data = new DataView(bytes.buffer, 8 + length);
    expect(data.getBigInt64(0, true)).toBe(-7n);
    expect([data.getFloat32(8, true), data.getFloat32(12, true)]).toEqual([1.5, -2]);
    expect([data.getUint8(16), data.getUint8(17), data.getUint8(18)]).toEqual([1, 2, 3]);
    expect(bytes.byteLength).toBe(8 + length + 19);
  });

  it('gives back what it was given, also from unaligned memory', () => {
    const floats = fc
      .array(fc.float({ noDefaultInfinity: true, noNaN: true }), { maxLength: 9 })
      .map((v): NamedTensor => ({ dtype: 'F32', shape: [v.length], data: Float32Array.from(v) }));
    const bytesTensor = fc
      .uint8Array({ maxLength: 9 })
      .map((data): NamedTensor => ({ dtype: 'U8', shape: [data.length, 1], data }));
    const longs = fc
      .array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 4 })
      .map((v): NamedTensor => ({ dtype: 'I64', shape: [v.length], data: BigInt64Array.from(v) }));
    const name = fc.string({ maxLength: 8, unit: 'grapheme' }).filter((n) => n !== '__metadata__');
    const entries = fc.uniqueArray(fc.tuple(name, fc.oneof(floats, bytesTensor, longs)), {
      selector: ([key]) => key,
    });
    fc.assert(
      fc.property(entries, fc.integer({ min: 0, max: 7 }), (list, shift) => {
        const written = writeSafetensors(new Map(list));
        const moved = new Uint8Array(written.length + shift);
        moved.set(written, shift);
        expect(readSafetensors(moved.subarray(shift))).toEqual(new Map(list));
      }),
    );
  });

  it('skips __metadata__ and accepts empty and scalar tensors', () => {
    const header = { __metadata__: { format: 'pt' }, scalar: f32([], 0, 4), empty: f32([0, 3], 4, 4) };
    expect([...readSafetensors(file(header, 4)).keys()]).toEqual(['scalar', 'empty']);
  });

  it.each([
    ['fewer than 8 bytes', new Uint8Array(7), /too few/],
    ['a huge header length', file({}, 0, 2n ** 63n), /at most 100000000/],
    ['a header longer than the file', file({}, 0, 99n), /cut short/],
    ['a header that is not JSON', file('{"a":', 0), /not JSON/],
    ['a header that is not UTF-8', file('', 3, 2n).fill(0xff, 8), /not JSON/],
    ['a header that is a list', file([], 0), /not a JSON object/],
    ['an entry that is null', file({ a: null }, 0), /"a" is not described/],
    ['a dtype from the prototype', file({ a: { ...f32([1], 0, 4), dtype: 'toString' } }, 4), /unknown dtype/],
    ['a negative dimension', file({ a: f32([-1, -1], 0, 4) }, 4), /no valid shape/],
    ['a fractional dimension', file({ a: f32([0.5], 0, 2) }, 2), /no valid shape/],
    ['a shape beyond all numbers', file({ a: f32([2 ** 50, 2 ** 50], 0, 4) }, 4), /offsets span 4/],
    ['too few bytes for the shape', file({ a: f32([2], 0, 4) }, 4), /needs 8 bytes/],
    ['offsets the wrong way round', file({ a: f32([1], 4, 0) }, 4), /span -4/],
    ['offsets beyond the end', file({ a: f32([2], 0, 8) }, 4), /take 8 bytes, the file holds 4/],
    ['bytes nobody owns', file({ a: f32([1], 0, 4) }, 8), /take 4 bytes, the file holds 8/],
    ['a hole', file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), /"b" leaves a hole/],
    ['an overlap', file({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8), /"b" overlaps/],
    ['a type not held', file({ a: { dtype: 'BF16', shape: [2], data_offsets: [0, 4] } }, 4), /is BF16/],
  ])('refuses %s', (_, bytes, message) => {
    expect(problem(bytes)).toMatch(message);
  });

  it('reads the headers of types it does not hold', () => {
    for (const [dtype, size] of Object.entries({ F64: 8, F16: 2, BF16: 2, I32: 4 })) {
      const header = { a: { dtype, shape: [3], data_offsets: [0, 3 * size] } };
      expect(readSafetensorsHeader(file(header, 3 * size)).entries.get('a')?.dtype).toBe(dtype);
    }
  });

  it('never crashes on damaged files, it refuses them or reads other values', () => {
    const good = writeSafetensors(
      new Map<string, NamedTensor>([['weight', { dtype: 'F32', shape: [2, 2], data: new Float32Array(4) }]]),
    );
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
        const bytes = good.slice(0, length);
        if (at < length) bytes[at] = value;
        try {
          readSafetensors(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MocoError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('does not write a tensor whose shape lies', () => {
    const wrong: NamedTensor = { dtype: 'F32', shape: [3], data: new Float32Array(2) };
    expect(() => writeSafetensors(new Map([['x', wrong]]))).toThrow(/shape \[3\] and 2 values/);
  });
});
