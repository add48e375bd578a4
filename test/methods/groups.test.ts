import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { groupPositions } from '../../src/methods/groups.ts';

describe('groups', () => {
  it('sample n belongs to group n mod groups', () => {
    expect([...groupPositions(0, 2, 8)]).toEqual([0, 2, 4, 6]);
    expect([...groupPositions(1, 2, 8)]).toEqual([1, 3, 5, 7]);
    expect([...groupPositions(0, 1, 3)]).toEqual([0, 1, 2]);
  });

  it('row i of the shuffled keys is the image at shuffle[i], and belongs to group i mod groups', () => {
    const shuffle = Uint32Array.of(5, 3, 0, 1, 4, 2);
    expect([...groupPositions(0, 3, 6, shuffle)]).toEqual([5, 1]);
    expect([...groupPositions(1, 3, 6, shuffle)]).toEqual([3, 4]);
    expect([...groupPositions(2, 3, 6, shuffle)]).toEqual([0, 2]);
  });

  it('every image is in one group of queries and in one of keys, whatever the shuffle', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 6 }));
    const cases = sizes.chain(([groups, size]) => {
      const positions = Array.from({ length: groups * size }, (_, i) => i);
      const shuffle = fc.shuffledSubarray(positions, { minLength: positions.length });
      return fc.tuple(fc.constant(groups), shuffle);
    });
    fc.assert(
      fc.property(cases, ([groups, order]) => {
        const shuffle = Uint32Array.from(order);
        const all = order.toSorted((a, b) => a - b);
        const ofGroups = (positions: (group: number) => Uint32Array) => {
          const lists = Array.from({ length: groups }, (_, group) => [...positions(group)]);
          expect(new Set(lists.map(({ length }) => length)).size).toBe(1);
          return lists.flat().sort((a, b) => a - b);
        };
        expect(ofGroups((group) => groupPositions(group, groups, order.length))).toEqual(all);
        expect(ofGroups((group) => groupPositions(group, groups, order.length, shuffle))).toEqual(all);
      }),
    );
  });
});
