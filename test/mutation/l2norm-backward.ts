import { of } from './mutant.ts';

const BARRIER = 'workgroupBarrier();';
const SUMS = `sums[l] = sum;\n  }\n  ${BARRIER}`;

export const WGSL = [
  ...of('l2norm-backward.wgsl', [
    ['along y, too', '(dy[start + c] - y[start + c] * projection)', 'dy[start + c]'],
    ['the sign of the projection', 'dy[start + c] - y', 'dy[start + c] + y'],
    ['projects y on itself', 'y[start + c] * dy[start + c];', 'y[start + c] * y[start + c];'],
    ['no clamp', 'let clamped = norm[row] <= 1e-12', 'let clamped = false'],
    ['projects where it clamps', 'select(sums[0], 0.0, clamped)', 'sums[0]'],
    ['not divided', 'select(norm[row], 1e-12, clamped)', 'select(1.0, 1e-12, clamped)'],
    ['the norm of the first row', 'select(norm[row],', 'select(norm[0],'],
    ['the sum of half of the lanes', 'half = LANES / 2u', 'half = LANES / 4u'],
    ['two partial sums are left', 'half > 0u', 'half > 1u'],
    ['the sum of 64 columns', 'c < params.dim;', 'c < min(params.dim, LANES);', { at: 1 }],
    ['writes 64 columns', 'c < params.dim;', 'c < min(params.dim, WIDTH);', { at: 2 }],
    ['rows in one dimension', 'workgroup.y * workgroups.x + workgroup.x', 'workgroup.x'],
    ['sums before all lanes are there', SUMS, 'sums[l] = sum;\n  }'],
    ['a tree without barriers', `    }\n    ${BARRIER}`, '    }'],
  ]),
];

export const WASM = [
  ...of('l2norm-backward.ts', [
    ['the sign of the projection', '<f64>load<f32>(dy) - ', '<f64>load<f32>(dy) + '],
    ['along y, too', ' - <f64>load<f32>(y) * projection', ''],
    ['projects where it clamps', 'clamped ? <f64>0 : dot64(y, dy, dim)', 'dot64(y, dy, dim)'],
    ['projects y on itself', 'dot64(y, dy, dim)', 'dot64(y, y, dim)'],
    ['no clamp', 'clamped ? EPSILON : length', 'length'],
    ['clamps from 1e-8 on', 'length < EPSILON', 'length < 1e-8'],
    ['the norm of the first row', 'norm + ((<usize>r) << 2)', 'norm'],
    ['the sum of 64 columns', 'dot64(y, dy, dim)', 'dot64(y, dy, min(dim, 64))'],
  ]),
];
