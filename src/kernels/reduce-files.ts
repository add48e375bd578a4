/** What shaders that add up within a workgroup begin with. */
import reduce from '../../shaders/reduce.wgsl';
import plain from '../../shaders/reduce-plain.wgsl';
import subgroups from '../../shaders/reduce-subgroups.wgsl';
import type { ShaderFile } from './shader.ts';

export const REDUCE_FILES: readonly ShaderFile[] = [
  {
    name: 'reduce-plain.wgsl',
    text: plain,
    withSubgroups: { name: 'reduce-subgroups.wgsl', text: subgroups },
  },
  { name: 'reduce.wgsl', text: reduce },
];
