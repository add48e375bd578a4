/** Mutants that all shaders have which take an array element by element. */
import { type Mutant, of } from './mutant.ts';

/** What they all may get wrong: which elements there are. `length` is the parameter that bounds them. */
export function addresses(file: string, length: string): Mutant[] {
  return of(file, [
    ['the last element is left out', `i < params.${length}`, `i + 1u < params.${length}`],
    ['a grid of one dimension', 'workgroup.y * workgroups.x + workgroup.x', 'workgroup.x'],
    ['a workgroup begins where one of 64 elements would', '* 256u + lane', '* 64u + lane'],
    ['three of four steps', 'step < 256u / WIDTH', 'step < 192u / WIDTH'],
    ['steps of 32 lanes', 'WIDTH * step', '32u * step'],
  ]);
}

export function gated(file: string): Mutant[] {
  return of(file, [
    ['the gate is ignored', 'if (gate[0] == 0.0)', 'if (false)'],
    ['the gate is inverted', 'gate[0] == 0.0', 'gate[0] != 0.0'],
  ]);
}
