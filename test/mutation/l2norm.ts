import { of } from './mutant.ts';

const BARRIER = 'workgroupBarrier();';
const SUMS = `sums[l] = sum;\n  }\n  ${BARRIER}`;

export const WGSL = [
  ...of('l2norm.wgsl', [
    ['no clamp', 'let clamped = length <= 1e-12', 'let clamped = false'],
    ['clamps from 1e-8 on', 'length <= 1e-12', 'length <= 1e-8'],
    ['divides what it clamps by 1', 'select(scaled, 1e-12, clamped)', 'select(scaled, 1.0, clamped)'],
    ['the norm is clamped, too', 'select(bitcast<u32>(length)', 'select(bitcast<u32>(max(length, 1e-12))'],
    ['rows are not scaled', 'let biased = clamp(254u - min(exponent, 254u), 1u, 253u)', 'let biased = 127u'],
    ['the sign counts as exponent', '& 0x7fffffffu) >> 23u', '& 0xffffffffu) >> 23u'],
    ['the norm is squared', 'sqrt(sums[0])', 'sums[0]'],
    ['the norm stays scaled', 'let length = scaled * inverse', 'let length = scaled'],
    ['rows 64 apart', 'let start = row * params.dim', 'let start = row * WIDTH'],
    ['rows in one dimension', 'workgroup.y * workgroups.x + workgroup.x', 'workgroup.x'],
    ['the largest of one lane', 'largest_of_all(exponent, lane)', 'exponent'],
    ['the sum of half of the lanes', 'half = LANES / 2u', 'half = LANES / 4u'],
    ['the largest of 64 columns', 'c < params.dim;', 'c < min(params.dim, WIDTH);', { at: 1 }],
    ['the sum of 64 columns', 'c < params.dim;', 'c < min(params.dim, LANES);', { at: 2 }],
    ['writes 64 columns', 'c < params.dim;', 'c < min(params.dim, WIDTH);', { at: 3 }],
    ['sums before all lanes are there', SUMS, 'sums[l] = sum;\n  }'],
    ['lanes run into each other', 'c = l; c <', 'c = lane; c <'],
    ['the sum begins at 1', 'var sum = 0.0', 'var sum = 1.0'],
    [
      'what is not finite goes on',
      'let bad = exponent == 255u',
      'let bad = false',
      { equivalent: 'float32 of SwiftShader keeps NaN; WGSL lets a device assume that there are none' },
    ],
  ]),
];

export const WASM = [
  ...of('l2norm.ts', [
    ['no clamp', 'max(length, EPSILON)', 'length'],
    ['clamps from 1e-8 on', 'EPSILON: f64 = 1e-12', 'EPSILON: f64 = 1e-8'],
    ['the norm is squared', 'Math.sqrt(dot64(x, x, dim))', 'dot64(x, x, dim)'],
    ['the norm is clamped, too', '<f32>length);', '<f32>max(length, EPSILON));'],
    ['the norm of another row', 'norm + ((<usize>r) << 2)', 'norm'],
    ['divides by a rounded norm', 'max(length, EPSILON)', '<f64>(<f32>max(length, EPSILON))'],
    ['the sum of 64 columns', 'dot64(x, x, dim)', 'dot64(x, x, min(dim, 64))'],
  ]),
  ...of('vector.ts', [
    ['the last of an odd number', 'if (i < length) total', 'if (i < length - 1) total'],
    ['one of two lanes', ' + f64x2.extract_lane(sum, 1)', ''],
    [
      'products in float32',
      'f64x2.mul(x, y)',
      'f64x2.promote_low_f32x4(f32x4.mul(v128.load64_zero(a), v128.load64_zero(b)))',
    ],
  ]),
];
