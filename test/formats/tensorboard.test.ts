import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/formats/crc32c.ts';
import { eventFileStart, scalarsRecord } from '../../src/formats/tensorboard.ts';
import { readEvents } from './tfevents.ts';

describe('CRC-32C', () => {
  const bytes = (length: number, value: (i: number) => number) =>
    Uint8Array.from({ length }, (_, i) => value(i));

  it.each([
    // RFC 3720, appendix B.4
    ['32 zeros', bytes(32, () => 0), 0x8a9136aa],
    ['32 ones', bytes(32, () => 0xff), 0x62a8ab43],
    ['ascending', bytes(32, (i) => i), 0x46dd794e],
    ['descending', bytes(32, (i) => 31 - i), 0x113fdb5c],
    // The check value of the catalog of CRC algorithms.
    ['123456789', new TextEncoder().encode('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(), 0],
  ])('of %s', (_, data, expected) => {
    expect(crc32c(data)).toBe(expected);
  });
});

describe('an event file', () => {
  const concat = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

  // Written by TensorBoard 2.21 itself: RecordWriter and event_pb2, of the same values.
  it('has the bytes that TensorBoard writes', () => {
    const scalars = { 'train/loss': 6.5, 'knn/backbone': 30.1 };
    expect(Buffer.from(scalarsRecord(1_700_000_000.25, 300, scalars)).toString('hex')).toBe(
      '36000000000000004f578cef0900001040fc54d94110ac022a280a110a0a747261696e2f6c6f7373150000d040' +
        '0a130a0c6b6e6e2f6261636b626f6e6515cdccf041f072a431',
    );
    expect(Buffer.from(eventFileStart(1_700_000_000.25, 41)).toString('hex')).toMatch(
      /0f000000000000006d532b090900001040fc54d94110293a0208013eb6350d$/,
    );
  });

  it('holds its version, then scalars at their steps', () => {
    const file = concat(
      eventFileStart(1.7e9 + 0.25, null),
      scalarsRecord(1.7e9 + 1, 1, { 'train/loss': 1 / 3, 'train/lr': 0.06 }),
      scalarsRecord(1.7e9 + 2, 2 ** 31 + 5, { ü: -0.5, none: Number.NaN }),
    );
    expect(readEvents(file)).toEqual([
      { wallTime: 1.7e9 + 0.25, step: 0, fileVersion: 'brain.Event:2' },
      {
        wallTime: 1.7e9 + 1,
        step: 1,
        scalars: { 'train/loss': Math.fround(1 / 3), 'train/lr': Math.fround(0.06) },
      },
      { wallTime: 1.7e9 + 2, step: 2 ** 31 + 5, scalars: { ü: -0.5, none: Number.NaN } },
    ]);
  });

  it('of a run that goes on hides what earlier files tell of its steps', () => {
    expect(readEvents(eventFileStart(5, 41))).toEqual([
      { wallTime: 5, step: 0, fileVersion: 'brain.Event:2' },
      { wallTime: 5, step: 41, sessionStatus: 1 },
    ]);
  });

  it('of which a bit is wrong is refused by its reader', () => {
    const file = concat(eventFileStart(1, null), scalarsRecord(2, 1, { loss: 3 }));
    for (let i = 0; i < file.length; i++) {
      const broken = file.slice();
      broken[i]! ^= 4;
      expect(() => readEvents(broken), `byte ${i}`).toThrow();
    }
  });
});
