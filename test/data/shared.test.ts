import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { packIntegers, packStrings, stringAt } from '../../src/data/shared.ts';

const NAMES = ['a/1.jpg', '', 'Ärger/日本/🦓.png', '\ufeffmark', 'x'.repeat(200_000), '日'.repeat(100_000), 'z'];

describe.each([
  ['shared', undefined],
  ['not shared', false],
])('in memory that is %s', (_name, isolated) => {
  const stub = () => {
    vi.stubGlobal('crossOriginIsolated', isolated);
    onTestFinished(() => void vi.unstubAllGlobals());
  };

  test('strings come out as they went in, also from a copy', () => {
    stub();
    const names = packStrings(NAMES);
    expect(names.bytes.buffer instanceof SharedArrayBuffer).toBe(isolated === undefined);
    for (const strings of [names, structuredClone(names)]) {
      expect(NAMES.map((_, i) => stringAt(strings, i))).toEqual(NAMES);
      expect(stringAt(strings, NAMES.length)).toBeUndefined();
      expect(stringAt(strings, -1)).toBeUndefined();
      expect(stringAt(strings, 0.5)).toBeUndefined();
    }
    const many = Array.from({ length: 10_000 }, (_, i) => (i < 9000 ? `a/${i}.jpg` : `ä/${i}.jpg`));
    const packed = packStrings(many);
    expect(many.map((_, i) => stringAt(packed, i))).toEqual(many);
    expect(packStrings([])).toEqual({ bytes: new Uint8Array(0), ends: new Uint32Array(0) });
  });

  test('whole numbers too', () => {
    stub();
    const packed = packIntegers([3, -1, 2 ** 31 - 1]);
    expect([...packed]).toEqual([3, -1, 2 ** 31 - 1]);
    expect(packed.buffer instanceof SharedArrayBuffer).toBe(isolated === undefined);
  });
});

test('a message does not copy what is shared', () => {
  const packed = packStrings(['cat']);
  structuredClone(packed).bytes.set([98]);
  expect(stringAt(packed, 0)).toBe('bat');
});
