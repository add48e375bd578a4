/** Whole steps with each optimizer: what it keeps, what a resumed run goes on with, what a bad step leaves. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPTIMIZER_NAMES } from '../../src/optimizers/names.ts';
import { optimizerNamed } from '../../src/optimizers/registry.ts';
import { belongs } from '../../src/settings/owners.ts';
import type { SettingName, Settings } from '../../src/settings/settings.ts';
import { resolveConfig } from '../../src/train/configure.ts';
import type { SavedState } from '../../src/train/state.ts';
import { expectSameState, input, LAYOUT, openTiny, SETTINGS, type TinyEncoders } from '../train/tiny.ts';

let tiny: TinyEncoders;
beforeAll(async () => {
  tiny = await openTiny(2);
});
afterAll(() => tiny.dispose());

const valuesOf = (state: SavedState, name: string) => state.get(name)!.data as Float32Array;

describe.each(OPTIMIZER_NAMES)('%s', (name) => {
  const optimizer = optimizerNamed(name);
  const own = Object.entries(resolveConfig('moco-cifar', { optimizer: name })).filter(
    ([setting]) =>
      belongs(setting as SettingName, { method: 'other', optimizer: name }) && !(setting in SETTINGS),
  );
  const settings: Partial<Settings> = { ...Object.fromEntries(own), optimizer: name };
  const trainer = (saved?: SavedState) => tiny.trainer({ optimizer, settings, ...(saved ? { saved } : {}) });

  it('moves every parameter, and goes on from a saved state with the same bits', async () => {
    const whole = await trainer();
    const start = await whole.state();
    await (await whole.step(input(1))).result;
    const saved = await whole.state();
    await (await whole.step(input(2))).result;
    await (await whole.step(input(3))).result;
    const rest = await trainer(saved);
    await (await rest.step(input(2))).result;
    await (await rest.step(input(3))).result;
    const end = await whole.state();
    expectSameState(await rest.state(), end);
    for (const { name: parameter } of LAYOUT.parameters) {
      const [before, after] = [start, end].map((state) => valuesOf(state, `encoder_q.${parameter}`));
      expect(after, parameter).not.toEqual(before);
    }
    const slots = [...end.keys()].filter((key) => /^(momentum|exp_avg|exp_avg_sq)\./.test(key));
    expect(slots).toEqual(
      optimizer.slots.flatMap((slot) => LAYOUT.parameters.map((parameter) => `${slot}.${parameter.name}`)),
    );
    for (const key of slots) expect(valuesOf(start, key).every((value) => value === 0)).toBe(true);
  });

  it('leaves everything as it was where a step goes bad', async () => {
    const whole = await trainer();
    await (await whole.step(input(1))).result;
    const saved = await whole.state();
    const bad = input(2, (images) => {
      images[0] = Number.NaN;
    });
    await expect(whole.step(bad).then(({ result }) => result)).rejects.toThrow(/not finite/);
    expectSameState(await whole.state(), saved);
  });
});

describe('the rule of lars', () => {
  it('decays and adapts what has more than one axis, and nothing else', () => {
    const { rule } = optimizerNamed('lars');
    expect(rule({ name: 'conv1.weight', shape: [64, 3, 7, 7] })).toEqual({
      decay: true,
      adapt: true,
      rate: 1,
    });
    expect(rule({ name: 'fc.weight', shape: [1, 8] })).toEqual({ decay: true, adapt: true, rate: 1 });
    expect(rule({ name: 'fc.bias', shape: [8] })).toEqual({ decay: false, adapt: false, rate: 1 });
    expect(rule({ name: 'scale', shape: [] })).toEqual({ decay: false, adapt: false, rate: 1 });
  });
});
