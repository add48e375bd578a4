import { describe, expect, it } from 'vitest';
import { givenAway, inPieces, PieceReceiver } from '../../src/page/parcel.ts';

const PIECE = 2 ** 22;

/** Sent as a message would be, which clones. */
async function sent<Value>(value: Value): Promise<{ received: Value; pieces: number[] }> {
  const receiver = new PieceReceiver();
  const pieces: number[] = [];
  const parcel = await inPieces(value, async (...piece) => {
    const [, , , bytes] = piece;
    pieces.push(bytes.byteLength);
    expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
    receiver.add(...structuredClone(piece));
  });
  const posted = structuredClone(parcel);
  return { received: receiver.unpack(posted), pieces };
}

const ramp = (length: number) => Float32Array.from({ length }, (_, i) => i / 3);

describe('a parcel', () => {
  it('gives back plain data, its arrays wherever they stand', async () => {
    const floats = ramp(10_000);
    const value = {
      name: 'x',
      none: null,
      nothing: {},
      missing: undefined,
      small: floats.subarray(3, 5),
      list: [
        floats,
        Float64Array.from(floats),
        'y',
        [BigInt64Array.from({ length: 5000 }, (_, i) => BigInt(-i))],
      ],
      map: new Map<string, unknown>([
        ['a', { data: Uint8Array.from(floats), shape: [100, 100] }],
        ['b', Uint16Array.from(floats)],
        ['c', Int32Array.from(floats)],
      ]),
    };
    const { received, pieces } = await sent(value);
    expect(received).toEqual(value);
    // 'a' has 10 kB, and goes with the rest.
    expect(pieces).toEqual([40_000, 80_000, 40_000, 20_000, 40_000]);
  });

  it('cuts an array where it is too large for one message, and leaves it as it is', async () => {
    const floats = ramp(PIECE / 4 + 70_000);
    const value = floats.subarray(50_000);
    const expected = Buffer.from(value.slice().buffer);
    const { received, pieces } = await sent(value);
    expect(pieces).toEqual([PIECE, 80_000]);
    for (const floats of [received, value]) {
      const { buffer, byteOffset, byteLength } = floats;
      expect(expected.equals(new Uint8Array(buffer, byteOffset, byteLength))).toBe(true);
    }
  });

  it('takes nothing along of the buffer that a small array is a view of', async () => {
    const content = await inPieces({ small: ramp(1_000_000).subarray(0, 10) }, async () => {});
    const { small } = content.content as { small: Float32Array };
    expect(small.buffer.byteLength).toBe(40);
  });

  it('can follow another', async () => {
    const receiver = new PieceReceiver();
    for (const length of [5000, 7000]) {
      const parcel = await inPieces([ramp(length)], async (...piece) => receiver.add(...piece));
      expect(receiver.unpack(parcel)).toEqual([ramp(length)]);
    }
  });

  it('is refused where an array of it was not given', async () => {
    const parcel = await inPieces(ramp(5000), async () => {});
    expect(() => new PieceReceiver().unpack(parcel)).toThrow(/array 0 of a parcel has not been given/);
  });
});

it('what is given away is transferred, each buffer once, but for shared memory', async () => {
  const { port1, port2 } = new MessageChannel();
  const { expose, wrap } = await import('comlink');
  const floats = ramp(100);
  const shared = new Int32Array(new SharedArrayBuffer(16));
  const value = { map: new Map([['a', floats.subarray(0, 50)]]), rest: [floats.subarray(50), shared] };
  const expected = structuredClone(value);
  expose({ take: () => givenAway(value) }, port1 as unknown as Parameters<typeof expose>[1]);
  const remote = wrap<{ take(): typeof value }>(port2 as unknown as Parameters<typeof wrap>[0]);
  port1.start?.();
  expect(await remote.take()).toEqual(expected);
  expect(floats.length).toBe(0);
  expect(shared.length).toBe(4);
  port1.close();
  port2.close();
});
