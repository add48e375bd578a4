// A convolution: one output value an invocation.
//
//     y[n, f, oy, ox] = Σ over c, ky, kx of w[f, c, ky, kx] · x[n, c, oy·sy + ky·dy − top, ox·sx + kx·dx − left]
//
// Bindings: x [batch, channels, height, width], w [filters, channels/groups, kernel], y [batch, filters, out_height, out_width].
// Bytes: 4·(x + w + y), what caches cannot hold again and again. Operations: 2·length·channels/groups·taps. It is plain: encoders on
// WebGPU have onnxruntime's convolutions.

struct Params {
  // Of y.
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
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// The workgroup size: the host gives what the device allows (src/kernels/webgpu/variants.ts). No result depends on it.
override WIDTH: u32 = 64u;

fn value_of(i: u32) -> f32 {
  let channels = params.channels / params.groups;
  let column = i % params.out_width;
  let row = i / params.out_width % params.out_height;
  let f = i / (params.out_width * params.out_height) % params.filters;
  let image = i / (params.out_width * params.out_height * params.filters);
  let group = f / (params.filters / params.groups);
  let plane = params.height * params.width;
  let start = (image * params.channels + group * channels) * plane;
  let weights = f * channels * params.kernel_height * params.kernel_width;
  var sum = 0.0;
  for (var ky = 0u; ky < params.kernel_height; ky++) {
    let iy = i32(row * params.stride_y + ky * params.dilation_y) - i32(params.top);
    if (iy < 0 || iy >= i32(params.height)) {
      continue;
    }
    for (var kx = 0u; kx < params.kernel_width; kx++) {
      let ix = i32(column * params.stride_x + kx * params.dilation_x) - i32(params.left);
      if (ix < 0 || ix >= i32(params.width)) {
        continue;
      }
      let seen = start + u32(iy) * params.width + u32(ix);
      for (var c = 0u; c < channels; c++) {
        let at = (c * params.kernel_height + ky) * params.kernel_width + kx;
        sum += w[weights + at] * x[seen + c * plane];
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
      y[i] = value_of(i);
    }
  }
}
