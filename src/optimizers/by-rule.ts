import type { OptimizedParameter } from './optimizer.ts';

/** One call of a kernel takes many parameters, which have to be treated alike. */
export function byRule(parameters: readonly OptimizedParameter[]): OptimizedParameter[][] {
  const alike = new Map<string, OptimizedParameter[]>();
  for (const parameter of parameters) {
    const { decay, adapt, rate } = parameter.rule;
    const key = `${decay} ${adapt} ${rate}`;
    alike.set(key, [...(alike.get(key) ?? []), parameter]);
  }
  return [...alike.values()];
}
