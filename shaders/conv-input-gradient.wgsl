// The gradient of a convolution's input: one value an invocation.
//
//     dx[n, c, iy, ix] = Σ over f, ky, kx of w[f, c, ky, kx] · dy[n, f, (iy + top − ky·dilation) / stride, (ix + left − kx·dilation) / stride],
//
// where that is a pixel of dy.
//
// Bindings: dy [batch, filters, out_height, out_width], w [filters, channels/groups, kernel], dx [batch, channels, height, width].
// Bytes: 4·(dy + w + dx), what caches cannot hold again and again. Operations: 2·batch·filters·out_height·out_width·channels/groups·taps.
// It is plain: encoders on WebGPU have onnxruntime's convolutions.

struct Params {
  // Of dx.
  length: u32,
  channels: u32,
  height: u32,
  width: u32,
  filters: u32,
  out_height: u32,
  out_width: u32,
  kernel_height: u32,
  kernel_width: u32,
  stride_y: u32,
  stride_x: u32,
  top: u32,
  left: u32,
  dilation_y: u32,
  dilation_x: u32,
  groups: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

// The workgroup size: the host gives what the device allows (src/kernels/webgpu/variants.ts). No result depends on it.
override WIDTH: u32 = 64u;

fn value_of(i: u32) -> f32 {
  let channels = params.channels / params.groups;
  let filters = params.filters / params.groups;
  let column = i % params.width + params.left;
  let row = i / params.width % params.height + params.top;
  let c = i / (params.width * params.height) % params.channels;
  let image = i / (params.width * params.height * params.channels);
  let first = c / channels * filters;
  let plane = params.out_height * params.out_width;
  let taps = params.kernel_height * params.kernel_width;
  let start = (image * params.filters + first) * plane;
  let weights = (first * channels + c % channels) * taps;
  var sum = 0.0;
  for (var ky = 0u; ky < params.kernel_height; ky++) {
    let back_y = ky * params.dilation_y;
    if (back_y > row || (row - back_y) % params.stride_y != 0u) {
      continue;
    }
    let oy = (row - back_y) / params.stride_y;
    if (oy >= params.out_height) {
      continue;
    }
    for (var kx = 0u; kx < params.kernel_width; kx++) {
      let back_x = kx * params.dilation_x;
      if (back_x > column || (column - back_x) % params.stride_x != 0u) {
        continue;
      }
      let ox = (column - back_x) / params.stride_x;
      if (ox >= params.out_width) {
        continue;
      }
      let at = weights + ky * params.kernel_width + kx;
      let seen = start + oy * params.out_width + ox;
      for (var f = 0u; f < filters; f++) {
        sum += w[at + f * channels * taps] * dy[seen + f * plane];
      }
    }
  }
  return sum;
}

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (workgroup.y * workgroups.x + workgroup.x) * 256u + lane;
  for (var step = 0u; step < 256u / WIDTH; step++) {
    let i = first + WIDTH * step;
    if (i < params.length) {
      dx[i] = value_of(i);
    }
  }
}
